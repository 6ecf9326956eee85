"""The members of the family, strongest last to be prepared and first to be chosen."""

from __future__ import annotations

from sandbox import messages
from sandbox.bundle import Bundle, find
from sandbox.jail.bubblewrap import Bubblewrap
from sandbox.jail.docker import Docker
from sandbox.jail.interface import Jail, Progress, Readiness
from sandbox.jail.packages import Guest, Packages

AUTO = "auto"
NAMES = (AUTO, "bubblewrap", "docker")


def members(runtime: str | None = None, bundle: Bundle | None = None) -> tuple[Jail, ...]:
    """Every jail, strongest first."""
    bundle = bundle or find()
    packages = Packages(bundle.lock, None, Guest.read(bundle.configs))
    return (Docker(packages, bundle.images, runtime), Bubblewrap(packages))


def choose(name: str, runtime: str | None, progress: Progress) -> tuple[Jail, Readiness]:
    """The jail of that name, or for "auto" the strongest that is prepared; bubblewrap is prepared when none is.

    Raises UnpreparedError or CallerError; never falls back to a weaker one than was named.
    """
    docker, bubblewrap = members(runtime)
    if runtime and name == "bubblewrap":
        raise messages.error("jail.runtime")
    named = {AUTO: [docker, bubblewrap], "docker": [docker], "bubblewrap": [bubblewrap]}
    for jail in [docker] if runtime else named[name]:
        ready = jail.readiness()
        if ready.prepared:
            return jail, ready
    if jail is bubblewrap and ready.works:
        jail.prepare(progress)
        return jail, jail.readiness()
    raise messages.error("jail.unready", jail=jail.name, why=ready.why, fix=ready.fix or "run: sandbox-load doctor")
