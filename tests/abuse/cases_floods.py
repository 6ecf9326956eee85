"""Floods: very many watched calls, very much output, very many children. Both sides of the wire stay small.

CI takes a part of each; SANDBOX_LOAD_FLOODS=whole takes all of it: 10^6 calls, 10 GB, 10^5 children.
"""

from __future__ import annotations

import json
import os
import textwrap
from typing import Any

from sandbox.facts import Report, Verdict
from tests.abuse.bench import Bench
from tests.abuse.case import EACH_OBSERVER, Case, Evidence
from tests.abuse.memory import Growth

WHOLE = os.environ.get("SANDBOX_LOAD_FLOODS") == "whole"
CALLS = 1_000_000 if WHOLE else 50_000
OUTPUT = 10 << 30 if WHOLE else 1 << 30  # bytes
FORKS = 100_000 if WHOLE else 20_000
STARTS = 100_000 if WHOLE else 1_000
_SLOW = {"gvisor": 10}  # there each watched call costs two switches of ptrace: that part of the number in CI
_PATIENCE = 600.0  # seconds; a flood is to be taken whole here, not cut short by the clock

_HOST_MAY_GROW = 48 << 20
_WATCH_MAY_GROW = 24 << 10  # KiB
_SMALL = "each refused; host and PID 1 stayed small"
_KEPT = 64  # rows of each kind, and KiB of output

# Around each flood the payload looks up how big PID 1 is.
_FRAME = """
import ctypes, json, os, re, socket
def watch_size():
    return int(re.search(r"VmRSS:\\s*(\\d+)", open("/proc/1/status").read())[1])
before = watch_size()
{flood}
os.write({tell}, json.dumps([watch_size() - before, result]).encode() + b"\\n")
"""
_CALLS = """
s = socket.socket()
result = 0
for number in range({count}):
    result += s.connect_ex(("203.0.113.7", number % 60000 + 1000)) != 0
"""
_FORKS = """
result = 0
for _ in range({count}):
    try:
        os.fork()
    except OSError:
        result += 1
"""
_STARTS = """
result = 0
for number in range({count}):
    try:
        os.posix_spawn("/bin/true", ["true", str(number)], {{}})
    except OSError:
        result += 1
"""
_OUTPUT = """
import mmap
page = b"x" * (1 << 20)
result = 0
while result < {count}:
    result += os.write({stream}, page)
"""


def _flooded(bench: Bench, flood: str, count: int, tell: int = 1, **values: Any) -> Report:
    """The report on a flood of that many, once both sides are known to have stayed small."""
    source = _FRAME.format(flood=textwrap.dedent(flood).format(count=count, **values), tell=tell)
    with Growth() as growth:
        report = bench.load(source, timeout=_PATIENCE)
    assert growth.peak < _HOST_MAY_GROW, growth.peak
    grown, result = _said(report, tell)
    assert result >= count
    assert grown < _WATCH_MAY_GROW, grown
    assert report.verdict == Verdict.MALICIOUS
    assert report.dynamic.ended
    if WHOLE:
        cpu = report.dynamic.end.cpu_seconds if report.dynamic.end else 0.0
        print(f"host {growth.peak >> 20} MiB, watch {grown} KiB, {report.timings['total']} s, loader {cpu} s of CPU")
    return report


def _said(report: Report, tell: int) -> list[int]:
    stream = {1: "loader stdout", 2: "loader stderr"}[tell]
    text = next(text for name, text, _ in report.dynamic.printed if name == stream)
    found: list[int] = json.loads(text.splitlines()[-1])
    return found


def _counted(report: Report, kind: str, count: int) -> None:
    """All of them counted, a bounded number kept, the rest said to be dropped or counted in rows."""
    rows = [event for event in report.dynamic.events if event.kind == kind]
    assert report.dynamic.counts[kind] >= count
    assert len(rows) <= _KEPT
    assert sum(row.count for row in rows) + report.dynamic.dropped >= count


def _number(bench: Bench, number: int) -> int:
    return number if WHOLE else number // _SLOW.get(bench.jail, 1)


def _calls(bench: Bench) -> Evidence:
    count = _number(bench, CALLS)
    report = _flooded(bench, _CALLS, count)
    _counted(report, "net.connect", count)
    assert report.dynamic.dropped > count // 2
    assert not report.completeness.complete
    return Evidence(
        "each refused; host and PID 1 stayed small", "all counted as net.connect, 64 rows, the rest said to be dropped"
    )


def _forks(bench: Bench) -> Evidence:
    count = _number(bench, FORKS)
    report = _flooded(bench, _FORKS, count)
    _counted(report, "process.fork", count)
    return Evidence(_SMALL, "all counted as process.fork")


def _starts(bench: Bench) -> Evidence:
    """Each of these children lives until its execve is denied."""
    count = _number(bench, STARTS)
    report = _flooded(bench, _STARTS, count)
    _counted(report, "process.exec", count)
    assert not report.completeness.complete
    return Evidence(
        "each refused; host and PID 1 stayed small", "all counted as process.exec, 64 rows, the rest said to be dropped"
    )


def _output(bench: Bench, stream: int) -> Evidence:
    name, other = {1: ("stdout", 2), 2: ("stderr", 1)}[stream]
    report = _flooded(bench, _OUTPUT, OUTPUT, tell=other, stream=stream)
    text, total = next((text, total) for said, text, total in report.dynamic.printed if said == f"loader {name}")
    assert total >= OUTPUT
    assert len(text) <= _KEPT << 10
    return Evidence("taken and thrown away; host and PID 1 stayed small", "the first 64 KiB and the number of bytes")


CASES = (
    Case("14", "Floods standard output, no newline in it", lambda bench: _output(bench, 1)),
    Case("15", "Floods standard error, no newline in it", lambda bench: _output(bench, 2)),
    Case("17", "Floods the watch with connects", _calls, EACH_OBSERVER),
    Case("F.1", "Forks very often", _forks, EACH_OBSERVER),
    Case("F.2", "Starts programs very often", _starts, EACH_OBSERVER),
)
