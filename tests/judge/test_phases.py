"""How far a load was taken: what is said of it, and what lowers the verdict."""

from __future__ import annotations

import pytest

from sandbox.facts import Hint, Verdict
from sandbox.judge import judge
from tests.judge.rows import RULES, dynamic, event, events

TURNS = tuple(
    event("phase", name, at=at, answer="continued") for at, name in enumerate(("after", "exercise", "end"), 1)
)
DONE = Hint("exercise.done", "", "--exercise")


def test_an_ordinary_load_s_phases_spoil_nothing() -> None:
    assert judge(dynamic(events=TURNS, hints=(DONE,)), RULES).verdict is Verdict.CLEAN
    assert judge(events(TURNS[0], TURNS[2]), RULES).verdict is Verdict.CLEAN


def test_an_exercise_without_a_last_word_is_not_clean() -> None:
    assert judge(events(*TURNS), RULES).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ((), "it was not touched after the load (--exercise does)"),
        (TURNS, "it was not run on any input: no forward pass"),
        ((event("clock", "shift", answer="faked", value="+400d"),), "it was shifted by +400d for libc and Python"),
        ((event("clock", "shift", answer="continued", value="not shifted: why"),), "the clock was not shifted: why"),
    ],
)
def test_what_was_left_alone_is_said(rows: tuple[object, ...], line: str) -> None:
    assert any(line in said for said in judge(dynamic(events=rows), RULES).not_examined)
