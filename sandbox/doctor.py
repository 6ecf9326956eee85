"""`doctor`: which jails work on this machine, why others don't, and the command that would change that."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox import bundle, policy
from sandbox.controller import evaluate
from sandbox.errors import SandboxError
from sandbox.facts import Verdict
from sandbox.jail import cgroup
from sandbox.jail.family import AUTOMATIC, members, runtimes
from sandbox.jail.interface import Jail, Limits, Readiness
from sandbox.jail.layers import layers
from sandbox.report.neutral import neutral
from sandbox.request import Request
from sandbox.scratch import scratch

# What the watch needs of the kernel: user notification together with TSYNC (seccomp(2), TSYNC_ESRCH).
_LEAST_KERNEL = (5, 7)
# Yama's scopes from this one on keep even an ancestor from reading its child's memory.
_CLOSED_PTRACE = 2
# What the probe for a control group asks for; it holds no process.
_PROBE = Limits(memory=1 << 30, address_space=0, processes=16, tmp=0, file_size=0, open_files=0, cpus=1.0)

_COLUMN = 26

# A pickle that is the number 1.
_HARMLESS = b"\x80\x04K\x01."
_TRIAL_SECONDS = 10.0

Row = tuple[str, str]


@dataclass(frozen=True)
class Examined:
    """One jail; a prepared one has been tried with a harmless model."""

    readiness: Readiness
    observer: str = ""  # what watched that model
    failed: str = ""  # why it was not found clean, as a sentence

    @property
    def works(self) -> bool:
        return self.readiness.works and not self.failed


def examine() -> tuple[Examined, ...]:
    """Every jail, strongest first, and docker with each further runtime of the engine."""
    gvisor, docker, bubblewrap = members()
    return tuple(examined(jail) for jail in (gvisor, docker, *runtimes(), bubblewrap))


def examined(jail: Jail) -> Examined:
    """Look at it, and when it is prepared, evaluate a harmless model in it."""
    ready = jail.readiness()
    if not ready.prepared:
        return Examined(ready)
    with scratch() as folder:
        model = folder / "harmless.pkl"
        model.write_bytes(_HARMLESS)
        name = jail.name.partition("+")[0]
        request = Request(model, write=False, jail=name, runtime=jail.runtime or None, timeout=_TRIAL_SECONDS)
        try:
            report = evaluate(request)
        except SandboxError as error:
            return Examined(ready, failed=error.happened)
    return Examined(ready, report.dynamic.observer, "" if report.verdict == Verdict.CLEAN else report.summary)


def text(diagnosis: Sequence[Examined], facts: Sequence[Row] | None = None) -> str:
    """For a terminal. `facts` are those of this machine unless given."""
    lines = [line for row in diagnosis for line in _lines(row)]
    usable = [row.readiness.name for row in diagnosis if row.readiness.prepared and not row.failed]
    chosen = next((name for name in usable if name in AUTOMATIC), "")
    works = any(row.works for row in diagnosis)
    lines += ["", _advice(chosen, works), ""]
    lines += [f"  {name:<{_COLUMN - 2}}{neutral(value)}" for name, value in (machine() if facts is None else facts)]
    return "\n".join(lines)


def machine() -> tuple[Row, ...]:
    """What else decides how well a jail holds here."""
    return tuple((name, say()) for name, say in _MACHINE)


def _lines(one: Examined) -> list[str]:
    row = one.readiness
    state = "ready" if row.prepared else "works here, not prepared" if row.works else "not usable"
    if one.failed:
        state = "not usable: a harmless model failed in it"
    elif one.observer:
        state += f", watched by {one.observer}"
    why = one.failed or row.why
    why = f": {why}" if why else ""
    title = neutral(f"{row.name} {row.version}".strip())
    lines = [f"{title:<{_COLUMN - 1}} {neutral(state + why, 400)}"]
    return [*lines, f"{'':<{_COLUMN}}to change that: {neutral(row.fix)}"] if row.fix else lines


def _advice(chosen: str, works: bool) -> str:
    if chosen:
        return f"sandbox-load MODEL uses {chosen} here; --jail names another."
    if works:
        return "No jail is prepared yet: sandbox-load setup"
    return "No jail works on this machine yet, and nothing is loaded without one."


def _memory() -> str:
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 30)
    share = policy.load("evaluate", bundle.find().configs).limits.memory_share_of_ram
    return f"{total:.1f} GiB, of which a jail gets {total * share:.1f} GiB at most"


def _cgroup() -> str:
    """Tried, not guessed: makes an empty group and takes it away."""
    group = cgroup.make(f"doctor-{secrets.token_hex(4)}", _PROBE)
    try:
        if group.name:
            return group.name
        return "RLIMIT_AS, capped tmpfs and the supervisor's samples; for a cgroup: loginctl enable-linger $USER"
    finally:
        group.remove()


def _layers() -> str:
    """Which are made; every jail gets those."""
    every = layers(bundle.find())
    made = [layer.name for layer in every if layer.packages.ready()]
    lacking = [layer.name for layer in every if layer.name not in made]
    more = f"; for more: sandbox-load setup --with {' --with '.join(lacking)}" if lacking else ""
    return f"{', '.join(made) or 'none'}{more}"


def user_namespaces(proc: Path = Path("/proc/sys")) -> str:
    """Whether a user without rights may make one, and what would open them."""
    if _number(proc / "user/max_user_namespaces", 1) == 0:
        return "none allowed; sudo sysctl user.max_user_namespaces=15000"
    if _number(proc / "kernel/unprivileged_userns_clone", 1) == 0:
        return "for root alone; sudo sysctl kernel.unprivileged_userns_clone=1"
    if _number(proc / "kernel/apparmor_restrict_unprivileged_userns", 0):
        return "restricted by AppArmor; sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0"
    return "open"


def ptrace_scope(proc: Path = Path("/proc/sys")) -> str:
    """Whether the watch can read the arguments of what it sees."""
    scope = _number(proc / "kernel/yama/ptrace_scope", 0)
    if scope >= _CLOSED_PTRACE:
        return f"Yama's scope {scope}: arguments of calls can't be read; sudo sysctl kernel.yama.ptrace_scope=1"
    return "a parent may read its children, as the watch must"


def kernel(release: str = "") -> str:
    """Its release, and whether the watch can work on it."""
    release = release or os.uname().release
    numbers = tuple(int(part) for part in release.split("-")[0].split(".")[:2] if part.isdigit())
    least = ".".join(map(str, _LEAST_KERNEL))
    return release if numbers >= _LEAST_KERNEL else f"{release}, too old to watch a load: it takes {least}"


def _number(path: Path, otherwise: int) -> int:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return otherwise


_MACHINE: tuple[tuple[str, Callable[[], str]], ...] = (
    ("kernel", kernel),
    ("memory", _memory),
    ("layers in every jail", _layers),
    ("limits in bubblewrap by", _cgroup),
    ("user namespaces", user_namespaces),
    ("reading memory", ptrace_scope),
)
