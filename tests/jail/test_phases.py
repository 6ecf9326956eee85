"""What waits until it is touched, until it is late, or for another day acts under watch, and the record says when."""

from __future__ import annotations

import pickle
import textwrap
import time
from pathlib import Path

import pytest

from sandbox.facts import Event, Report, Verdict
from tests.jail.conftest import Evaluate, parametrize_jails

pytestmark = pytest.mark.jail

IN_EVERY_JAIL = [
    "a_trap_acts_when_it_is_touched",
    "an_object_that_keeps_the_exercise_waiting_runs_out_of_time",
    "a_time_bomb_goes_off_on_another_day",
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    parametrize_jails(metafunc, IN_EVERY_JAIL)


class _Made:
    """Unpickled, it is what the source calls `made`."""

    def __init__(self, source: str) -> None:
        self.source = textwrap.dedent(source)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, (f"(lambda names: (exec({self.source!r}, names), names['made'])[1])({{}})",)


def holding(source: str, path: Path) -> Path:
    """A checkpoint that holds what the source makes."""
    path.write_bytes(pickle.dumps({"step": 1, "deep": [{"model": _Made(source)}]}, protocol=4))
    return path


def programs(report: Report) -> dict[str, str]:
    """What was run, and in which phase: PID 1 numbers its rows, and its turns among them."""
    found, phase = {}, "load"
    for event in sorted(report.dynamic.events, key=lambda event: event.id):
        if event.kind == "phase":
            phase = event.call
        elif event.kind == "process.exec":
            found[event.detail["argv"]] = phase
    return found


def turns(report: Report) -> list[str]:
    return [event.call for event in report.dynamic.events if event.kind == "phase"]


TRAP = """
import atexit, os
class Trap:
    def state_dict(self): os.system("state")
    def eval(self): os.system("eval"); raise SystemExit(3)
    @property
    def weight(self): os.system("weight")
    def __repr__(self): os.system("repr"); return "Trap()"
    def __len__(self): os.system("len"); return 1
    def __iter__(self): os.system("iter"); return iter([1])
    def __reduce_ex__(self, protocol): os.system("pickle"); return int, (1,)
atexit.register(os.system, "exit")
os.system("load")
made = Trap()
"""
TOUCHED = ("state", "eval", "weight", "repr", "len", "iter", "pickle")


def test_a_trap_acts_when_it_is_touched(evaluated: Evaluate, tmp_path: Path) -> None:
    report = evaluated(holding(TRAP, tmp_path / "trap.pkl"), exercise=True)
    assert turns(report) == ["after", "exercise", "end"]
    touched = {f"sh -c {word}": "exercise" for word in TOUCHED}
    assert programs(report) == {"sh -c load": "load", "sh -c exit": "end"} | touched
    assert report.completeness.complete
    assert any("no forward pass" in line for line in report.not_examined)


def test_what_happens_when_it_is_touched_has_its_step_and_line_as_its_cause(
    evaluated: Evaluate, tmp_path: Path
) -> None:
    """The hint was written before the call, so it is with the host before the event is."""
    report = evaluated(holding(TRAP, tmp_path / "trap.pkl"), exercise=True)
    dynamic = report.dynamic
    (ran,) = (event for event in dynamic.events if event.detail.get("argv") == "sh -c state")
    hint = dynamic.hints[dynamic.hint_of[ran.id]]
    assert (hint.what, hint.detail, hint.because) == ("os.system", "b'state'", "exercise.state_dict")
    assert hint.stack == ("<string>:4 state_dict",)
    (loaded,) = (event for event in dynamic.events if event.detail.get("argv") == "sh -c load")
    assert dynamic.hints[dynamic.hint_of[loaded.id]].because == "builtins.eval"


def test_without_the_exercise_it_is_not_touched(evaluated: Evaluate, tmp_path: Path) -> None:
    report = evaluated(holding(TRAP, tmp_path / "trap.pkl"))
    assert turns(report) == ["after", "end"]
    assert programs(report).keys() == {"sh -c load", "sh -c exit"}
    assert any("it was not touched after the load" in line for line in report.not_examined)


def test_an_object_that_ends_the_exercise_is_not_clean(evaluated: Evaluate, tmp_path: Path) -> None:
    source = "import os\nclass Trap:\n    def state_dict(self): os._exit(0)\nmade = Trap()"
    report = evaluated(holding(source, tmp_path / "trap.pkl"), exercise=True)
    assert "exercise.incomplete" in {finding.rule for finding in report.findings}
    assert not report.completeness.complete


def test_an_object_that_keeps_the_exercise_waiting_runs_out_of_time(evaluated: Evaluate, tmp_path: Path) -> None:
    source = "import select\nclass Trap:\n    def eval(self): select.select([], [], [], 3600)\nmade = Trap()"
    report = evaluated(holding(source, tmp_path / "trap.pkl"), exercise=True, timeout=10)
    rules = {finding.rule for finding in report.findings}
    assert rules >= {"event.limit.time", "exercise.incomplete"}
    assert not rules & {"event.leftover", "load.leftover"}


def test_a_state_that_is_not_what_was_loaded_is_a_finding(evaluated: Evaluate, tmp_path: Path) -> None:
    source = """
    import numpy
    class Trap:
        def __init__(self): self.weight = numpy.ones(4, numpy.float32)
        def state_dict(self): return {"weight": self.weight + 1}
        def eval(self): self.weight += 3
    made = Trap()
    """
    report = evaluated(holding(source, tmp_path / "trap.pkl"), exercise=True)
    rules = {finding.rule: finding.explanation for finding in report.findings}
    assert "deep.0.model.weight" in rules["exercise.state"]
    assert "deep.0.model.weight" in rules["exercise.weights"]
    assert "weights.differ" not in rules


LATE = """
import os, select, threading
def act():
    select.select([], [], [], 3.0)
    os.system("late")
threading.Thread(target=act, daemon=True).start()
"""


def test_a_longer_wait_sees_what_is_late(report_of: Evaluate) -> None:
    report = report_of(LATE, linger=20.0)
    assert programs(report) == {"sh -c late": "after"}
    assert "leftover" not in {event.kind for event in report.dynamic.events}


def test_a_shorter_wait_says_what_it_left(report_of: Evaluate) -> None:
    report = report_of(LATE, linger=0.5)
    assert programs(report) == {}
    assert "leftover" in {event.kind for event in report.dynamic.events}


def bomb() -> str:
    return f"import os, time\nif time.time() > {time.time() + 300 * 86400}: os.system('bomb')"


def clocks(report: Report) -> list[tuple[str, str]]:
    return [(event.answer, event.detail["value"]) for event in report.dynamic.events if event.kind == "clock"]


def test_a_time_bomb_is_quiet_on_its_day(report_of: Evaluate) -> None:
    report = report_of(bomb())
    assert programs(report) == {}
    assert clocks(report) == []


def test_a_time_bomb_goes_off_on_another_day(report_of: Evaluate) -> None:
    report = report_of(bomb(), clock=400 * 86400.0)
    assert clocks(report) == [("faked", "+400d")]
    assert programs(report) == {"sh -c bomb": "load"}
    assert any("raw system calls" in line for line in report.not_examined)


def told(event: Event) -> str:
    return f"{event.kind} {event.call}"


def test_the_clock_alone_is_no_finding(evaluated: Evaluate, tmp_path: Path) -> None:
    model = tmp_path / "model.pkl"
    model.write_bytes(pickle.dumps({"step": 1}, protocol=4))
    report = evaluated(model, clock=-30 * 86400.0, exercise=True)
    assert report.verdict == Verdict.CLEAN
    assert [told(event) for event in report.dynamic.events if not event.kind.startswith("file.")] == [
        "clock shift",
        "phase after",
        "phase exercise",
        "phase end",
    ]
    assert report.dynamic.counts.keys() <= {"clock", "file.read", "file.probe"}
