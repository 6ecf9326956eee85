"""One evaluation in a fresh process, described for the bench: `python -m bench.evaluation --help`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.measure import own_peak
from sandbox import controller, exchange
from sandbox.bundle import Bundle, find
from sandbox.controller import evaluate
from sandbox.facts import ProcessEnd, Report
from sandbox.request import Request
from sandbox.untrusted.session import Session
from sandbox.untrusted.wire import Kind

# What makes the same loader, in the same jail, run without wall 2 and without hints: for our own files only.
# PID 1 wants a filter on every task. A container's profile is one; gVisor has none, so there one that allows all.
_UNWATCHED = {
    "guest/filters.py": """

def arm(_names, _absent, observer):
    import os
    if observer == "notify":
        return os.eventfd(0, os.EFD_CLOEXEC)
    rules = seccomp.SyscallFilter(seccomp.ALLOW)
    rules.set_attr(seccomp.Attr.CTL_TSYNC, 1)
    rules.load()
    return -1
""",
    "guest/observers/trace.py": "\n\nTraceObserver.take = lambda _self, _pid, _listener: None\n",
    "guest/load/hints.py": "\n\ndef install(_send):\n    pass\n",
}
_NOTED: dict[Kind, Any] = {}


class _Noting(Session):
    """Keeps the two rows with figures that no report shows."""

    def feed(self, untrusted_bytes: bytes) -> Iterator[tuple[Kind, Any]]:
        for kind, row in super().feed(untrusted_bytes):
            if kind == Kind.LOADED:
                _NOTED[kind] = row
            yield kind, row


class _Unwatched(Bundle):
    """The guest's code with the watch taken out."""

    def sources(self) -> dict[str, bytes]:
        own = super().sources()
        return own | {name: own[name] + change.encode() for name, change in _UNWATCHED.items()}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.evaluation", description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--output", type=Path, help="none: only evaluate")
    parser.add_argument("--jail", default="bubblewrap")
    parser.add_argument("--timeout", type=float, help="seconds, instead of the policy's own")
    parser.add_argument("--static", action="store_true")
    parser.add_argument("--unwatched", action="store_true")
    return parser.parse_args()


def _described(report: Report, jail: str) -> dict[str, Any]:
    """What the tables need of it. Bytes and seconds."""
    processes = [end for end in (report.static.end, report.dynamic.end) if isinstance(end, ProcessEnd)]
    loaded, used = _NOTED.get(Kind.LOADED), report.dynamic.resources
    return {
        "verdict": report.verdict.value,
        "reasons": list(report.reasons),
        "host_peak": own_peak(),
        "reader_peak": report.static.end.peak_rss if isinstance(report.static.end, ProcessEnd) else 0,
        "jail_peak": max((process.peak_rss for process in processes), default=0),
        "jail_private_peak": used.peak_memory if used else 0,
        # An engine's containers are not ours to wait for, so their time is added.
        "cpu_elsewhere": sum(process.cpu_seconds for process in processes) if jail != "bubblewrap" else 0.0,
        "tensors": sum(count.tensors for count in report.tensors.values()),
        "load_seconds": loaded.seconds if loaded else None,
        "printed": [text for _stream, text, _total in report.dynamic.printed],
        "timings": report.timings,
    }


def main() -> None:
    """Evaluate, and print one JSON object."""
    options = _options()
    setattr(exchange, "Session", _Noting)  # noqa: B010 - an assignment, which mypy doesn't take
    if options.unwatched:
        unwatched = _Unwatched(find().root)
        setattr(controller, "find", lambda: unwatched)  # noqa: B010 - likewise
    request = Request(
        path=options.model,
        output=options.output,
        write=options.output is not None,
        force=True,
        jail=options.jail,
        static=options.static,
        timeout=options.timeout,
    )
    print(json.dumps(_described(evaluate(request), options.jail)))


if __name__ == "__main__":
    main()
