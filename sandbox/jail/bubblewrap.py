"""The jail `bubblewrap`: user, mount, pid, net, ipc, uts and cgroup namespaces of one process, no daemon, no root.

Called by root, a launcher mounts the parts under a neutral path in a mount namespace of its own and drops to the
unprivileged uid before bubblewrap starts: uid 0 without capabilities still owns /proc/sys.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from sandbox import messages
from sandbox.jail.bubblewrap_flags import PYTHON, cpus, flags
from sandbox.jail.bubblewrap_run import RunningBubblewrap
from sandbox.jail.interface import Jail, JailSpec, Progress, Readiness, RunningJail
from sandbox.jail.packages import Packages

_MINIMUM = (0, 8)  # --disable-userns, --size


class Bubblewrap(Jail):
    """See the module's docstring."""

    name = "bubblewrap"
    counts_its_own_processes = True
    is_the_caller = True
    read_only = ("/", "/dev", "/proc")

    def __init__(self, packages: Packages) -> None:
        self._packages = packages

    def promises(self, spec: JailSpec) -> dict[str, int]:
        return super().promises(spec) | {"cpus": cpus(spec.limits)}

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
        if not Path(PYTHON).exists():
            return [(f"{PYTHON} is missing (the jail's interpreter)", "sudo apt-get install python3.11")]
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
        return tuple((" ".join(words), reason) for words, reason in flags(spec))

    def start(self, spec: JailSpec) -> RunningJail:
        environment = self._packages.ready()
        if environment is None:
            raise messages.error("bubblewrap.unprepared")
        if spec.uid == 0:
            raise messages.error("jail.root")
        return RunningBubblewrap(spec, environment)


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
