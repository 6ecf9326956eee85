"""The jail `bubblewrap`: user, mount, pid, net, ipc, uts and cgroup namespaces of one process, no daemon, no root.

Called by root, a launcher mounts the parts under a neutral path in a mount namespace of its own, by the descriptors
the host holds, and drops to the unprivileged uid before bubblewrap starts: uid 0 without capabilities still owns
/proc/sys.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sandbox import messages
from sandbox.facts import Limit
from sandbox.jail import cgroup, wall
from sandbox.jail.interface import (
    CODE,
    ENVIRONMENT,
    GRACE_SECONDS,
    HOME,
    MODEL,
    SHARED,
    TMP,
    Jail,
    JailSpec,
    Progress,
    Readiness,
    RunningJail,
)
from sandbox.jail.packages import Packages

_MINIMUM = (0, 8)  # --disable-userns, --size
_READ = 1 << 20
_STDERR_KEPT = 4096
_PYTHON = "/usr/bin/python3.11"
# Libraries and one interpreter: no shell, no host program, nothing of /etc but what is written here.
_LIBRARIES = ("/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib/python3.11", "/usr/lib/python3")
_ETC = {
    "passwd": "user:x:{uid}:{gid}::" + HOME + ":/bin/sh\n",
    "group": "user:x:{gid}:\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "resolv.conf": "nameserver 198.51.100.53\noptions attempts:1 timeout:1\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
# The root launcher's mounts: a tmpfs over a folder every Linux has, in a namespace that only it sees.
_NEUTRAL = "/mnt"
_LAUNCH = """
set -eu
mount -t tmpfs -o size=64k,mode=755 none {neutral}
mkdir {neutral}/env {neutral}/code
: > {neutral}/model
mount --bind /proc/self/fd/$1 {neutral}/model
mount --bind "$2" {neutral}/env
mount --bind "$3" {neutral}/code
uid=$4 gid=$5
shift 5
exec setpriv --reuid=$uid --regid=$gid --clear-groups --inh-caps=-all -- "$@"
""".replace("{neutral}", _NEUTRAL)


class Bubblewrap(Jail):
    """See the module's docstring."""

    name = "bubblewrap"
    counts_its_own_processes = True

    def __init__(self, packages: Packages) -> None:
        self._packages = packages

    def readiness(self) -> Readiness:
        for why, fix in self._obstacles():
            return Readiness(self.name, works=False, prepared=False, version=_version_text(), why=why, fix=fix)
        if self._packages.ready() is None:
            why, fix = "its Python packages are not installed yet", "sandbox-load setup --jail bubblewrap"
            return Readiness(self.name, works=True, prepared=False, version=_version_text(), why=why, fix=fix)
        return Readiness(self.name, works=True, prepared=True, version=_version_text())

    def _obstacles(self) -> list[tuple[str, str]]:
        """What this machine lacks, most basic first, each with the command that would change it."""
        if sys.platform != "linux" or os.uname().machine != "x86_64":
            return [("it needs Linux on x86-64", "use such a machine")]
        if shutil.which("bwrap") is None:
            return [("the program bwrap is missing", "sudo apt-get install bubblewrap")]
        if _version() < _MINIMUM:
            return [(f"bubblewrap {_version_text()} is older than 0.8", "upgrade it, or use --jail docker")]
        if not Path(_PYTHON).exists():
            return [(f"{_PYTHON} is missing (the jail's interpreter)", "sudo apt-get install python3.11")]
        probe = [*_as_unprivileged(), "bwrap", "--unshare-user", "--unshare-net", "--ro-bind", "/", "/", "/bin/true"]
        tried = subprocess.run(probe, capture_output=True, text=True, check=False)
        if tried.returncode == 0:
            return []
        if Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").exists():
            fix = "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0 (or an AppArmor profile for bwrap)"
        else:
            fix = "sudo sysctl user.max_user_namespaces=15000 (in a container: --security-opt seccomp=unconfined)"
        return [(f"unprivileged user namespaces are closed here ({tried.stderr.strip()[:200]})", fix)]

    def prepare(self, progress: Progress, *, wheels: Path | None = None, offline: bool = False) -> None:
        for why, fix in self._obstacles():
            raise messages.error("bubblewrap.unusable", why=why, fix=fix)
        self._packages.prepare(progress, wheels=wheels, offline=offline)

    def remove(self, progress: Progress) -> None:
        self._packages.remove(progress)

    def hardening(self, spec: JailSpec) -> tuple[tuple[str, str], ...]:
        return tuple((" ".join(flags), reason) for flags, reason in _flags(spec))

    def start(self, spec: JailSpec) -> RunningJail:
        environment = self._packages.ready()
        if environment is None:
            raise messages.error("bubblewrap.unprepared")
        if spec.uid == 0:
            raise messages.error("jail.root")
        return RunningBubblewrap(spec, environment)


def _flags(spec: JailSpec) -> list[tuple[list[str], str]]:
    """bubblewrap's options in their order, each with its reason, but for those that name a host path."""
    tmp, limits = str(spec.limits.tmp), spec.limits
    return [
        (["--unshare-user", "--disable-userns"], "a user namespace, and none below it"),
        (["--unshare-pid", "--as-pid-1"], "the supervisor is PID 1: it sees all, none sees out, all end with it"),
        (["--unshare-net"], "no interface but a loopback of its own"),
        (["--unshare-ipc", "--unshare-uts", "--unshare-cgroup"], "no shared memory, host name or cgroup of the host"),
        (["--cap-drop", "ALL"], "no capability, not even over its own namespaces"),
        (["--die-with-parent"], "it ends when the controller is killed"),
        (["--new-session"], "no terminal to type into"),
        (["--hostname", spec.hostname], "a random name"),
        (["--clearenv"], "nothing of the caller's environment"),
        (["--proc", "/proc"], "its own processes only"),
        (["--dev", "/dev"], "null, zero, full, random, urandom, tty: no disk, no kvm, no fuse"),
        (["--size", tmp, "--tmpfs", SHARED], "a bounded tmpfs"),
        (["--size", tmp, "--tmpfs", TMP], "a bounded tmpfs"),
        (["--dir", "/home", "--size", tmp, "--tmpfs", HOME], "a bounded tmpfs, where the decoys live"),
        (["--remount-ro", "/"], "the root is a tmpfs: nobody fills it"),
        (["--remount-ro", "/dev"], "nor /dev"),
        (["--remount-ro", "/proc"], "no sysctl, no sysrq"),
        (["--chdir", "/"], "no folder of the caller's"),
        ([f"RLIMIT_CORE=0 RLIMIT_FSIZE={limits.file_size} RLIMIT_NOFILE={limits.open_files}"], "no dumps, no floods"),
    ]


def _mounts(spec: JailSpec, environment: Path, *, neutral: bool) -> list[str]:
    """Read-only binds. `neutral`: from the launcher's mounts, since the unprivileged uid may not reach the paths."""
    sources = {
        CODE: f"{_NEUTRAL}/code" if neutral else str(spec.code),
        ENVIRONMENT: f"{_NEUTRAL}/env" if neutral else str(environment),
        f"{MODEL}/{spec.model_name}": f"{_NEUTRAL}/model" if neutral else str(spec.model),
    }
    sources |= {path: path for path in (*_LIBRARIES, _PYTHON) if Path(path).exists()}
    links = ["--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64"]
    return links + [word for inside, outside in sources.items() for word in ("--ro-bind", outside, inside)]


class RunningBubblewrap(RunningJail):
    """One bwrap process and its two pipes."""

    def __init__(self, spec: JailSpec, environment: Path) -> None:
        self._spec = spec
        self._cgroup = cgroup.make(spec.job, spec.limits)
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop()
        root = os.getuid() == 0
        with contextlib.ExitStack() as held:
            etc = [held.enter_context(_data(text.format(uid=spec.uid, gid=spec.gid))) for text in _ETC.values()]
            filter_fd = held.enter_context(wall.compiled(spec.syscalls))
            files = [
                word for name, fd in zip(_ETC, etc, strict=True) for word in ("--ro-bind-data", str(fd), f"/etc/{name}")
            ]
            command = self._command(environment, files, filter_fd, root=root)
            passed = (*etc, filter_fd, *([spec.model_fd] if root else []))
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                pass_fds=passed,
                env={"PATH": os.environ.get("PATH", os.defpath)},
                cwd="/",
            )
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._out, selectors.EVENT_READ)

    def _command(self, environment: Path, files: list[str], filter_fd: int, *, root: bool) -> list[str]:
        spec = self._spec
        options = _flags(spec)
        before = [
            word for flags, _ in options for word in flags if flags[0].startswith("--") and flags[0] != "--remount-ro"
        ]
        after = [word for flags, _ in options for word in flags if flags[0] == "--remount-ro"]
        variables = [word for pair in spec.variables.items() for word in ("--setenv", *pair)]
        jail = ["bwrap", *before, *variables, *_mounts(spec, environment, neutral=root), *files, *after]
        jail += ["--seccomp", str(filter_fd), _PYTHON, "-I", "-B", f"{CODE}/runner.py"]
        limited = [
            "prlimit",
            "--core=0",
            f"--fsize={spec.limits.file_size}",
            f"--nofile={spec.limits.open_files}",
            "--",
            *jail,
        ]
        if not root:
            return [*self._cgroup.prefix, *limited]
        launch = [
            *self._cgroup.prefix,
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "--",
            "sh",
            "-c",
            _LAUNCH,
            "launch",
        ]
        return [*launch, str(spec.model_fd), str(environment), str(spec.code), str(spec.uid), str(spec.gid), *limited]

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
        return os.read(self._out, _READ)

    def stop(self) -> str:
        if self._process.returncode is not None:
            return ""
        ended = self._process.poll() is not None
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        try:
            self._process.wait(0.0 if ended else GRACE_SECONDS)
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
            Limit("address space", limits.address_space, "bytes", "RLIMIT_AS on the loader"),
            Limit("processes", limits.processes, "tasks", by or "RLIMIT_NPROC on the loader; forks are denied"),
            Limit("tmpfs", limits.tmp, "bytes", "the mounts' size"),
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


def _as_unprivileged() -> list[str]:
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"] if os.getuid() == 0 else []


def _version_text() -> str:
    try:
        said = subprocess.run(["bwrap", "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
    return said.removeprefix("bubblewrap").strip()


def _version() -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", _version_text())[:2])
