"""What bubblewrap is started with: every option with its reason, and what stands in the jail's /etc."""

from __future__ import annotations

import math
import os
import shutil
from pathlib import Path

from sandbox.jail.interface import HOME, SHARED, TMP, TOOL, JailSpec, Limits
from sandbox.policy import Programs

PYTHON = "/usr/bin/python3.11"
# Libraries and one interpreter: no shell, no host program, nothing of /etc but what is written here.
LIBRARIES = ("/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib/python3.11")
# What programs read beside them: the locale that every process here is told to use, and perl's own modules.
READ_BY_PROGRAMS = ("/usr/lib/locale/C.utf8", "/usr/share/perl")
_PLACE = "/usr/bin"
# Of the host's own, never by the caller's PATH: a folder of the user's is nothing for the jail.
_HOST_PROGRAMS = "/usr/bin:/bin:/usr/sbin:/sbin"
ETC = {
    "passwd": "user:x:{uid}:{gid}::" + HOME + ":/bin/sh\n",
    "group": "user:x:{gid}:\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "resolv.conf": "nameserver 198.51.100.53\noptions attempts:1 timeout:1\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


def flags(spec: JailSpec) -> list[tuple[list[str], str]]:
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
        *(_programs(spec.programs) if spec.programs else ()),
        (["--remount-ro", "/"], "the root is a tmpfs: nobody fills it"),
        (["--remount-ro", "/dev"], "nor /dev"),
        (["--remount-ro", "/proc"], "no sysctl, no sysrq"),
        (["--chdir", "/"], "no folder of the caller's"),
        ([f"RLIMIT_CORE=0 RLIMIT_FSIZE={limits.file_size} RLIMIT_NOFILE={limits.open_files}"], "no dumps, no floods"),
        (
            [f"taskset to {cpus(limits)} CPUs"],
            "the host stays responsive; the loader's call to change it is denied",
        ),
    ]


def cpus(limits: Limits) -> int:
    """How many whole CPUs the jail may run on."""
    return min(max(1, math.ceil(limits.cpus)), len(os.sched_getaffinity(0)))


def real_programs(programs: Programs) -> dict[str, Path]:
    """Where each real program stands in the jail, and the file of the host that it is. What isn't there is left out."""
    found = {name: shutil.which(name, path=_HOST_PROGRAMS) for name in programs.real}
    return {f"{_PLACE}/{name}": Path(path).resolve() for name, path in found.items() if path}


def _programs(programs: Programs) -> list[tuple[list[str], str]]:
    names = " ".join(target.removeprefix(f"{_PLACE}/") for target in real_programs(programs))
    return [
        (["--symlink", _PLACE.removeprefix("/"), "/bin"], "scripts name their shell /bin/sh"),
        ([f"of the host's programs, read-only: {names}"], "what the load starts runs, so that its next step shows"),
        (_links(TOOL, programs.tools), "decoys, which tell what they were asked and reach nothing but the sinkhole"),
        (_links(PYTHON, programs.python), "the jail's own interpreter, under the names that scripts use"),
    ]


def _links(target: str, names: tuple[str, ...]) -> list[str]:
    return [word for name in names for word in ("--symlink", target, f"{_PLACE}/{name}")]
