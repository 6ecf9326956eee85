"""The members of the family, strongest last to be prepared and first to be chosen."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox import messages
from sandbox.bundle import Bundle, find
from sandbox.jail.bubblewrap import Bubblewrap
from sandbox.jail.docker import Docker, registered
from sandbox.jail.docker_flags import GVISOR
from sandbox.jail.interface import Jail, Progress, Readiness
from sandbox.jail.layers import base

AUTO = "auto"
NAMES = (AUTO, "bubblewrap", "docker", "gvisor")
# What "auto" chooses from, strongest first. gVisor guards against bugs of the host's kernel, too, but takes much longer
# to load: that is the user's to weigh.
AUTOMATIC = ("docker", "bubblewrap")


def members(runtime: str | None = None, bundle: Bundle | None = None) -> tuple[Jail, ...]:
    """Every jail, strongest first."""
    bundle = bundle or find()
    packages = base(bundle)
    return (
        Docker(packages, bundle.images, GVISOR),
        Docker(packages, bundle.images, runtime),
        Bubblewrap(packages),
    )


def runtimes() -> tuple[Jail, ...]:
    """The docker jail with each further runtime that the engine has registered."""
    bundle = find()
    packages = base(bundle)
    return tuple(Docker(packages, bundle.images, name) for name in registered())


def named(name: str, jails: Sequence[Jail]) -> list[Jail]:
    """Those that the name stands for, in their order."""
    return [jail for jail in jails if jail.name in (AUTOMATIC if name == AUTO else (name,))]


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
