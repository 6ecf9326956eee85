"""Malformed tables are the caller's fault, and say which row."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from sandbox.errors import CallerError
from sandbox.judge import parse_rules
from sandbox.judge.conditions import FAMILIES
from tests.judge.rows import FORMATS, GLOBALS_TABLE, RULES_TABLES, TECHNIQUES

ROW = {
    "id": "x",
    "title": "X",
    "severity": "low",
    "confidence": "high",
    "verdict": "info",
    "explanation": "It is {subject}.",
}


def test_the_tables_parse_and_no_row_stands_twice() -> None:
    rules = parse_rules(RULES_TABLES, GLOBALS_TABLE, FORMATS, TECHNIQUES)
    assert len({row.id for row in rules.rows}) == len(rules.rows)
    assert all(row.explanation.endswith(".") for row in rules.rows)


def test_every_row_says_what_to_do() -> None:
    assert all(row.advice.endswith(".") for row in parse_rules(RULES_TABLES, GLOBALS_TABLE, FORMATS, TECHNIQUES).rows)


def test_every_technique_that_is_cited_is_in_a_list_and_says_whether_it_was_checked() -> None:
    rules = parse_rules(RULES_TABLES, GLOBALS_TABLE, FORMATS, TECHNIQUES)
    alternatives = [*rules.names.globs.by_word.values(), *rules.names.globs.others]
    groups = (*rules.names.exact.values(), *(named for one in alternatives for _, named in one.named))
    cited = {name for row in (*rules.rows, *groups) for name in row.techniques}
    assert cited <= rules.techniques.keys()
    assert {name: technique.verified for name, technique in rules.techniques.items()} == {
        name: name.startswith("T1") for name in rules.techniques
    }


@pytest.mark.parametrize(
    "table", [{}, {"list": [{"techniques": {}}]}, {"list": [{"checked": "", "techniques": {"T1": 1}}]}]
)
def test_malformed_techniques(table: dict[str, Any]) -> None:
    with pytest.raises(CallerError, match="techniques"):
        parse_rules(RULES_TABLES, GLOBALS_TABLE, FORMATS, table)


def test_every_family_has_its_file_and_every_row_stands_in_that_of_its_family() -> None:
    assert RULES_TABLES.keys() == FAMILIES.keys()
    assert all(table.keys() <= {family, "advice"} for family, table in RULES_TABLES.items())


@pytest.mark.parametrize(
    "table",
    [
        {"event": [ROW | {"kind": ["x"]}]},
        {"event": [ROW | {"kinds": "x"}]},
        {"event": [ROW | {"kinds": ["x"], "count": "3"}]},
        {"event": [ROW | {"detail": {"path": "("}}]},
        {"event": [ROW | {"verdict": "clean"}]},
        {"event": [ROW | {"severity": "bad"}]},
        {"event": [ROW | {"explanation": "{subject.__class__}"}]},
        {"event": [ROW | {"explanation": "{other}"}]},
        {"event": [ROW | {"explanation": "{"}]},
        {"event": [{key: ROW[key] for key in ROW if key != "title"}]},
        {"event": [ROW, ROW]},
        {"event": ROW},
        {"global": [ROW | {"indirect": "yes"}]},
        {"global": [ROW | {"techniques": "T1"}]},
        {"event": [ROW | {"confidence": "sure"}]},
        {"event": [ROW | {"advice": 3}]},
        {"advice": {"info": 3}, "event": [ROW]},
    ],
)
def test_a_malformed_row(table: dict[str, Any]) -> None:
    with pytest.raises(CallerError):
        parse_rules(dict.fromkeys(FAMILIES, table), GLOBALS_TABLE, FORMATS, TECHNIQUES)


def test_a_family_that_there_is_not() -> None:
    with pytest.raises(CallerError, match="happening"):
        parse_rules({"happening": {"happening": [ROW]}}, GLOBALS_TABLE, FORMATS, TECHNIQUES)


def test_formats_that_are_no_texts() -> None:
    with pytest.raises(CallerError, match="formats"):
        parse_rules(RULES_TABLES, GLOBALS_TABLE, {"a": 1}, TECHNIQUES)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("group", [{"class": "nice", "source": "x", "names": []}]),
        ("group", [{"class": "code", "source": "x"}]),
        ("group", [{"class": "code", "names": ["a"]}]),
        ("group", [{"class": "code", "names": ["a"], "source": ""}]),
        ("group", [{"class": "code", "names": ["a"], "source": "x", "extra": 1}]),
        ("group", 3),
        ("core", "os"),
        ("aliases", []),
        ("surveyed", None),
        ("extra", []),
    ],
)
def test_malformed_globals(key: str, value: object) -> None:
    table = copy.deepcopy(GLOBALS_TABLE) | {key: value}
    with pytest.raises(CallerError):
        parse_rules(RULES_TABLES, table, FORMATS, TECHNIQUES)


def test_a_name_in_two_classes_is_an_error_that_names_both() -> None:
    group = {"class": "resolver", "does": "looks up", "source": "x", "names": ["posix.nothing torch.device"]}
    table = GLOBALS_TABLE | {"group": [*GLOBALS_TABLE["group"], group]}
    with pytest.raises(CallerError, match=r"torch\.device stands twice, in constructor and in resolver"):
        parse_rules(RULES_TABLES, table, FORMATS, TECHNIQUES)


def test_the_order_of_the_groups_is_of_no_matter() -> None:
    names = parse_rules(RULES_TABLES, GLOBALS_TABLE, FORMATS, TECHNIQUES).names
    turned = parse_rules(
        RULES_TABLES, GLOBALS_TABLE | {"group": GLOBALS_TABLE["group"][::-1]}, FORMATS, TECHNIQUES
    ).names
    assert (names.exact, names.globs) == (turned.exact, turned.globs)
