"""The malicious fixtures, read by the inert readers and judged without a load. Nothing here unpickles one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from guest.readers.session import Bounds

from sandbox.facts import EXIT_OF, Evidence, Exit, FormatFact, GlobalUse, Oddity, StaticFacts, TextFact, Verdict
from sandbox.judge import judge
from sandbox.judge.verdict import WORST_FIRST
from tests.guest.readers.reading_results import Result, read_file
from tests.judge.rows import ENDED, READ_ONLY, RULES
from tests.malicious import FIXTURES, Fixture

SMALL = Bounds(output_bytes=1 << 24)  # what asks for more is refused by the reader, and by the host's caps


def evidence(result: Result) -> Evidence:
    """What the host would make of one reading."""
    facts = StaticFacts(
        formats=tuple(FormatFact(row.name, row.supported, row.primary, row.by) for row in result["FORMAT"]),
        globals=tuple(GlobalUse(**vars(row)) for row in result["GLOBAL"]),
        oddities=tuple(Oddity(**vars(row)) for row in result["ODDITY"]),
        texts=tuple(TextFact(**vars(row)) for row in result["TEXT"]),
        complete=result.end.complete,
        reason=result.end.reason,
        end=ENDED,
    )
    return replace(READ_ONLY, static=facts)


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda fixture: fixture.name)
def test_reading_alone_tells_it(fixture: Fixture, tmp_path: Path) -> None:
    path = tmp_path / f"model{fixture.suffix}"
    fixture.build(path)
    found = evidence(read_file(path, SMALL))
    judgement = judge(found, RULES)
    rules = {finding.rule for finding in judgement.findings}
    for alternatives in fixture.static_rules:
        assert alternatives & rules, f"{sorted(alternatives)} not in {sorted(rules)}"
    assert WORST_FIRST.index(judgement.verdict) <= WORST_FIRST.index(fixture.verdict), judgement.summary
    assert EXIT_OF[judgement.verdict] in (Exit.ALARM, Exit.INCONCLUSIVE)


def test_the_names_are_unique_and_every_rule_exists() -> None:
    assert len({fixture.name for fixture in FIXTURES}) == len(FIXTURES) >= 20
    known = {row.id for row in RULES.rows}
    for fixture in FIXTURES:
        assert frozenset().union(*fixture.rules, *fixture.static_rules) <= known
        assert fixture.verdict in (Verdict.MALICIOUS, Verdict.SUSPICIOUS, Verdict.INCONCLUSIVE)
