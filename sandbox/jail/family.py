"""The members of the family, strongest last to be prepared and first to be chosen."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox import messages
from sandbox.bundle import Bundle, find
from sandbox.jail.bubblewrap import Bubblewrap
from sandbox.jail.docker import Docker
from sandbox.jail.docker_flags import GVISOR
from sandbox.jail.interface import Jail, Progress, Readiness
from sandbox.jail.packages import Guest, Packages

AUTO = "auto"
NAMES = (AUTO, "bubblewrap", "docker", "gvisor")
# Slower than the others, and what it guards against, bugs of the host's kernel, is for the user to weigh.
_BY_NAME_ONLY = ("gvisor",)


def members(runtime: str | None = None, bundle: Bundle | None = None) -> tuple[Jail, ...]:
    """Every jail, strongest first."""
    bundle = bundle or find()
    packages = Packages(bundle.lock, None, Guest.read(bundle.configs))
    return (
        Docker(packages, bundle.images, GVISOR),
        Docker(packages, bundle.images, runtime),
        Bubblewrap(packages),
    )


def named(name: str, jails: Sequence[Jail]) -> list[Jail]:
    """Those that the name stands for; for "auto" all but those that are only chosen by name."""
    return [jail for jail in jails if jail.name == name or (name == AUTO and jail.name not in _BY_NAME_ONLY)]


def choose(name: str, runtime: str | None, progress: Progress) -> tuple[Jail, Readiness]:
    """The jail of that name, or for "auto" the strongest that is prepared; bubblewrap is prepared when none is.

    Raises UnpreparedError or CallerError; never falls back to a weaker one than was named.
    """
    gvisor, docker, bubblewrap = members(runtime)
    if runtime and (name == "bubblewrap" or (name == "gvisor" and runtime != GVISOR)):
        raise messages.error("jail.runtime")
    wanted = {AUTO: [docker, bubblewrap], "docker": [docker], "bubblewrap": [bubblewrap], "gvisor": [gvisor]}
    for jail in [docker] if runtime else wanted[name]:
        ready = jail.readiness()
        if ready.prepared:
            return jail, ready
    if jail is bubblewrap and ready.works:
        jail.prepare(progress)
        return jail, jail.readiness()
    raise messages.error("jail.unready", jail=jail.name, why=ready.why, fix=ready.fix or "run: sandbox-load doctor")
