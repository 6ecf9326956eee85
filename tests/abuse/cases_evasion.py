"""Cases 72 to 78 that need a run of their own."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile

from sandbox.facts import Verdict
from tests.abuse.bench import Bench
from tests.abuse.case import EACH_OBSERVER, Case, Evidence, finding, holds
from tests.malicious.pickles import call, stream

_PICKLE = stream(call("posix", "system", "id"))


def _sat_out(bench: Bench) -> Evidence:
    """A wait by select isn't a sleep, and a clock can't be hurried: the load is ended, and that is said."""
    report = bench.load("import select, os\nselect.select([], [], [], 3600)\nos.system('id')", timeout=5)
    assert not report.completeness.complete
    assert report.dynamic.loaded is None
    assert any(event.kind == "limit.time" for event in report.dynamic.events)
    return Evidence("ended at its time", f"not complete; {finding(report, 'event.limit.time')}")


def _dated(bench: Bench) -> Evidence:
    report = bench.load("import time, os\nif time.time() > 4e9: os.system('id')")
    assert not any(event.kind == "process.exec" for event in report.dynamic.events)
    return Evidence("it did nothing, since its day has not come", finding(report, "global.dangerous.called"))


def _late(bench: Bench) -> Evidence:
    report = bench.load(
        """
        import atexit, builtins, os, threading, time
        class Late:
            def __del__(self, system=os.system):
                system("echo finalizer")
        builtins.late = Late()
        atexit.register(os.system, "echo atexit")
        def after():
            end = time.monotonic() + 1
            while time.monotonic() < end:
                pass
            os.system("echo thread")
        threading.Thread(target=after).start()
        """
    )
    assert report.dynamic.loaded
    for when in ("finalizer", "atexit", "thread"):
        row = {"argv": f"sh -c 'echo {when}'"}
        assert any(holds(event, "process.exec", row) for event in report.dynamic.events), when
    assert report.completeness.complete
    return Evidence("refused, each after the load had ended", "event process.exec for each of the three")


def _tar() -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as archive:
        entry = tarfile.TarInfo("model.pkl")
        entry.size = len(_PICKLE)
        archive.addfile(entry, io.BytesIO(_PICKLE))
    return held.getvalue()


def _zip(names: tuple[str, ...]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name in names:
            archive.writestr(name, _PICKLE)
    return held.getvalue()


_OPENED = {
    "a tar.gz": _tar,
    "a gzip": lambda: gzip.compress(_PICKLE),
}
_CLOSED = {
    "a 7z": lambda: b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(24) + _PICKLE,
    "a torch.export program": lambda: _zip(("m/serialized_exported_program.json", "m/version", "m/weights.pt")),
    "a TorchScript archive": lambda: _zip(("m/constants.pkl", "m/code/__torch__.py", "m/version")),
    "a compiled library (AOTInductor)": lambda: b"\x7fELF\x02\x01\x01" + bytes(57) + _PICKLE,
}


def _nested(bench: Bench) -> Evidence:
    verdicts = {}
    for name, made in (_OPENED | _CLOSED).items():
        model = bench.folder() / "model.pt"
        model.write_bytes(made())
        report = bench.evaluate(model)
        if name in _OPENED:
            assert report.verdict == Verdict.MALICIOUS, name
        else:
            assert report.verdict in (Verdict.INCONCLUSIVE, Verdict.SUSPICIOUS, Verdict.MALICIOUS), name
            assert not report.completeness.complete, name
            assert not report.dynamic.loaded, name
        verdicts[name] = report.verdict.value
    told = ", ".join(f"{name}: {verdict}" for name, verdict in verdicts.items())
    return Evidence("what is opened is found out; of anything else nothing was loaded", told)


CASES = (
    Case("72", "Wait by select until the time is up", _sat_out, EACH_OBSERVER),
    Case("73", "Act on a day to come", _dated, EACH_OBSERVER),
    Case("76", "Act in a thread, a finalizer and at exit", _late, EACH_OBSERVER),
    Case("78", "A pickle within another container", _nested, ("bubblewrap",)),
)
