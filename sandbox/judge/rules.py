"""The judge's rules as types, and their parser: tables already read from TOML -> `Rules`, or CallerError.

A rule is a row. Its family says what it looks at (`event`, `global`, `fact`, `oddity`); its conditions are the fields
of that family's `...When` below, and a condition that is left out is no condition. Within a family the first row that
matches a thing takes it; a row further down never sees it. So rows stand worst first, exceptions before their default.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from sandbox import messages
from sandbox.facts import Verdict
from sandbox.judge.names import Names, glob, parse_names

SEVERITIES = ("critical", "high", "medium", "low", "info")
VERDICTS = {
    "malicious": Verdict.MALICIOUS,
    "suspicious": Verdict.SUSPICIOUS,
    "inconclusive": Verdict.INCONCLUSIVE,
    "info": Verdict.CLEAN,
}
PLACEHOLDERS = frozenset({"subject", "detail", "does", "count"})


@dataclass(frozen=True)
class GlobalWhen:
    """Conditions on one use of one global."""

    classes: tuple[str, ...] = ()  # of configs/globals/
    names: re.Pattern[str] | None = None  # written as a list of globs, as in configs/globals/
    uses: tuple[str, ...] = ()
    indirect: bool | None = None
    arguments: str = ""  # "none", "word": how much the file could say through them
    arguments_like: re.Pattern[str] | None = None
    arguments_unlike: re.Pattern[str] | None = None
    named: str = ""  # "class" or "function", by the last word's first letter
    surveyed: bool | None = None  # of a package whose harmless names are all in the tables
    beside: tuple[str, ...] = ()  # the file also uses a global of one of these classes


@dataclass(frozen=True)
class OddityWhen:
    ids: tuple[str, ...] = ()  # globs


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
class FactWhen:
    fact: str = ""  # an id that comparison.py or completeness.py gives


W = TypeVar("W", GlobalWhen, OddityWhen, EventWhen, FactWhen)
When = GlobalWhen | OddityWhen | EventWhen | FactWhen
# Their order is the order of the rows, the most telling first: what was proven, seen, named, and how it is built.
FAMILIES: dict[str, type[Any]] = {"fact": FactWhen, "event": EventWhen, "global": GlobalWhen, "oddity": OddityWhen}


@dataclass(frozen=True)
class Rule:
    """One row."""

    id: str
    title: str
    severity: str
    verdict: Verdict
    explanation: str
    when: When
    summary: str = ""  # for a person in a hurry, when the explanation is not short enough
    techniques: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rules:
    """All rows, in their order, with the tables they refer to."""

    rows: tuple[Rule, ...]
    names: Names
    formats: Mapping[str, str]  # a format's name -> what a person calls it

    def of(self, family: type[W]) -> list[tuple[Rule, W]]:
        """The rows of one family, each with its conditions."""
        return [(row, row.when) for row in self.rows if isinstance(row.when, family)]


@dataclass(frozen=True)
class Match:
    """A rule that took something: what fills its placeholders, and the line that proves it."""

    rule: Rule
    evidence: str
    subject: str = ""
    detail: str = ""
    does: str = ""
    techniques: tuple[str, ...] = ()


def parse_rules(rules_table: Mapping[str, Any], globals_table: Mapping[str, Any]) -> Rules:
    """The tables of rules.toml and configs/globals/ as `Rules`. Raises CallerError, naming the row."""
    unknown = rules_table.keys() - FAMILIES.keys() - {"formats"}
    if unknown:
        raise messages.error("rules.family", names=", ".join(sorted(unknown)), families=", ".join(FAMILIES))
    rows = tuple(_row(family, row) for family in FAMILIES for row in _tables(rules_table, family))
    ids = [row.id for row in rows]
    twice = sorted({row_id for row_id in ids if ids.count(row_id) > 1})
    if twice:
        raise messages.error("rules.twice", ids=", ".join(twice))
    formats = rules_table.get("formats", {})
    if not isinstance(formats, Mapping) or not all(isinstance(text, str) for text in formats.values()):
        raise messages.error("rules.formats")
    return Rules(rows, parse_names(globals_table), dict(formats))


def _tables(table: Mapping[str, Any], family: str) -> Sequence[Mapping[str, Any]]:
    rows = table.get(family, [])
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise messages.error("rules.rows", family=family)
    return rows


def _row(family: str, table: Mapping[str, Any]) -> Rule:
    where = f"rules: {family} {table.get('id', '(without id)')}"
    rest = dict(table)
    try:
        texts = {key: _text(rest.pop(key)) for key in ("id", "title", "severity", "verdict", "explanation")}
        summary = _text(rest.pop("summary", ""))
        techniques = _texts(rest.pop("techniques", []))
        when = _when(FAMILIES[family], rest)
    except (KeyError, ValueError, TypeError, re.error) as error:
        raise messages.error("rules.row", where=where, why=error) from None
    if texts["severity"] not in SEVERITIES or texts["verdict"] not in VERDICTS:
        raise messages.error("rules.word", where=where, verdicts=", ".join(VERDICTS))
    for template in (texts["explanation"], summary):
        _check_template(where, template)
    verdict = VERDICTS[texts.pop("verdict")]
    return Rule(**texts, verdict=verdict, when=when, summary=summary, techniques=techniques)


def _when(family: type[Any], table: Mapping[str, Any]) -> Any:
    known = {spec.name: str(spec.type) for spec in fields(family)}
    unknown = table.keys() - known.keys()
    if unknown:
        raise ValueError(f"no such condition: {', '.join(sorted(unknown))}")
    return family(**{key: CONVERT[known[key]](value) for key, value in table.items()})


def _check_template(where: str, template: str) -> None:
    try:
        used = {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
    except ValueError as error:
        raise messages.error("rules.braces", where=where, why=error) from None
    if used - PLACEHOLDERS:
        raise messages.error("rules.placeholder", where=where, placeholders=", ".join(sorted(PLACEHOLDERS)))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is not a list of texts")
    return tuple(map(_text, value))


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
    if isinstance(value, list):
        return re.compile("|".join(map(glob, _texts(value))), re.DOTALL)
    return re.compile(_text(value), re.DOTALL)


def _patterns(value: object) -> Mapping[str, re.Pattern[str]]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{value!r} is not a table of patterns")
    return {_text(key): _pattern(pattern) for key, pattern in value.items()}


# How a condition of each declared type is read from TOML.
CONVERT: dict[str, Any] = {
    "tuple[str, ...]": _texts,
    "bool | None": _flag,
    "str": _text,
    "re.Pattern[str] | None": _pattern,
    "Mapping[str, re.Pattern[str]]": _patterns,
    "int": _number,
    "float": _number,
}
