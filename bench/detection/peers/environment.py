"""The environment that the peers live in, made of their lock, and the bubblewrap around each of them."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import venv
from importlib.metadata import distributions
from pathlib import Path
from types import TracebackType

from bench.detection.peers import Answer, Outcome, Peer
from bench.measure import ROOT
from sandbox.jail.packages import cache_base

LOCK = Path(__file__).parent / "requirements.txt"
SECONDS = 300  # for one file: modelaudit follows calls through installed packages for a minute of a busy machine
_HOME = "/tmp/home"  # in there


def prepared() -> Path:
    """The environment's folder; made once for each lock and Python."""
    key = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = cache_base(None).with_name("sandbox-load-bench") / f"peers-{key}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        half = folder.with_name(f"{folder.name}.half")
        shutil.rmtree(half, ignore_errors=True)
        venv.create(half, with_pip=True)
        install = ("install", "--quiet", "--require-hashes", "--only-binary", ":all:", "--requirement", str(LOCK))
        subprocess.run([half / "bin" / "python", "-m", "pip", *install], check=True)
        half.rename(folder)
    return folder


def versions(folder: Path) -> dict[str, str]:
    """Of all that is installed there, by name."""
    (packages,) = folder.glob("lib/python3*/site-packages")
    return {found.metadata["Name"].lower(): found.version for found in distributions(path=[str(packages)])}


class Scanner:
    """A peer that runs. Use as a context manager: leaving it ends it."""

    def __init__(self, peer: Peer, environment: Path, samples: Path) -> None:
        """`samples`: the folder whose files it can read."""
        self.peer = peer
        seen = [str(path) for path in (environment, ROOT / "bench", samples)]
        mounts = [word for path in seen for word in ("--ro-bind", path, path)]
        variables = {"HOME": _HOME, "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}
        told = [word for name, value in variables.items() for word in ("--setenv", name, value)]
        command = (
            *("bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--clearenv", *told),
            *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--dir", _HOME),
            *mounts,
            *("--chdir", "/", str(environment / "bin" / "python"), "-m", "bench.detection.peers"),
        )
        self._process = subprocess.Popen(
            [*command, peer.name, str(SECONDS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, path: Path) -> Answer:
        """Its answer on a file or a folder among the samples."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(str(path)), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.peer.name} ended")
        told = json.loads(line)
        return Answer(Outcome.ERROR, told["why"]) if told["why"] else self.peer.answer(told["code"], told["said"])

    def __enter__(self) -> Scanner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._process.kill()
        self._process.communicate()
