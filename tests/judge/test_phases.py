"""When something happened, by the numbers of the rows, and why, by a hint and what the reader saw."""

from __future__ import annotations

import pytest

from sandbox.facts import Hint, Verdict
from sandbox.judge import judge
from sandbox.judge.phases import phase_of
from tests.judge.rows import RULES, dynamic, event, events


def test_each_event_belongs_to_the_phase_whose_turn_came_before_it() -> None:
    rows = [
        event("file.read", at=1),
        event("phase", "after", at=2),
        event("net.connect", at=3),
        event("phase", "exercise", at=4),
        event("process.exec", at=5),
        event("phase", "end", at=6),
        event("file.write", at=7),
    ]
    expected = {1: "load", 2: "after", 3: "after", 4: "exercise", 5: "exercise", 6: "end", 7: "end"}
    assert phase_of(rows) == expected
    assert phase_of(reversed(rows)) == expected


def test_a_phase_of_another_name_is_none() -> None:
    assert phase_of([event("phase", "\x1b[2J", at=1), event("file.read", at=2)]) == {1: "load", 2: "load"}
    assert phase_of([]) == {}


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
