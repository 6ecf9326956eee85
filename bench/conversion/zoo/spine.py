"""The layouts that the tests' own zoo writes: torch's zip and legacy formats, and plain pickles."""

from __future__ import annotations

from bench.conversion.layout import Family
from tests.zoo import ZOO, suffix

FAMILY = Family("torch.save and pickle")

for _name, _build in ZOO.items():
    FAMILY.layout(_name, f"model{suffix(_name)}")(_build)
