"""Cases 33 to 58 that need a run of their own: what ends its load, and where somebody outside takes part."""

from __future__ import annotations

import pickle
from pathlib import Path

from sandbox.facts import Verdict
from tests.abuse import outside
from tests.abuse.bench import Bench
from tests.abuse.case import Case, Evidence, finding, holds
from tests.jail.payloads import running

_CALLS = 5000  # waits for an answer: far more than importing needs
_FOREIGN = """
import ctypes
for line in open("/proc/self/maps"):
    words = line.split()
    if "x" in words[1] and words[-1].startswith("/"):
        low, high = (int(word, 16) for word in words[0].split("-"))
        at = ctypes.string_at(low, high - low).find(bytes.fromhex("cd80"))
        if at >= 0:
            ctypes.CFUNCTYPE(ctypes.c_long)(low + at)()
"""


def _interrupt(bench: Bench) -> Evidence:
    """Those two bytes stand somewhere in the interpreter's own code; what follows them there may end the load."""
    report = bench.load(_FOREIGN)
    if bench.jail == "gvisor":
        assert report.dynamic.loaded is None
        assert not report.completeness.complete
        return Evidence(
            "the Sentry has no such way in, and ended the load by a signal",
            f"no event of it, since it never was a call; {finding(report, 'load.killed')}, not complete",
        )
    found = [event for event in report.dynamic.events if event.kind == "abi.foreign"]
    assert found
    assert {event.answer for event in found} == {"denied"}
    assert report.dynamic.ended
    return Evidence("answered as if it did not exist", f"event abi.foreign, denied; {finding(report, 'event.foreign')}")


def _slow(path: Path) -> Path:
    """Nothing is hidden in it, and it takes seconds to be read."""
    path.write_bytes(pickle.dumps({"rows": [{str(at): at} for at in range(300_000)]}, protocol=4))
    return path


def _killed_quiet(bench: Bench) -> Evidence:
    with outside.started(bench, _slow(bench.folder() / "slow.pkl")) as run:
        first = run.pid_1()
        if bench.jail != "gvisor":  # which hides them; killed before it has taken its order, a jail didn't start
            outside.until(lambda: True if len(outside.tree(first)) > 1 else None)
        first.kill()
        said = run.end()
    assert said["verdict"] == Verdict.INCONCLUSIVE, said["verdict"]
    assert said["exit"] == 2
    assert not said["completeness"]["complete"]
    return Evidence("exit 2, and nothing is written", "verdict inconclusive, not complete")


def _killed_loading(bench: Bench) -> Evidence:
    """The load ends with the watch: there is no call that nobody answers."""
    model = running("import os\nwhile True: os.stat('/')", bench.folder() / "payload.pkl")
    with outside.started(bench, model) as run:
        first, loader = run.pid_1(), run.loader()
        outside.until(lambda: True if loader.num_ctx_switches().voluntary > _CALLS else None)
        jail = outside.tree(first)
        first.kill()
        outside.until(lambda: True if not any(map(_lives, jail)) else None)
        said = run.end()
    assert said["verdict"] == Verdict.MALICIOUS, (said["verdict"], said["findings"])
    assert not said["completeness"]["complete"]
    assert not said["observer"]["ended"]
    return Evidence("the load ended with it: no process of the jail is left", "verdict malicious, not complete")


def _lives(process: outside.psutil.Process) -> bool:
    return bool(process.is_running() and process.status() != outside.psutil.STATUS_ZOMBIE)


_DROPS = (
    "/tmp/sitecustomize.py",
    "/dev/shm/x.so",
    "/home/user/.local/lib/python3.11/site-packages/x.pth",
    "/etc/ld.so.preload",
    "/env/sitecustomize.py",
    "/code/guest/sitecustomize.py",
)


def _second_run(bench: Bench) -> Evidence:
    dropping = bench.load(
        f"""
        import os
        os.environ.update(LD_PRELOAD="/dev/shm/x.so", PYTHONPATH="/tmp")
        for path in {_DROPS!r}:
            try:
                open(path, "w").write("print('again')")
            except OSError:
                pass
        """
    )
    for path in _DROPS:
        assert any(holds(event, "file.write", {"path": path}) for event in dropping.dynamic.events), path
    looking = bench.load(
        f"""
        import os, sys
        print([path for path in {_DROPS!r} if os.path.exists(path)], os.environ.get("LD_PRELOAD"))
        print([name for place in ("/tmp", "/dev/shm") for name in os.listdir(place)])
        """
    )
    assert {text for _, text, _ in looking.dynamic.printed} == {"[] None\n[]\n"}
    found = finding(dropping, "event.persistence")
    return Evidence("the next run found none of them, and both folders empty", f"event file.write for each; {found}")


# Where the jail's processes are the host's, too.
_SHARED = ("bubblewrap", "docker")
CASES = (
    Case("43", "int 0x80, by two bytes of the interpreter's own code", _interrupt),
    Case("53", "PID 1 killed from outside, under a file that hides nothing", _killed_quiet),
    Case("53", "PID 1 killed from outside, under a load that makes calls", _killed_loading, _SHARED),
    Case("56", "Files and variables for the next run", _second_run),
)
