"""Every row in every jail: contained, recorded, and as the document says."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from sandbox.facts import Verdict
from tests.abuse import document
from tests.abuse.bench import Bench
from tests.abuse.case import NO_JAIL, Case, Limit, Load, Row
from tests.abuse.table import LOADS, ROWS, jails_of, order
from tests.jail.conftest import JAILS

pytestmark = pytest.mark.jail

RUNS = [(row, jail) for row in sorted(ROWS, key=order) for jail in jails_of(row, JAILS)]
LOAD_OF = {(act.number, act.title): load.name for load in LOADS for act in load.acts}


def shared(name: str, jail: str) -> tuple[pytest.MarkDecorator, ...]:
    """One worker takes all that a run serves; a case is a run of its own."""
    return (pytest.mark.xdist_group(f"{name} in {jail}"),) if name else ()


def marks(row: Row, jail: str) -> tuple[pytest.MarkDecorator, ...]:
    return (pytest.mark.root,) if isinstance(row, Case) and row.root else shared(run_of(row), jail)


def run_of(row: Row) -> str:
    return "a plain one" if isinstance(row, Limit) else LOAD_OF.get((row.number, row.title), "")


@pytest.fixture(scope="module")
def benches(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Bench]:
    """One for each jail, so that a load's report serves all of its rows."""
    return {jail: Bench(jail, tmp_path_factory.mktemp(jail)) for jail in (*JAILS, NO_JAIL)}


@pytest.mark.parametrize(
    ("row", "jail"),
    [pytest.param(row, jail, id=f"{row.number} {row.title}-{jail}", marks=marks(row, jail)) for row, jail in RUNS],
)
def test_it_is_contained_and_recorded_as_the_document_says(row: Row, jail: str, benches: dict[str, Bench]) -> None:
    evidence = benches[jail].show(row, LOADS)
    assert document.read().get((row.number, row.title, jail)) == evidence, "run: python -m tests.abuse --write"


@pytest.mark.parametrize(
    ("load", "jail"),
    [
        pytest.param(load, jail, id=f"{load.name}-{jail}", marks=shared(load.name, jail))
        for load in LOADS
        for jail in JAILS
    ],
)
def test_a_load_of_attacks_came_to_its_end_under_watch(load: Load, jail: str, benches: dict[str, Bench]) -> None:
    report = benches[jail].report(load)
    assert report.verdict in (Verdict.MALICIOUS, Verdict.SUSPICIOUS)
    assert report.dynamic.loaded, report.dynamic.load_error
    assert report.dynamic.ended
    assert report.dynamic.observer_outlived_loader


def test_every_number_of_the_list_has_a_row() -> None:
    assert {str(number) for number in range(1, 79)} <= {row.number for row in ROWS}


def test_no_two_rows_have_the_same_name() -> None:
    named = Counter((row.number, row.title) for row in ROWS)
    assert [name for name, count in named.items() if count > 1] == []


def test_the_document_has_no_rows_but_those_of_the_table() -> None:
    known = {(row.number, row.title) for row in ROWS}
    assert {key[:2] for key in document.read()} <= known


def test_the_document_is_as_the_rows_are_rendered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown, committed = document.read(), document.PATH.read_text(encoding="utf-8")
    monkeypatch.setattr(document, "PATH", tmp_path / "abuse.md")
    document.write(shown)
    assert document.PATH.read_text(encoding="utf-8") == committed
