"""The judge's rules as types, and their parser: tables already read from TOML -> `Rules`, or CallerError.

A rule is a row. Its family says what it looks at, and conditions.py what conditions a row of that family has. Within a
family the first row that matches a thing takes it; a row further down never sees it. So rows stand worst first,
exceptions before their default.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sandbox import messages
from sandbox.facts import NOWHERE, Cite, Technique, Verdict
from sandbox.judge.conditions import (
    FAMILIES,
    EventWhen,
    FactWhen,
    GlobalWhen,
    OddityWhen,
    TextWhen,
    When,
    parse_when,
    text,
    texts,
)
from sandbox.judge.names import Names, parse_names

SEVERITIES = ("critical", "high", "medium", "low", "info")
CONFIDENCES = ("high", "medium", "low")
VERDICTS = {
    "malicious": Verdict.MALICIOUS,
    "suspicious": Verdict.SUSPICIOUS,
    "inconclusive": Verdict.INCONCLUSIVE,
    "info": Verdict.CLEAN,
}
WORDS = {"severity": SEVERITIES, "confidence": CONFIDENCES, "verdict": tuple(VERDICTS)}
PLACEHOLDERS = frozenset({"subject", "detail", "does", "count"})
_REQUIRED = ("id", "title", "severity", "confidence", "verdict", "explanation")

W = TypeVar("W", FactWhen, EventWhen, GlobalWhen, OddityWhen, TextWhen)


@dataclass(frozen=True)
class Rule:
    """One row.

    `confidence`: how sure it is that its title is true of what it takes. `advice`: what to do. `reason`: why a user
    added or changed it. `native`: its verdict before a user changed that.
    """

    family: str
    id: str
    title: str
    severity: str
    confidence: str
    verdict: Verdict
    explanation: str
    when: When
    summary: str = ""  # for a person in a hurry, when the explanation is not short enough
    advice: str = ""
    techniques: tuple[str, ...] = ()
    reason: str = ""
    native: Verdict | None = None

    @property
    def spoils(self) -> bool:
        """Whether what it takes is no load's ordinary doing, whatever a user makes of it."""
        return (self.native or self.verdict) is not Verdict.CLEAN


@dataclass(frozen=True)
class Silence:
    """A user's word that findings of one rule are to be kept out of the verdict, and why."""

    rule: str
    reason: str
    only: re.Pattern[str] | None = None  # subjects or details; None: all


@dataclass(frozen=True)
class Rules:
    """All rows, in their order, with the tables they refer to.

    `added`: a user's own, which look at everything once more: none takes a thing away from the others.
    """

    rows: tuple[Rule, ...]
    names: Names
    formats: Mapping[str, str]  # a format's name -> what a person calls it
    techniques: Mapping[str, Technique]
    added: tuple[Rule, ...] = ()
    silences: tuple[Silence, ...] = ()

    def of(self, conditions: type[W]) -> list[tuple[Rule, W]]:
        """The rows that have such conditions, each with them."""
        return [(row, row.when) for row in self.rows if isinstance(row.when, conditions)]

    def books(self) -> Iterator[Rules]:
        """Those that come with the program, and a user's own."""
        yield self
        yield replace(self, rows=self.added, added=())

    def silence(self, match: Match) -> Silence | None:
        """What keeps this out of the verdict."""
        rows = (row for row in self.silences if row.rule == match.rule.id)
        said = (match.subject, match.detail)
        return next((row for row in rows if row.only is None or any(map(row.only.fullmatch, said))), None)


@dataclass(frozen=True)
class Match:
    """A rule that took something: what fills its placeholders, the line that proves it, and where that is seen."""

    rule: Rule
    evidence: str
    subject: str = ""
    detail: str = ""
    does: str = ""
    techniques: tuple[str, ...] = ()
    cite: Cite = NOWHERE


def parse_rules(
    tables: Mapping[str, Mapping[str, Any]],
    globals_table: Mapping[str, Any],
    formats: Mapping[str, Any],
    techniques: Mapping[str, Any],
) -> Rules:
    """The rules that come with the program. `tables`: by family, its file's; the others are those of the files of these
    names. Raises CallerError, naming the row."""
    refuse_families(tables.keys())
    rows = tuple(row for family in FAMILIES for row in parse_rows(family, tables.get(family, {})))
    refuse_twice(rows)
    if not all(isinstance(said, str) for said in formats.values()):
        raise messages.error("rules.formats")
    return Rules(rows, parse_names(globals_table), dict(formats), _techniques(techniques))


def _techniques(table: Mapping[str, Any]) -> dict[str, Technique]:
    try:
        rows = [(bool(text(row["checked"])), row["techniques"].items()) for row in table["list"]]
        return {ident: Technique(ident, text(name), checked) for checked, names in rows for ident, name in names}
    except (KeyError, TypeError, AttributeError) as error:
        raise messages.error("rules.techniques", why=f"{type(error).__name__}: {error}") from None


def refuse_families(names: Iterable[str]) -> None:
    """Raises CallerError unless each is one."""
    unknown = set(names) - FAMILIES.keys()
    if unknown:
        raise messages.error("rules.family", names=", ".join(sorted(unknown)), families=", ".join(FAMILIES))


def refuse_twice(rows: Sequence[Rule]) -> None:
    """Raises CallerError when two have one id."""
    ids = [row.id for row in rows]
    twice = sorted({row_id for row_id in ids if ids.count(row_id) > 1})
    if twice:
        raise messages.error("rules.twice", ids=", ".join(twice))


def parse_rows(family: str, table: Mapping[str, Any], file: str = "rules") -> Iterator[Rule]:
    """The rows of one family. `advice`: a table of what to do, by verdict, where a row says nothing. Raises
    CallerError, naming the file and the row."""
    rows, advice = table.get(family, []), table.get("advice", {})
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise messages.error("rules.rows", family=family)
    if not isinstance(advice, Mapping) or not all(isinstance(said, str) for said in advice.values()):
        raise messages.error("rules.advice", family=family)
    for row in rows:
        yield _row(family, row, advice, file)


def _row(family: str, table: Mapping[str, Any], advice: Mapping[str, str], file: str) -> Rule:
    where = f"{file}: {family} {table.get('id', '(without id)')}"
    rest = dict(table)
    try:
        said = {key: text(rest.pop(key)) for key in _REQUIRED}
        more = {key: text(rest.pop(key, "")) for key in ("summary", "advice")}
        techniques = texts(rest.pop("techniques", []))
        when = parse_when(family, rest)
    except KeyError as error:
        raise messages.error("rules.row", where=where, why=f"it has no {error.args[0]}") from None
    except (ValueError, TypeError, re.error) as error:
        raise messages.error("rules.row", where=where, why=error) from None
    for template in (said["explanation"], more["summary"]):
        _check_template(where, template)
    refuse_words(where, said)
    return Rule(
        family=family,
        id=said["id"],
        title=said["title"],
        severity=said["severity"],
        confidence=said["confidence"],
        verdict=VERDICTS[said["verdict"]],
        explanation=said["explanation"],
        when=when,
        summary=more["summary"],
        advice=more["advice"] or advice.get(said["verdict"], ""),
        techniques=techniques,
    )


def refuse_words(where: str, said: Mapping[str, str]) -> None:
    """Raises CallerError unless its severity, confidence and verdict are words that there are."""
    for key, words in WORDS.items():
        if key in said and said[key] not in words:
            raise messages.error("rules.word", where=where, key=key, words=", ".join(words))


def _check_template(where: str, template: str) -> None:
    try:
        parts = [part[1:] for part in string.Formatter().parse(template) if part[1] is not None]
    except ValueError as error:
        raise messages.error("rules.braces", where=where, why=error) from None
    if any(name not in PLACEHOLDERS or spec or conversion for name, spec, conversion in parts):
        raise messages.error("rules.placeholder", where=where, placeholders=", ".join(sorted(PLACEHOLDERS)))
