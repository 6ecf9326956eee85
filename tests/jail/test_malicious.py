"""Real techniques with harmless effects: each is found by the rules it states, in each jail and by reading alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.facts import Exit, Verdict
from tests.jail.conftest import JAILS, Evaluate
from tests.malicious import FIXTURES, Fixture

pytestmark = pytest.mark.jail

WORST_FIRST = list(Verdict)


# Techniques are the judge's business more than a jail's. What a jail must show of each kind of call stands in
# test_vocabulary.py; Docker takes every third fixture, gVisor, the slowest, every sixth.
EVERY = {"docker": 3, "gvisor": 6}
RUNS = [(jail, fixture) for jail in JAILS for fixture in FIXTURES[:: EVERY.get(jail, 1)]]


@pytest.mark.parametrize(("jail", "fixture"), RUNS, ids=lambda value: getattr(value, "name", value))
def test_a_load_finds_what_the_fixture_states(fixture: Fixture, evaluated: Evaluate, tmp_path: Path) -> None:
    path = tmp_path / f"model{fixture.suffix}"
    fixture.build(path)
    report = evaluated(path)
    rules = {finding.rule for finding in report.findings}
    kinds = set(report.dynamic.counts)
    assert WORST_FIRST.index(report.verdict) <= WORST_FIRST.index(fixture.verdict), report.summary
    assert report.exit_code == Exit.ALARM
    for alternatives in fixture.rules:
        assert alternatives & rules, (alternatives, rules)
    for alternatives in fixture.events:
        assert alternatives & kinds, (alternatives, kinds)


def test_no_weights_are_written_for_malicious_files(evaluated: Evaluate, tmp_path: Path) -> None:
    fixture = next(row for row in FIXTURES if row.name == "torch_zip")
    path = tmp_path / "model.pt"
    fixture.build(path)
    report = evaluated(path, write=True)
    assert report.not_written
    assert sorted(tmp_path.iterdir()) == [path]
