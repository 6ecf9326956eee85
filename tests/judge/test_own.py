"""A user's own rules: they add, tune and silence, say why, and can't hide what could not be looked at."""

from __future__ import annotations

import tomllib

import pytest

from sandbox.errors import CallerError
from sandbox.facts import Evidence, Judgement, Verdict
from sandbox.judge import judge, with_own
from tests.judge.rows import CLEAN, RULES, dynamic, event, events, use, uses

CALLED = uses(use("acme.models.build", arguments="(b'anything at all', 1)"), use("posix.system", arguments="('id',)"))
UNKNOWN = uses(use("acme.models.build", arguments="(b'anything at all', 1)"))
WRITES = events(event("file.write", "openat", path="/tmp/acme.lock"))

ADDED = """
[[event]]
id = "own.lock"
title = "Takes Acme's lock"
severity = "high"
confidence = "high"
verdict = "suspicious"
explanation = "It wrote {subject}."
kinds = ["file.write"]
detail = { path = '/tmp/acme.*' }
reason = "only our trainer does that"
"""


def judged(evidence: Evidence, table: str) -> Judgement:
    return judge(evidence, with_own(RULES, "acme.toml", tomllib.loads(table)))


def rules_of(judgement: Judgement) -> set[str]:
    return {finding.rule for finding in judgement.findings}


def test_an_added_row_takes_nothing_away_from_those_that_come_with_the_program() -> None:
    judgement = judged(WRITES, ADDED)
    assert {"own.lock", "event.write"} <= rules_of(judgement)
    assert next(row for row in judgement.findings if row.rule == "own.lock").reason == "only our trainer does that"
    assert "own.lock" not in rules_of(judged(CLEAN, ADDED))


def test_a_tuned_rule_says_why() -> None:
    judgement = judged(WRITES, '[[tune]]\nrule = "event.write"\nverdict = "info"\nreason = "our trainer logs"')
    (finding,) = (row for row in judgement.findings if row.rule == "event.write")
    assert (finding.verdict, finding.reason) == (Verdict.CLEAN, "our trainer logs")
    assert judgement.verdict is Verdict.CLEAN


def test_what_is_silenced_is_listed_and_out_of_the_verdict() -> None:
    quiet = '[[silence]]\nrule = "global.unknown.called"\nonly = ["acme.**"]\nreason = "ours"'
    assert judge(UNKNOWN, RULES).verdict is Verdict.SUSPICIOUS
    judgement = judged(UNKNOWN, quiet)
    assert judgement.verdict is Verdict.CLEAN
    assert [(row.rule, row.count, row.reason) for row in judgement.silenced] == [("global.unknown.called", 1, "ours")]
    assert "acme.models.build" in judgement.silenced[0].evidence
    assert "silence 1" in judgement.summary
    assert "nothing in it can run code" not in judgement.summary


def test_a_silence_reaches_only_what_it_names() -> None:
    quiet = '[[silence]]\nrule = "global.unknown.called"\nonly = ["acme.**"]\nreason = "ours"'
    assert judged(CALLED, quiet).verdict is Verdict.MALICIOUS
    other = uses(use("emca.models.build", arguments="(b'anything at all', 1)"))
    assert judged(other, quiet).verdict is Verdict.SUSPICIOUS


@pytest.mark.parametrize("table", ["tune", "silence"])
def test_what_could_not_be_looked_at_stays(table: str) -> None:
    with pytest.raises(CallerError, match="could not be looked at"):
        judged(dynamic(loaded=False), f'[[{table}]]\nrule = "load.failed"\nverdict = "info"\nreason = "who cares"')


@pytest.mark.parametrize(
    "table",
    [
        '[[silence]]\nrule = "event.write"',
        '[[silence]]\nrule = "event.write"\nreason = " "',
        '[[silence]]\nrule = "event.wrote"\nreason = "x"',
        '[[silence]]\nrule = "event.write"\nreason = "x"\nonly = "a"',
        '[[silence]]\nrule = "event.write"\nreason = "x"\nverdict = "info"',
        '[[tune]]\nrule = "event.write"\nreason = "x"',
        '[[tune]]\nrule = "event.write"\nreason = "x"\ntitle = "y"',
        '[[tune]]\nrule = "event.write"\nreason = "x"\nverdict = "clean"',
        '[[tune]]\nrule = "event.write"\nreason = "x"\nverdict = 3',
        '[[tune]]\nrule = "event.write"\nreason = "x"\nverdict = ["info"]',
        '[[tune]]\nrule = ["event.write"]\nreason = "x"\nverdict = "info"',
        "[tune]\nx = 1",
        "[[hide]]\nx = 1",
        ADDED.replace("own.lock", "event.write"),
        ADDED.replace("reason =", "because ="),
        "\n".join(ADDED.splitlines()[:-1]),
        ADDED + ADDED,
    ],
)
def test_a_table_that_says_no_reason_or_nonsense_is_refused(table: str) -> None:
    with pytest.raises(CallerError):
        judged(CLEAN, table)
