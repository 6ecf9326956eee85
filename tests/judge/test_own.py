"""A user's own rules: they add, tune and silence, say why, and can't hide what could not be looked at."""

from __future__ import annotations

import tomllib

import pytest

from sandbox.errors import CallerError
from sandbox.facts import Evidence, Judgement, Verdict
from sandbox.judge import judge, with_own
from tests.judge.rows import CLEAN, RULES, event, events, use, uses

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
    assert "1 that would spoil this" in judgement.summary
    assert "nothing in it can run code" not in judgement.summary


def test_a_silence_reaches_only_what_it_names() -> None:
    quiet = '[[silence]]\nrule = "global.unknown.called"\nonly = ["acme.**"]\nreason = "ours"'
    assert judged(CALLED, quiet).verdict is Verdict.MALICIOUS
    other = uses(use("emca.models.build", arguments="(b'anything at all', 1)"))
    assert judged(other, quiet).verdict is Verdict.SUSPICIOUS


def test_a_verdict_that_was_tuned_away_is_told_in_the_first_line() -> None:
    tuned = '[[tune]]\nrule = "global.dangerous.called"\nverdict = "info"\nreason = "ours"'
    judgement = judged(uses(use("posix.system", arguments="('id',)")), tuned)
    assert judgement.verdict is Verdict.CLEAN
    assert "1 that would spoil this" in judgement.summary
    assert "nothing in it can run code" not in judgement.summary


GAPS = [row.id for row in RULES.rows if row.family == "completeness" or row.verdict is Verdict.INCONCLUSIVE]


@pytest.mark.parametrize("table", ["tune", "silence"])
@pytest.mark.parametrize("rule", GAPS)
def test_what_could_not_be_looked_at_stays(rule: str, table: str) -> None:
    verdict = 'verdict = "info"\n' if table == "tune" else ""
    with pytest.raises(CallerError, match="could not be looked at"):
        judged(CLEAN, f'[[{table}]]\nrule = "{rule}"\n{verdict}reason = "who cares"')


def test_an_error_names_the_file_and_the_row() -> None:
    with pytest.raises(CallerError, match=r"acme\.toml: event own\.lock: .*title"):
        judged(CLEAN, "\n".join(line for line in ADDED.splitlines() if not line.startswith("title")))


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
        ADDED.replace("{subject}", "{subject:d}"),
        ADDED.replace("{subject}", "{subject!r}"),
        ADDED.replace("[[event]]", "[[watch]]").split("kinds")[0] + 'fact = "nonsense"\nreason = "x"',
        ADDED.replace("[[event]]", "[[global]]").split("kinds")[0] + 'classes = ["dangeros"]\nreason = "x"',
    ],
)
def test_a_table_that_says_no_reason_or_nonsense_is_refused(table: str) -> None:
    with pytest.raises(CallerError):
        judged(CLEAN, table)
