"""Names that safetensors can't hold, by the escaping rule of docs/naming.md, and others that it must leave alone."""

from __future__ import annotations

from bench.conversion.layout import Family, Made
from tests.zoo import ramp

FAMILY = Family("names")


@FAMILY.saves("name_metadata")
def _metadata() -> Made:
    return {"__metadata__": ramp(2), "w": ramp(3)}, {"%5F_metadata__": ramp(2), "w": ramp(3)}


@FAMILY.saves("name_empty")
def _empty() -> Made:
    return {"": ramp(2), "m": {"": ramp(3)}}, {"%": ramp(2), "m.": ramp(3)}


@FAMILY.saves("name_nul")
def _nul() -> Made:
    return {"a\0b": ramp(2), "50%\0": ramp(4)}, {"a%00b": ramp(2), "50%25%00": ramp(4)}


@FAMILY.saves("name_surrogate")
def _surrogate() -> Made:
    return {"x\ud800": ramp(2)}, {"x%ED%A0%80": ramp(2)}


@FAMILY.saves("name_percent")
def _percent() -> Made:
    return {"50%": ramp(2), "%00": ramp(3)}, {"50%": ramp(2), "%00": ramp(3)}


@FAMILY.saves("name_unicode")
def _unicode() -> Made:
    state = {"größe": ramp(2), "重み": ramp(3), "a b/c": ramp(4), '"quoted"\n': ramp(5)}
    return state, dict(state)
