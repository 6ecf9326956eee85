"""How far a load was taken: whether what it made was touched, and by which clock."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.facts import DynamicFacts
from sandbox.judge.dynamic import Fact

EXERCISE = "exercise"
_DONE = "exercise.done"
# What the loader says of weights that the exercise found changed -> the fact it is.
_CHANGED = {"exercise.state_dict.changed": "exercise.state", "exercise.changed": "exercise.weights"}


def exercised(dynamic: DynamicFacts) -> bool:
    """Whether the exercise was begun."""
    return any(event.kind == "phase" and event.call == EXERCISE for event in dynamic.events)


def clock(dynamic: DynamicFacts) -> tuple[str, ...]:
    """By how much the load's clock was shifted, or why it was not; nothing where nobody asked."""
    return tuple(event.detail.get("value", "") for event in dynamic.events if event.kind == "clock")


def facts(dynamic: DynamicFacts) -> Iterator[Fact]:
    """What the exercise has to say. Hostile ground's word: what it doesn't say lowers nothing."""
    for hint in dynamic.hints:
        if hint.what in _CHANGED:
            yield _CHANGED[hint.what], f"loader: {hint.what}: {hint.detail}", hint.detail, ""
    if exercised(dynamic) and not any(hint.what == _DONE for hint in dynamic.hints):
        yield "exercise.incomplete", "loader: no word of the end of the exercise", "", ""


def not_examined(dynamic: DynamicFacts) -> Iterator[str]:
    """What was left alone after the load, and who may have read the true clock."""
    if exercised(dynamic):
        yield "What the loaded object does with data: it was not run on any input: no forward pass."
    else:
        yield "What the loaded object does when it is touched: it was not touched after the load (--exercise does)."
    for value in clock(dynamic):
        if value.startswith("not shifted"):
            yield f"What the file does at the time that --clock asked for: the clock was {value}."
        else:
            yield (
                f"What reads the clock past libc: it was shifted by {value} for libc and Python; raw system calls, the "
                "times of files and the clocks of other processes were not."
            )
