"""What a load uses is told, what burns CPU after it is a finding, and a jail without its limits loads nothing."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox import exchange
from sandbox.errors import HostError
from sandbox.facts import Verdict
from sandbox.jail import family
from sandbox.jail.interface import Jail, JailSpec, RunningJail
from sandbox.report.text import text
from tests.jail.conftest import Evaluate
from tests.jail.payloads import running

pytestmark = pytest.mark.jail

_HELD = 300 << 20
_MINER = f"""
import hashlib, os, select, threading
files = [os.open("/dev/null", os.O_RDONLY) for _ in range(20)]
held = bytearray({_HELD})
held[::4096] = b"x" * len(held[::4096])
select.select([], [], [], 1.0)
del held
block = bytes(1 << 20)
def mine():
    while True:
        hashlib.sha256(block).digest()  # without the interpreter's lock: as native code does
for _ in range(2):
    threading.Thread(target=mine, daemon=True).start()
"""
_BURNS = """
import time
until = time.process_time() + 0.5
while time.process_time() < until: pass
"""
_IDLE = """
import select, threading
for _ in range(8):
    threading.Thread(target=lambda: select.select([], [], [], 3600), daemon=True).start()
"""


_HIDDEN = """
import ctypes
ctypes.CDLL(None).prctl(15, b"\\nRssAnon:{told}", 0, 0, 0)
"""


def rules(report) -> set[str]:
    return {finding.rule for finding in report.findings}


@pytest.mark.parametrize("told", ["x", "0 kB"])
def test_a_name_that_looks_like_a_line_of_the_kernel_s_hides_nothing(told: str, report_of: Evaluate) -> None:
    """gVisor writes a process's name into its status as it is, line feeds and all."""
    report = report_of(_HIDDEN.format(told=told) + _BURNS)
    assert report.dynamic.ended
    assert report.dynamic.resources is not None
    assert report.dynamic.resources.load_cpu_seconds >= 0.4


def test_what_a_load_uses_is_told_and_what_mines_after_it_is_found(report_of: Evaluate) -> None:
    report = report_of(_MINER)
    used = report.dynamic.resources
    assert used is not None
    assert _HELD <= used.peak_memory < 2 * _HELD
    assert used.peak_threads >= 3
    assert used.peak_descriptors >= 20
    assert used.peak_processes == 1
    # How much of the linger a miner gets is the machine's to say; what that makes of the finding is the judge's tests'.
    assert any(rule.startswith("event.cpu.after") for rule in rules(report))
    assert used.after_cpu_seconds >= 0.1
    assert used.cpu_seconds >= used.load_cpu_seconds + used.after_cpu_seconds
    assert len(used.at) == len(used.cpu) == len(used.memory) == len(used.threads) == used.samples
    assert max(used.memory) == used.peak_memory
    assert list(used.cpu) == sorted(used.cpu)
    shown = {limit.name: limit.inside for limit in report.jail.limits}
    for name in ("address space", "cpu", "tmp", "file size", "open files", "core files"):
        limit = next(limit for limit in report.jail.limits if limit.name == name)
        assert shown[name] is not None
        assert shown[name] <= limit.value, limit


def test_threads_that_only_wait_burn_nothing(report_of: Evaluate) -> None:
    report = report_of(_IDLE)
    assert not rules(report) & {"event.cpu.after", "event.cpu.after.some", "event.cpu.load"}


@pytest.fixture
def weaker(jail: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The jail starts with twice the room in each tmpfs that its order speaks of."""
    kind = next(type(member) for member in family.members() if member.name == jail)
    started = kind.start

    def start(self: Jail, spec: JailSpec) -> RunningJail:
        return started(self, replace(spec, limits=replace(spec.limits, tmp=2 * spec.limits.tmp)))

    monkeypatch.setattr(kind, "start", start)


def test_a_jail_with_more_room_than_promised_is_refused(report_of: Evaluate, weaker: None) -> None:
    with pytest.raises(HostError, match="tmpfs /tmp is 134217728 instead of 67108864"):
        report_of("print('loaded')")


def test_pid_1_loads_nothing_in_a_weaker_jail_either(
    report_of: Evaluate, weaker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "lacking", lambda _promised, _seen: "")
    report = report_of("print('loaded')")
    assert not report.static.complete
    assert not report.dynamic.armed
    assert not report.dynamic.printed
    assert report.verdict == Verdict.INCONCLUSIVE
    assert any("the jail is weaker than promised: tmpfs /tmp" in finding.explanation for finding in report.findings)


@pytest.mark.parametrize("cpus", [1.0, 0.3])
def test_a_policy_of_fewer_cpus_and_of_less_time_on_them(
    cpus: float, tmp_path: Path, evaluated: Evaluate, jail: str
) -> None:
    policies = Path(__file__).resolve().parents[2] / "configs" / "policies"
    policy = tmp_path / "own.toml"
    ordinary = (policies / "evaluate.toml").read_text(encoding="utf-8")
    policy.write_text(
        ordinary.replace("cpus = 2.0", f"cpus = {cpus}").replace("cpu_base = 10.0", "cpu_base = 0.1"), encoding="utf-8"
    )
    model = running(_BURNS, tmp_path / "model.pkl")
    report = evaluated(model, policy=str(policy))
    assert "event.cpu.load" in rules(report)
    assert "event.cpu.after" not in rules(report)
    (limit,) = (limit for limit in report.jail.limits if limit.name == "cpu")
    if limit.enforced_by.startswith("nothing"):  # gVisor without control groups: then that is what the report says
        assert jail == "gvisor"
        assert limit.inside == 1000 * len(os.sched_getaffinity(0))
        assert "more than was asked for" in text(report)
    else:
        assert limit.inside == limit.value == (1000 if jail == "bubblewrap" else int(1000 * cpus))
