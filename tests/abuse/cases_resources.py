"""Cases 1 to 18, the bombs: each ends its load, or needs its time or its memory for itself."""

from __future__ import annotations

import re
from collections.abc import Callable

import docker
import psutil

from sandbox.facts import Report, Verdict
from tests.abuse.bench import Bench
from tests.abuse.case import Case, Evidence, finding

_MIB = 1 << 20
_SHORT = 4.0  # seconds of wall clock, for what never ends by itself


def printed(report: Report) -> str:
    """What the payload said on its standard output."""
    return "".join(text for stream, text, _ in report.dynamic.printed if stream == "loader stdout")


def watched(report: Report) -> None:
    """The watch lived to the end and the file is no better for it."""
    assert report.dynamic.ended
    assert report.dynamic.observer_outlived_loader
    assert report.verdict == Verdict.MALICIOUS, report.summary


def recorded(report: Report, kind: str) -> str:
    """That kind of event as evidence."""
    assert report.dynamic.counts.get(kind), report.dynamic.counts
    return f"event {kind}"


def gone(jail: str, hostname: str) -> bool:
    """Whether nothing on the host still belongs to the jail of that name."""
    words = (word for process in psutil.process_iter(["cmdline"]) for word in process.info["cmdline"] or ())
    if jail == "bubblewrap":
        return hostname not in words
    client = docker.from_env()
    try:
        return all(row.attrs["Config"]["Hostname"] != hostname for row in client.containers.list(all=True))
    finally:
        client.close()


def _vfork_bomb(bench: Bench) -> Evidence:
    """Each child is lent its parent's memory and goes on in it; only the limit on tasks ends that."""
    report = bench.load(
        """
        import ctypes, os, select
        libc = ctypes.CDLL(None, use_errno=True)
        made = 0
        while libc.vfork() == 0:
            made += 1
        os.write(1, b"refused %d after %d" % (ctypes.get_errno(), made))
        while True:
            select.select([], [], [], 60)
        """,
        timeout=_SHORT,
    )
    assert not report.completeness.complete
    if bench.jail == "gvisor":  # each takes it so long that time runs out first, which PID 1 or the host notices
        assert any(event.kind == "process.fork" for event in report.dynamic.events)
        return Evidence("ended when its time was up", "event process.fork; not complete")
    watched(report)
    found = re.fullmatch(r"refused 11 after (\d+)", printed(report))
    assert found, printed(report)
    assert int(found[1]) < 256
    return Evidence("refused EAGAIN below the limit of 256 tasks", f"{recorded(report, 'process.fork')}; not complete")


def _thread_bomb(bench: Bench) -> Evidence:
    report = bench.load(
        """
        import threading
        lock = threading.Lock()
        lock.acquire()
        held = 0
        try:
            while True:
                threading.Thread(target=lock.acquire, daemon=True).start()
                held += 1
        except RuntimeError:
            print("refused after", held)
        """
    )
    watched(report)
    assert int(printed(report).split()[-1]) < 256
    return Evidence("refused below the limit of 256 tasks", recorded(report, "leftover"))


def _memory_bomb(bench: Bench) -> Evidence:
    before = psutil.swap_memory().used
    report = bench.load("held = [bytearray(b'x' * (1 << 24)) for _ in range(1 << 20)]", memory=256 * _MIB)
    by_host = bench.jail == "gvisor" and any(row.rule == "host.jail" for row in report.findings)
    if not by_host:
        watched(report)
    assert not report.completeness.complete
    assert report.dynamic.loaded is not True
    assert psutil.swap_memory().used - before < 64 * _MIB
    ends = {"event.limit.memory", "load.killed", "load.failed", "host.jail"} & {row.rule for row in report.findings}
    assert ends, report.findings
    return Evidence("the load ended, the host did not swap", "said why it ended; not complete")


def _spin(bench: Bench) -> Evidence:
    """All threads it may have, each busy."""
    report = bench.load(
        """
        import threading
        def spin():
            while True:
                pass
        for _ in range(8):
            threading.Thread(target=spin).start()
        spin()
        """,
        timeout=_SHORT,
    )
    return _stopped(report)


def _stopped(report: Report) -> Evidence:
    watched(report)
    assert not report.completeness.complete
    return Evidence("ended when its time was up", finding(report, "event.limit.time"))


def _stops_itself(bench: Bench) -> Evidence:
    """Where PID 1 traces, a stop is no more than a breath."""
    report = bench.load("import signal; signal.raise_signal(signal.SIGSTOP)", timeout=_SHORT)
    if bench.jail != "gvisor":
        return _stopped(report)
    watched(report)
    assert report.completeness.complete
    return Evidence("went on, and came to its end", finding(report, "global.dangerous.called"))


def _stays(bench: Bench) -> Evidence:
    """Deaf to every signal, with a borrowed process and a thread that never end."""
    report = bench.load(
        """
        import ctypes, os, select, signal, threading
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, 32, 33}:
            signal.signal(number, signal.SIG_IGN)
        libc = ctypes.CDLL(None)
        def stay():
            while True:
                select.select([], [], [], 60)
        def borrow():
            libc.vfork()
            stay()
        for target in (stay, borrow):
            threading.Thread(target=target, daemon=True).start()
        print(os.uname().nodename)
        """
    )
    watched(report)
    hostname = printed(report).strip()
    assert re.fullmatch(r"sam-thinkpad-[0-9a-f]{4}", hostname)
    assert gone(bench.jail, hostname)
    return Evidence("all of it died with the jail", recorded(report, "leftover"))


def _crash(bench: Bench) -> Evidence:
    report = bench.load("import os; os.abort()")
    watched(report)
    assert report.dynamic.end is not None
    assert report.dynamic.end.exit == -6
    assert not report.completeness.complete
    return Evidence("only the load crashed; dumps are limited to nothing", finding(report, "load.killed"))


def _starvation(bench: Bench) -> Evidence:
    """More callers than the watch can answer at once, and none that ends by itself."""
    report = bench.load(
        """
        import socket, threading
        def knock():
            while True:
                socket.socket().connect_ex(("203.0.113.7", 4444))
        for _ in range(200):
            threading.Thread(target=knock).start()
        knock()
        """,
        timeout=_SHORT,
    )
    stopped = _stopped(report)
    assert report.dynamic.counts["net.connect"] > 200
    return Evidence(stopped.contained, f"{stopped.recorded}; {recorded(report, 'net.connect')}")


def _rows() -> tuple[Case, ...]:
    rows: tuple[tuple[str, str, Callable[[Bench], Evidence]], ...] = (
        ("1", "Fork bomb by the fork that is let through", _vfork_bomb),
        ("2", "Thread bomb", _thread_bomb),
        ("3", "Memory bomb", _memory_bomb),
        ("8", "Keeps every core busy, for ever", _spin),
        ("9", "Stops itself", _stops_itself),
        ("10", "Ignores every signal and leaves a thread and a process", _stays),
        ("16", "Crashes", _crash),
        ("18", "Hundreds of threads wait for the watch at once", _starvation),
    )
    return tuple(Case(*row) for row in rows)


CASES = _rows()
