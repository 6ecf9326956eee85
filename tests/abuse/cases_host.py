"""A host in a bad state, or worked against: the command as a user runs it. One jail serves for all of them."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandbox.facts import Exit, Report, Verdict
from tests.abuse.bench import ROOT, Bench, benign, run
from tests.abuse.case import Case, Evidence
from tests.abuse.files import ARRAYS, arrays
from tests.jail.payloads import running

_ONE = ("bubblewrap",)
_PRIVATE = ["unshare", "--mount", "--propagation", "private", "--", "sh", "-c"]


def _shell(bench: Bench, model: Path, around: str, *options: str, **popen: Any) -> subprocess.CompletedProcess[str]:
    """The command in a shell, where `around` says {} in its place."""
    return run(["sh", "-c", around.format(shlex.join(bench.command(model, *options)))], **popen)


def _private(bench: Bench, model: Path, before: str, *options: str, **popen: Any) -> subprocess.CompletedProcess[str]:
    """The command after `before`, in mounts of its own that end with it."""
    return run([*_PRIVATE, f"{before} && exec {shlex.join(bench.command(model, *options))}"], **popen)


def _environment(**changes: str) -> dict[str, str]:
    return {**os.environ, **changes}


def _quiet(done: subprocess.CompletedProcess[str]) -> None:
    """It judged as it always does."""
    assert done.returncode == Exit.QUIET, done.stderr
    assert done.stdout.startswith("CLEAN"), done.stdout
    assert "Traceback" not in done.stderr


def _one_line(done: subprocess.CompletedProcess[str], words: str) -> None:
    """It judged nothing and said why in one line."""
    assert done.returncode == Exit.USAGE, (done.returncode, done.stdout, done.stderr)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("sandbox-load: ")
    assert words in last, last
    assert "Traceback" not in done.stderr


_AS_EVER = "evaluated as ever"
_NOTHING = "nothing is written"


# The input


def _linked(bench: Bench) -> Evidence:
    folder = bench.folder()
    real = benign(folder / "real.pkl")
    for name, make in (("soft.pkl", Path.symlink_to), ("hard.pkl", Path.hardlink_to)):
        link = folder / name
        make(link, real)
        report = bench.evaluate(link)
        assert report.verdict == Verdict.CLEAN
        assert report.input.path == str(link)
    (folder / "loop.pkl").symlink_to(folder / "loop.pkl")
    (folder / "lost.pkl").symlink_to(folder / "nowhere")
    for name in ("loop.pkl", "lost.pkl"):
        _one_line(bench.cli(folder / name, "--no-output"), name)
    return Evidence("the bytes it leads to are evaluated; one that leads nowhere is refused", "the path that was named")


def _swapped(bench: Bench, swap: Callable[[Path, Path], None]) -> Report:
    """A benign model that is swapped for a hostile one as soon as the evaluation has begun."""
    folder = bench.folder()
    inner = folder / "in" / "ner"
    inner.mkdir(parents=True)
    model = arrays(inner / "m.pkl")
    evil = running("raise SystemExit", folder / "evil.pkl")
    done: list[str] = []

    def once(line: str) -> None:
        if not done:
            done.append(line)
            swap(model, evil)

    report = bench.evaluate(model, output=folder / "out.safetensors", write=True, progress=once)
    assert done
    assert not report.outputs
    assert "replaced" in report.not_written or "changed" in report.not_written
    assert report.exit_code != Exit.QUIET
    assert not list(folder.glob("out.*"))
    return report


def _file(model: Path, evil: Path) -> None:
    evil.replace(model)


def _folder(model: Path, evil: Path) -> None:
    model.parent.rename(model.parent.with_name("moved"))
    model.parent.mkdir()
    evil.replace(model)


def _parent(model: Path, evil: Path) -> None:
    inner = model.parent
    inner.parent.rename(inner.parent.with_name("moved"))
    inner.mkdir(parents=True)
    evil.replace(model)


def _link(model: Path, evil: Path) -> None:
    model.unlink()
    model.symlink_to(evil)


def _touched(model: Path, _evil: Path) -> None:
    """Other bytes, and the old times put back."""
    info = model.stat()
    raw = bytearray(model.read_bytes())
    raw[-20] ^= 1
    model.write_bytes(raw)
    os.utime(model, ns=(info.st_atime_ns, info.st_mtime_ns))


def _grown(model: Path, _evil: Path) -> None:
    os.truncate(model, model.stat().st_size + 4096)


def _noticed(swap: Callable[[Path, Path], None]) -> Callable[[Bench], Evidence]:
    def show(bench: Bench) -> Evidence:
        report = _swapped(bench, swap)
        assert any(row.rule == "host.input_changed" for row in report.findings), report.findings
        return Evidence(_NOTHING, "finding host.input_changed")

    return show


# The caller's surroundings


def _locales(bench: Bench) -> Evidence:
    model = benign(bench.folder() / "müll \u202e.pkl")
    for name in ("tr_TR.ISO-8859-9", "C", "POSIX", "xx_YY.nonsense", ""):
        strict = _environment(LC_ALL=name, PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", PYTHONIOENCODING="")
        for options in ((), ("--format", "json")):
            done = bench.cli(model, "--no-output", *options, env=strict, encoding="utf-8", errors="replace")
            assert done.returncode == Exit.QUIET, done.stderr
            assert "Traceback" not in done.stderr
    done = bench.cli(model, "--no-output", env=_environment(PYTHONIOENCODING="ascii:strict"))
    assert done.returncode == Exit.QUIET, done.stderr
    return Evidence(_AS_EVER, "the report, in what characters the terminal has")


def _time_zones(bench: Bench) -> Evidence:
    model = benign(bench.folder() / "m.pkl")
    for name in ("Pacific/Kiritimati", ":/etc/passwd", "XXX-99:99:99", "\u202e"):
        _quiet(bench.cli(model, "--no-output", env=_environment(TZ=name)))
    return Evidence(_AS_EVER, "the report as ever")


def _umasks(bench: Bench) -> Evidence:
    for mask, mode in (("0777", 0o000), ("0000", 0o666), ("0077", 0o600)):
        folder = bench.folder()
        model = arrays(folder / "m.pkl")
        done = _shell(bench, model, f"umask {mask}; {{}}")
        _quiet(done)
        assert (folder / "m.safetensors").stat().st_mode & 0o777 == mode
    return Evidence("evaluated and written, with the mode that the umask leaves", "the outputs are in the report")


def _closed(bench: Bench) -> Evidence:
    model = benign(bench.folder() / "m.pkl")
    for closed in ("<&-", "2>&-", "<&- 2>&-"):
        _quiet(_shell(bench, model, f"{{}} {closed}", "--no-output"))
    for closed in (">&-", "<&- >&- 2>&-"):
        report = model.with_name("report.json")
        done = _shell(bench, model, f"{{}} {closed}", "--no-output", "--report", f"json={report}")
        assert done.returncode == Exit.QUIET, done.stderr
        assert json.loads(report.read_text(encoding="ascii"))["verdict"] == "clean"
    return Evidence(_AS_EVER, "the report, where there is an output left")


def _full_device(bench: Bench) -> Evidence:
    model = benign(bench.folder() / "m.pkl")
    done = _shell(bench, model, "{} > /dev/full", "--no-output", "-q")
    _one_line(done, "standard output")
    done = _shell(bench, model, "{} 2> /dev/full", "--no-output")
    _quiet(done)
    return Evidence("no traceback, and exit 3 where the report could not be given", "the error names standard output")


def _pipe_closed(bench: Bench) -> Evidence:
    model = benign(bench.folder() / "m.pkl")
    done = _shell(bench, model, "{} | head -1", "--no-output", "-vv")
    assert done.stdout.startswith("CLEAN")
    assert "Traceback" not in done.stderr
    done = _shell(bench, model, "{} | true", "--no-output")
    assert "Traceback" not in done.stderr
    return Evidence("no traceback", "what the reader took of the report")


def _full_disk(bench: Bench) -> Evidence:
    """A tiny tmpfs holds some of the outputs, then all but the last."""
    folder = bench.folder()
    model = arrays(folder / "m.pkl", {f"w{number}": ARRAYS["w"] for number in range(2000)})
    out = folder / "out"
    out.mkdir()
    quoted = shlex.quote(str(out))
    command = shlex.join(bench.command(model, "-o", str(out / "m.safetensors")))
    for size in (4096, 65536, 262144):
        mounted = (
            f"mount -t tmpfs -o size={size} none {quoted}; {command}; code=$?; echo LEFT $(ls -A {quoted}); exit $code"
        )
        done = run([*_PRIVATE, mounted])
        _one_line(done, "free some space")
        assert done.stdout == "LEFT\n"
    return Evidence("nothing half-written stays", "the error says that there is no space, and where")


def _full_report(bench: Bench) -> Evidence:
    folder = bench.folder()
    model = benign(folder / "m.pkl")
    (folder / "small").mkdir()
    mount = f"mount -t tmpfs -o size=4096 none {shlex.quote(str(folder / 'small'))}"
    _one_line(
        _private(bench, model, mount, "--no-output", "--report", f"json={folder / 'small' / 'r.json'}"),
        "the report can't be written",
    )
    return Evidence("no half report stays", "the error says where it could not be written")


def _read_only_home(bench: Bench) -> Evidence:
    """No home to write to, no cache to make; the packages are found where they were made."""
    folder = bench.folder()
    home = folder / "home"
    home.mkdir()
    cache = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    quoted = shlex.quote(str(home))
    done = _private(
        bench,
        benign(folder / "m.pkl"),
        f"mount -t tmpfs -o ro none {quoted}",
        "--no-output",
        env=_environment(HOME=str(home), XDG_CACHE_HOME=cache),
    )
    _quiet(done)
    return Evidence(_AS_EVER, "the report as ever")


def _no_temporary(bench: Bench) -> Evidence:
    folder = bench.folder()
    model = benign(folder / "m.pkl")
    _quiet(bench.cli(model, "--no-output", env=_environment(TMPDIR=str(folder / "missing"))))
    small = folder / "small"
    small.mkdir()
    mount = f"mount -t tmpfs -o size=16k none {shlex.quote(str(small))}"
    done = _private(bench, model, mount, "--no-output", env=_environment(TMPDIR=str(small)))
    _one_line(done, "space")
    return Evidence("another place is taken; one that is full is an error", "the error says that there is no space")


def _small_shared(bench: Bench) -> Evidence:
    model = benign(bench.folder() / "m.pkl")
    _quiet(_private(bench, model, "mount -t tmpfs -o size=4k none /dev/shm", "--no-output"))
    return Evidence(_AS_EVER, "the report as ever")


def _hostile_variables(bench: Bench) -> Evidence:
    """What the caller's environment would make Python and the linker do must not reach the jail."""
    folder = bench.folder()
    (folder / "evil").mkdir()
    for name in ("wire.py", "guest.py", "planted.py", "start.py"):
        (folder / "evil" / name).write_text("print('REACHED')\n", encoding="ascii")
    source = """
    import importlib.util, os, sys
    print(sorted(os.environ), sys.path, importlib.util.find_spec("planted"), sys.modules["wire"].__file__)
    """
    model = running(source, folder / "m.pkl")
    evil = str(folder / "evil")
    planted = {
        "PYTHONSTARTUP": f"{evil}/start.py",
        "PYTHONHASHSEED": "0",
        "SANDBOX_SECRET": "do-not-tell",
        "BASH_ENV": f"{evil}/start.py",
        "ENV": f"{evil}/start.py",
        "LD_PRELOAD": f"{evil}/start.py",
        "PYTHONPATH": f"{evil}:{ROOT}",
    }
    done = bench.cli(model, "--no-output", "--format", "json", env=_environment(**planted))
    report = json.loads(done.stdout)
    assert report["verdict"] == "malicious"
    said = "".join(row["text"] for row in report["printed"])
    assert "None /code/wire.py" in said
    assert "SANDBOX_SECRET" not in said
    assert "LD_PRELOAD" not in said
    assert evil not in said
    return Evidence("none of it is in the jail", "what the load printed of its environment")


CASES = (
    Case("H.1", "The input is a symbolic link, a hard link, a link that leads nowhere", _linked, _ONE),
    Case("H.2", "Another file takes the input's name meanwhile", _noticed(_file)),
    Case("H.2", "The input's folder is swapped meanwhile", _noticed(_folder)),
    Case("H.2", "The folder above the input's is swapped meanwhile", _noticed(_parent)),
    Case("H.2", "A link takes the input's name meanwhile", _noticed(_link)),
    Case("26", "The input's bytes change meanwhile, and its times are put back", _noticed(_touched)),
    Case("26", "The input grows meanwhile", _noticed(_grown)),
    Case("H.3", "Locales that don't exist, or have only ASCII", _locales, _ONE),
    Case("H.3", "Time zones that can't be", _time_zones, _ONE),
    Case("H.3", "Umasks of nothing and of everything", _umasks, _ONE, root=True),
    Case("H.4", "Closed standard streams", _closed, _ONE),
    Case("H.4", "Standard output or error is a full device", _full_device, _ONE),
    Case("H.4", "The reader of the report leaves", _pipe_closed, _ONE),
    Case("H.5", "The disk of the outputs is full", _full_disk, _ONE, root=True),
    Case("H.5", "The disk of the report is full", _full_report, _ONE, root=True),
    Case("H.5", "A home that can't be written to", _read_only_home, _ONE, root=True),
    Case("H.5", "No temporary folder, or a full one", _no_temporary, _ONE, root=True),
    Case("H.5", "A tiny /dev/shm", _small_shared, _ONE, root=True),
    Case("H.6", "A hostile environment of the caller's", _hostile_variables, _ONE),
)
