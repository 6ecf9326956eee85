"""Malformed tables are the caller's fault, and say which row."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from sandbox.errors import CallerError
from sandbox.judge import parse_rules
from tests.judge.rows import GLOBALS_TABLE, RULES_TABLE

ROW = {"id": "x", "title": "X", "severity": "low", "verdict": "info", "explanation": "It is {subject}."}


def test_the_tables_parse_and_no_row_stands_twice() -> None:
    rules = parse_rules(RULES_TABLE, GLOBALS_TABLE)
    assert len({row.id for row in rules.rows}) == len(rules.rows)
    assert all(row.explanation.endswith(".") for row in rules.rows)


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
        {"happening": [ROW]},
        {"formats": {"a": 1}},
    ],
)
def test_a_malformed_row(table: dict[str, Any]) -> None:
    with pytest.raises(CallerError):
        parse_rules(table, GLOBALS_TABLE)


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
        parse_rules(RULES_TABLE, table)


def test_a_name_in_two_classes_is_an_error_that_names_both() -> None:
    group = {"class": "resolver", "does": "looks up", "source": "x", "names": ["posix.nothing torch.device"]}
    table = GLOBALS_TABLE | {"group": [*GLOBALS_TABLE["group"], group]}
    with pytest.raises(CallerError, match=r"torch\.device stands twice, in constructor and in resolver"):
        parse_rules(RULES_TABLE, table)


def test_the_order_of_the_groups_is_of_no_matter() -> None:
    names = parse_rules(RULES_TABLE, GLOBALS_TABLE).names
    turned = parse_rules(RULES_TABLE, GLOBALS_TABLE | {"group": GLOBALS_TABLE["group"][::-1]}).names
    assert (names.exact, names.globs) == (turned.exact, turned.globs)
