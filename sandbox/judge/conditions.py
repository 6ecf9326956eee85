"""What a rule may look at: a family of facts, and the conditions of a row on one of them. TOML -> frozen types.

A condition that is left out is no condition.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from sandbox.judge.names import glob


@dataclass(frozen=True)
class FactWhen:
    """Conditions on what the host concluded."""

    fact: str = ""  # an id that second_look.py, phases.py, comparison.py or completeness.py gives


@dataclass(frozen=True)
class EventWhen:
    """Conditions on one event."""

    kinds: tuple[str, ...] = ()  # globs
    calls: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    detail: Mapping[str, re.Pattern[str]] = field(default_factory=dict)  # each must be there and match
    count: int = 0  # of this one, at least
    rows: int = 0  # different ones that meet the other conditions, at least
    value: float = 0.0  # detail `value` as a number, at least


@dataclass(frozen=True)
class GlobalWhen:
    """Conditions on one use of one global."""

    classes: tuple[str, ...] = ()  # of the tables of globals
    names: re.Pattern[str] | None = None  # written as a list of globs, as in those tables
    uses: tuple[str, ...] = ()
    indirect: bool | None = None
    arguments: tuple[str, ...] = ()  # levels of arguments.py: how much the file could say through them
    arguments_like: re.Pattern[str] | None = None
    arguments_unlike: re.Pattern[str] | None = None
    holds_call: bool | None = None  # among the arguments is an object that the file had made by a call
    values: re.Pattern[str] | None = None  # written as `names`: calls of these don't count for that
    names_unlike: re.Pattern[str] | None = None  # likewise
    swept: bool | None = None  # named by no more than a glob of all that its package holds
    named: str = ""  # "class" or "function", by the last word's first letter
    surveyed: bool | None = None  # of a package whose harmless names are all in the tables
    # The file also uses a global of one of these classes; `handed`: hands this one to a call, with something beside it.
    beside: tuple[str, ...] = ()


@dataclass(frozen=True)
class OddityWhen:
    """Conditions on one oddity of the structure."""

    ids: tuple[str, ...] = ()  # globs


@dataclass(frozen=True)
class TextWhen:
    """Conditions on one string that matters."""

    kinds: tuple[str, ...] = ()  # globs
    encoded: bool | None = None
    how: tuple[str, ...] = ()  # globs of the whole way: "base64 > zlib"
    like: re.Pattern[str] | None = None
    unlike: re.Pattern[str] | None = None
    used: bool | None = None  # as an argument of something that isn't known to be harmless
    classes: tuple[str, ...] = ()  # it is a pickle that names a global of one of these classes
    beside: tuple[str, ...] = ()  # the file itself uses a global of one of these classes
    apart: tuple[str, ...] = ()  # and none of these


When = FactWhen | EventWhen | GlobalWhen | OddityWhen | TextWhen

# A family is a file of configs/rules/. Their order is that of the rows, the most telling first: what was proven, seen,
# named, how it is built, and what lies in it.
FAMILIES: dict[str, type[Any]] = {
    "watch": FactWhen,
    "comparison": FactWhen,
    "completeness": FactWhen,
    "event": EventWhen,
    "global": GlobalWhen,
    "oddity": OddityWhen,
    "text": TextWhen,
}


def parse_when(family: str, table: Mapping[str, Any]) -> Any:
    """A row's conditions. Raises ValueError, TypeError or re.error."""
    kind = FAMILIES[family]
    known = {spec.name: str(spec.type) for spec in fields(kind)}
    unknown = table.keys() - known.keys()
    if unknown:
        raise ValueError(f"no such condition: {', '.join(sorted(unknown))}")
    return kind(**{key: _CONVERT[known[key]](value) for key, value in table.items()})


def text(value: object) -> str:
    """A text of TOML. Raises TypeError."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def texts(value: object) -> tuple[str, ...]:
    """A list of texts. Raises TypeError."""
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is not a list of texts")
    return tuple(map(text, value))


def globs(value: object) -> re.Pattern[str]:
    """A list of globs of dotted names, one of which must match the whole. Raises TypeError."""
    return re.compile("|".join(map(glob, texts(value))), re.DOTALL)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is not true or false")
    return value


def _number(value: object) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is not a number")
    return value


def _pattern(value: object) -> re.Pattern[str]:
    """A text is a regular expression, a list is globs of dotted names. Either must match the whole."""
    return globs(value) if isinstance(value, list) else re.compile(text(value), re.DOTALL)


def _patterns(value: object) -> Mapping[str, re.Pattern[str]]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{value!r} is not a table of patterns")
    return {text(key): _pattern(pattern) for key, pattern in value.items()}


# How a condition of each declared type is read from TOML.
_CONVERT: dict[str, Any] = {
    "tuple[str, ...]": texts,
    "bool | None": _flag,
    "str": text,
    "re.Pattern[str] | None": _pattern,
    "Mapping[str, re.Pattern[str]]": _patterns,
    "int": _number,
    "float": _number,
}
