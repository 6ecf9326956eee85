"""A user's own rules: rows that are added, tuned or silenced, each with a reason that the report repeats.

A table holds `[[tune]]` (a rule's severity, confidence or verdict), `[[silence]]` (a rule's findings, all or `only` of
such subjects, are kept out of the verdict and listed), and rows of any family as in configs/rules/. What could not be
looked at can be neither tuned nor silenced: a result is never better than its evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from sandbox import messages
from sandbox.facts import Verdict
from sandbox.judge import regular
from sandbox.judge.conditions import FAMILIES, FactWhen, GlobalWhen, TextWhen, globs, text
from sandbox.judge.names import ORDER, UNKNOWN
from sandbox.judge.rules import VERDICTS, WORDS, Rule, Rules, Silence, parse_rows, refuse_twice, refuse_words

_TUNE, _SILENCE = "tune", "silence"
_GAPS = "completeness"


def with_own(rules: Rules, file: str, table: Mapping[str, Any]) -> Rules:
    """The rules with what one file of a user says. Raises CallerError, naming the row."""
    unknown = table.keys() - FAMILIES.keys() - {_TUNE, _SILENCE}
    if unknown:
        raise messages.error(
            "rules.own.table", file=file, names=", ".join(sorted(unknown)), families=", ".join(FAMILIES)
        )
    added = tuple(_added(file, table))
    for rule in added:
        _refuse_unknown(rules, file, rule)
    rules = replace(rules, added=(*rules.added, *added))
    refuse_twice((*rules.rows, *rules.added))
    for row in _rows(table, _TUNE):
        rules = _tuned(rules, file, row)
    silences = [_silence(rules, file, row) for row in _rows(table, _SILENCE)]
    return replace(rules, silences=(*rules.silences, *silences))


def _rows(table: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    rows = table.get(name, [])
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise messages.error("rules.rows", family=name)
    return rows


def _added(file: str, table: Mapping[str, Any]) -> Iterator[Rule]:
    for family in FAMILIES:
        for row in _rows(table, family):
            bare = {key: value for key, value in row.items() if key != "reason"}
            (rule,) = parse_rows(family, {family: [bare]}, file)
            _refuse_endless(file, family, rule.id, [getattr(rule.when, spec.name) for spec in fields(rule.when)])
            yield replace(rule, reason=_reason(file, family, rule.id, row))


def _refuse_endless(file: str, table: str, row: str, values: Iterable[Any]) -> None:
    """Raises CallerError where one of these is a pattern that an attacker's text could keep busy."""
    for value in values:
        patterns = value.values() if isinstance(value, Mapping) else (value,)
        try:
            for pattern in patterns:
                if isinstance(pattern, re.Pattern):
                    regular.refuse_endless(pattern)
        except ValueError as error:
            raise messages.error("rules.own.row", file=file, table=table, row=row, why=error) from None


def _refuse_unknown(rules: Rules, file: str, rule: Rule) -> None:
    """Raises CallerError where a row could never match: it names a fact or a class that there is not."""
    known = {when.fact for _, when in rules.of(FactWhen)}
    classes = {*ORDER, UNKNOWN}
    if isinstance(rule.when, FactWhen) and rule.when.fact not in known:
        why = f"there is no fact {rule.when.fact!r}"
    elif isinstance(rule.when, GlobalWhen | TextWhen) and not classes.issuperset(rule.when.classes):
        why = f"classes are {', '.join(sorted(classes))}"
    else:
        return
    raise messages.error("rules.own.row", file=file, table=rule.family, row=rule.id, why=why)


def _reason(file: str, table: str, rule: str, row: Mapping[str, Any]) -> str:
    reason = row.get("reason", "")
    if not isinstance(reason, str) or not reason.strip():
        raise messages.error("rules.own.row", file=file, table=table, row=rule, why="it gives no reason")
    return reason


def _concerned(rules: Rules, file: str, table: str, row: Mapping[str, Any]) -> Rule:
    """The rule that it is about."""
    name = row.get("rule", "")
    found = next((rule for rule in (*rules.rows, *rules.added) if rule.id == name), None)
    if found is None:
        raise messages.error("rules.own.rule", file=file, table=table, rule=str(name))
    if found.family == _GAPS or (found.native or found.verdict) is Verdict.INCONCLUSIVE:
        raise messages.error("rules.own.gap", file=file, table=table, rule=found.id)
    return found


def _tuned(rules: Rules, file: str, row: Mapping[str, Any]) -> Rules:
    rule = _concerned(rules, file, _TUNE, row)
    reason = _reason(file, _TUNE, rule.id, row)
    said = {key: value for key, value in row.items() if key not in ("rule", "reason")}
    where = f"{file}: {_TUNE} {rule.id}"
    if not said or not said.keys() <= WORDS.keys():
        raise messages.error("rules.row", where=where, why=f"it changes {', '.join(WORDS)}, and nothing else")
    refuse_words(where, said)
    changes = said | ({"verdict": VERDICTS[said["verdict"]]} if "verdict" in said else {})
    tuned = replace(rule, reason=reason, native=rule.native or rule.verdict, **changes)
    return replace(
        rules,
        rows=tuple(tuned if row is rule else row for row in rules.rows),
        added=tuple(tuned if row is rule else row for row in rules.added),
    )


def _silence(rules: Rules, file: str, row: Mapping[str, Any]) -> Silence:
    rule = _concerned(rules, file, _SILENCE, row)
    reason = _reason(file, _SILENCE, rule.id, row)
    unknown = row.keys() - {"rule", "reason", "only"}
    try:
        if unknown:
            raise ValueError(f"no such key: {', '.join(sorted(unknown))}")
        only = globs(row["only"]) if "only" in row else None
    except (ValueError, TypeError, re.error) as error:
        raise messages.error("rules.own.row", file=file, table=_SILENCE, row=rule.id, why=error) from None
    _refuse_endless(file, _SILENCE, rule.id, [only])
    return Silence(rule.id, text(reason), only)
