"""B2 and K, the runs: what breaks a naive build, and a loader that knows this source."""

from __future__ import annotations

import os
import signal

from sandbox.errors import HostError
from sandbox.facts import Report, Verdict
from tests.abuse import outside
from tests.abuse.bench import Bench, benign
from tests.abuse.case import EACH_OBSERVER, Case, Evidence, finding
from tests.jail.payloads import running
from tests.malicious.pickles import amplification, polyglot

_OPENS = 10_000


def _printed(report: Report) -> str:
    return "".join(text for stream, text, _ in report.dynamic.printed if stream == "loader stdout").strip()


def _read(report: Report) -> int:
    return sum(event.count for event in report.dynamic.events if event.kind == "decoy.read")


def _raced(bench: Bench) -> Evidence:
    """The path can be changed after the call's record was made; inotify sees every opening all the same.

    Two that come faster than PID 1 reads are one to inotify.
    """
    report = bench.load(
        """
        import ctypes, os, threading
        libc = ctypes.CDLL(None, use_errno=True)
        secret, plain = os.path.expanduser("~/.aws/credentials").encode(), b"/proc/version"
        path = ctypes.create_string_buffer(plain, 64)
        stop = False
        def swap():
            while not stop:
                path.value = secret
                path.value = plain
        thread = threading.Thread(target=swap)
        thread.start()
        opened = 0
        for _ in range(300):
            fd = libc.open(path, 0)
            if fd >= 0:
                opened += os.read(fd, 4) == b"[def"
                os.close(fd)
        stop = True
        thread.join()
        opened += os.read(os.open(secret, 0), 4) == b"[def"
        print(opened)
        """
    )
    opened = int(_printed(report))
    assert opened * 0.9 <= _read(report) <= opened, (_read(report), opened)
    told = f"event decoy.read, counted but for like ones at once; {finding(report, 'event.decoy')}"
    return Evidence("what it reads is planted", told)


def _flooded(bench: Bench) -> Evidence:
    """More openings than inotify's queue would hold if nobody took them."""
    report = bench.load(
        f"""
        import os
        names = [os.path.expanduser("~/" + name) for name in (".netrc", ".pypirc", ".aws/credentials")]
        for at in range({_OPENS}):
            os.close(os.open(names[at % 3], os.O_RDONLY))
        print("opened")
        """
    )
    assert _printed(report) == "opened"
    lost = report.dynamic.decoy_overflow
    assert _read(report) == _OPENS or (lost and finding(report, "watch.decoys"))
    assert report.verdict == Verdict.MALICIOUS
    return Evidence("what it reads is planted", "each opening counted, or an overflow said; verdict malicious")


def _noise(bench: Bench) -> Evidence:
    report = bench.plain()
    assert report.verdict == Verdict.CLEAN
    kinds = {event.kind for event in report.dynamic.events}
    assert kinds <= {"file.read", "file.probe", "memory.library", "phase"}, kinds
    return Evidence("an ordinary file loads", "verdict clean, no event but reads of what is installed")


def _two_formats(bench: Bench) -> Evidence:
    model = bench.folder() / "model.pt"
    polyglot(model)
    report = bench.evaluate(model, static=True)
    found = [finding(report, rule) for rule in ("format.polyglot", "global.dangerous.called")]
    return Evidence("both are read, neither is loaded here", "; ".join(found))


def _expansion(bench: Bench) -> Evidence:
    model = bench.folder() / "model.pt"
    amplification(model)
    report = bench.evaluate(model, static=True, write=True)
    assert report.not_written
    assert [path.name for path in model.parent.iterdir()] == ["model.pt"]
    return Evidence("nothing is written", finding(report, "oddity.limit"))


def _swapped(bench: Bench) -> Evidence:
    """The engine opens the path again; by then it is another file."""
    folder = bench.folder()
    model, other = benign(folder / "model.pkl"), running("print('other')", folder / "other.pkl")
    report = bench.evaluate(model, progress=lambda _line: other.replace(model) if other.exists() else None, write=True)
    assert report.exit_code != 0
    assert report.not_written
    assert [path.name for path in folder.iterdir()] == ["model.pkl"]
    return Evidence("nothing is released", finding(report, "host.input_changed"))


def _orphaned(bench: Bench) -> Evidence:
    model = running("import select\nwhile True: select.select([], [], [], 60)", bench.folder() / "endless.pkl")
    with outside.started(bench, model) as run:
        jail = outside.tree(run.pid_1())
        run.process.send_signal(signal.SIGKILL)
        outside.until(lambda: True if not any(process.is_running() for process in jail) else None)
    assert [path.name for path in model.parent.iterdir()] == ["endless.pkl"]
    return Evidence("no process of the jail is left, no file beside the model", "nobody is left to report to")


def _vanished(bench: Bench) -> Evidence:
    """A volume would have made a folder in its place, owned by root. Who notices first is a race."""
    model = benign(bench.folder() / "model.pkl")
    try:
        report = bench.evaluate(model, progress=lambda _line: model.unlink(missing_ok=True))
    except HostError:
        pass
    else:
        assert finding(report, "host.input_changed").endswith(Verdict.INCONCLUSIVE.value)
        assert report.verdict == Verdict.INCONCLUSIVE
    assert list(model.parent.iterdir()) == []
    return Evidence("nothing is read, nothing made in its place", "one line and exit 3, or host.input_changed")


def _private(bench: Bench) -> Evidence:
    model = benign(bench.folder() / "model.pkl")
    model.chmod(0o600)
    said: list[str] = []
    report = bench.evaluate(model, progress=said.append)
    assert report.verdict == Verdict.CLEAN
    assert report.input.staged_copy == (os.getuid() == 0) == any("copy" in line for line in said)
    return Evidence("loaded, as a copy where the jail's user could not read it", "verdict clean, the copy announced")


def _forged(bench: Bench) -> Evidence:
    report = bench.load(
        """
        import os, sys
        wire = sys.modules["wire"]
        done = wire.encode(wire.Kind.LOADED, wire.Loaded(True, "", 0.0))
        os.write(3, done + wire.frame(wire.Kind.END, b'{"counts": {}, "dropped": 0}'))
        os.system("id")
        """
    )
    assert any(event.kind == "watch.tamper" and event.call == "frame" for event in report.dynamic.events)
    assert any(event.kind == "process.exec" for event in report.dynamic.events)
    return Evidence(
        "refused, and the watch went on", f"event watch.tamper of the frame; {finding(report, 'event.tamper')}"
    )


CASES = (
    Case("B2.8", "A decoy's path, raced past the record", _raced, EACH_OBSERVER),
    Case("B2.10", "The noise of an ordinary load", _noise),
    Case("B2.11", "Two formats in one file", _two_formats, ("bubblewrap",)),
    Case("B2.12", "Four megabytes that ask for terabytes", _expansion, ("bubblewrap",)),
    Case("B2.14", "Another file in the model's place before the jail opens it", _swapped),
    Case("B2.15", "The controller killed", _orphaned),
    Case("B2.16", "The model gone before the jail opens it", _vanished),
    Case("B2.17", "A model that only its owner may read", _private),
    Case("K.3", f"{_OPENS} openings of decoys", _flooded, EACH_OBSERVER),
    Case("K.4", "Forge the last frame", _forged, EACH_OBSERVER),
)
