"""One running bubblewrap jail: how it is launched, its two pipes, its end."""

from __future__ import annotations

import contextlib
import os
import random
import selectors
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sandbox import messages
from sandbox.facts import Limit
from sandbox.jail import cgroup, wall
from sandbox.jail.bubblewrap_flags import ETC, LIBRARIES, PYTHON, READ_BY_PROGRAMS, cpus, flags, real_programs
from sandbox.jail.interface import CODE, ENVIRONMENT, GRACE_SECONDS, SIGNALS, JailSpec, RunningJail

_READ = 1 << 20
_STDERR_KEPT = 4096
_UMASK = 0o022  # the caller's own would close the jail's folders to whom they are for
# The root launcher covers one of these with a tmpfs, in a namespace that only it sees, and mounts the parts there.
_NEUTRAL = ("/mnt", "/media", "/srv", "/opt")
_LAUNCH = """
set -eu
place=$1 uid=$2 gid=$3
shift 3
mount -t tmpfs -o size=1m,mode=755 none "$place"
number=0
while [ "$1" != -- ]; do
    if [ -d "$1" ]; then mkdir "$place/$number"; else : > "$place/$number"; fi
    mount --bind "$1" "$place/$number"
    number=$((number + 1))
    shift
done
shift
exec setpriv --reuid="$uid" --regid="$gid" --clear-groups --inh-caps=-all -- "$@"
"""

# What differs from run to run: places in the jail, and what of the host stands there.
Sources = dict[str, Path]


def _sources(spec: JailSpec, environment: Path) -> Sources:
    layers = {layer.place: layer.folder for layer in spec.layers}
    return {CODE: spec.code, ENVIRONMENT: environment, **spec.mounted, **layers}


def _neutral(sources: Sources) -> str:
    """A folder that every Linux has and that none of the sources stands in."""
    real = [path.resolve() for path in sources.values()]
    free = (place for place in _NEUTRAL if not any(path.is_relative_to(place) for path in real))
    return next(place for place in free if Path(place).is_dir())


def _at(place: str, sources: Sources) -> Sources:
    """Where the launcher has mounted them."""
    return {inside: Path(place, str(number)) for number, inside in enumerate(sources)}


def _mounts(spec: JailSpec, sources: Sources) -> list[str]:
    """Everything that is bound into the jail, read-only."""
    shared = (*LIBRARIES, PYTHON, *(READ_BY_PROGRAMS if spec.programs else ()))
    inside = sources | {path: Path(path) for path in shared if Path(path).exists()}
    inside |= real_programs(spec.programs) if spec.programs else {}
    links = ["--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64"]
    return links + [word for target, source in inside.items() for word in ("--ro-bind", str(source), target)]


class RunningBubblewrap(RunningJail):
    """One bwrap process and its two pipes."""

    def __init__(self, spec: JailSpec, environment: Path) -> None:
        self._spec = spec
        self._cgroup = cgroup.make(spec.job, spec.limits)
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop()
        with contextlib.ExitStack() as held:
            etc = [held.enter_context(_data(text.format(uid=spec.uid, gid=spec.gid))) for text in ETC.values()]
            filter_fd = held.enter_context(wall.compiled(spec.syscalls))
            files = [
                word for name, fd in zip(ETC, etc, strict=True) for word in ("--ro-bind-data", str(fd), f"/etc/{name}")
            ]
            sources = _sources(spec, environment)
            if os.getuid() == 0:
                place = _neutral(sources)
                command = self._launched(place, sources, self._command(_at(place, sources), files, filter_fd))
            else:
                command = self._command(sources, files, filter_fd)
            self._process = subprocess.Popen(
                [*self._cgroup.prefix, *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                pass_fds=(*etc, filter_fd),
                env={"PATH": os.environ.get("PATH", os.defpath)},
                cwd="/",
                umask=_UMASK,
            )
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._out, selectors.EVENT_READ)
        self._at_end = False

    def _command(self, sources: Sources, files: list[str], filter_fd: int) -> list[str]:
        spec, limits = self._spec, self._spec.limits
        options = [words for words, _ in flags(spec) if words[0].startswith("--")]
        last = [word for words in options if words[0] == "--remount-ro" for word in words]
        first = [word for words in options if words[0] != "--remount-ro" for word in words]
        variables = [word for pair in spec.variables.items() for word in ("--setenv", *pair)]
        mounts = _mounts(spec, sources)
        jail = ["bwrap", *first, *variables, *mounts, *files, *last, "--seccomp", str(filter_fd)]
        sizes = [f"--fsize={limits.file_size}", f"--nofile={limits.open_files}", f"--sigpending={SIGNALS}"]
        limited = ["prlimit", "--core=0", *sizes, "--"]
        # A choice of its own for each jail, or all jails of a machine would share the first ones.
        chosen = random.sample(sorted(os.sched_getaffinity(0)), cpus(limits))
        limited = ["taskset", "--cpu-list", ",".join(map(str, chosen)), *limited]
        return [*limited, *jail, PYTHON, "-I", "-B", f"{CODE}/runner.py"]

    def _launched(self, place: str, sources: Sources, command: list[str]) -> list[str]:
        """The command behind root's launcher, which may reach paths that the jail's user may not."""
        words = [place, str(self._spec.uid), str(self._spec.gid), *map(str, sources.values()), "--"]
        unshared = ["unshare", "--mount", "--propagation", "private", "--", "sh", "-c", _LAUNCH, "launch"]
        return [*unshared, *words, *command]

    @property
    def _out(self) -> int:
        assert self._process.stdout is not None  # Popen was asked for it
        return self._process.stdout.fileno()

    def write(self, data: bytes) -> None:
        assert self._process.stdin is not None  # Popen was asked for it
        try:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        except BrokenPipeError:
            raise messages.error("bubblewrap.failed", why=self._why()) from None

    def read(self, timeout: float) -> bytes:
        if not self._selector.select(timeout):
            raise TimeoutError
        out = os.read(self._out, _READ)
        self._at_end = not out
        return out

    def stop(self) -> str:
        if self._process.returncode is not None:
            return ""
        # At the end of its output it is ending by itself, though it may live for a moment yet.
        ended = self._at_end or self._process.poll() is not None
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        try:
            self._process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        why = self._cgroup.oom() or (self._why() if ended and self._process.returncode else "")
        self._selector.close()
        self._stderr.close()
        self._cgroup.remove()
        return why

    def limits(self) -> tuple[Limit, ...]:
        limits, by = self._spec.limits, self._cgroup.name
        memory_by = by or "the supervisor's samples of private memory, every 0.2 s"
        return (
            Limit("memory", limits.memory, "bytes", memory_by),
            Limit("processes", limits.processes, "tasks", by or "RLIMIT_NPROC on the loader; forks are denied"),
            Limit("cpu", cpus(limits) * 1000, "thousandths", "CPU affinity, which the loader can't change"),
            Limit("tmp", limits.tmp, "bytes", "size of each tmpfs"),
            Limit("file size", limits.file_size, "bytes", "RLIMIT_FSIZE"),
            Limit("open files", limits.open_files, "descriptors", "RLIMIT_NOFILE"),
        )

    def _why(self) -> str:
        """What bwrap said, in one line."""
        self._stderr.seek(0)
        text = self._stderr.read(_STDERR_KEPT).decode("utf-8", "replace").strip()
        return " ".join(text.split()) or f"exit {self._process.poll()}"


@contextlib.contextmanager
def _data(text: str) -> Iterator[int]:
    """A descriptor that reads as `text`."""
    fd = os.memfd_create("sandbox-load")
    try:
        os.write(fd, text.encode("ascii"))
        os.lseek(fd, 0, os.SEEK_SET)
        yield fd
    finally:
        os.close(fd)
