"""`setup`: makes what a jail needs, and takes it away again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sandbox import messages
from sandbox.jail.family import AUTO, members, named
from sandbox.jail.interface import Jail, Progress


def setup(
    name: str,
    progress: Progress,
    *,
    wheels: Path | None = None,
    offline: bool = False,
    jails: Sequence[Jail] | None = None,
) -> None:
    """Prepare that jail; for "auto" the lightest that works here.

    Raises UnpreparedError when it can't work on this machine, HostError when it could not be made.
    """
    wanted = _wanted(name, jails)
    seen = [(jail, jail.readiness()) for jail in wanted]
    for jail, ready in seen:
        if ready.works:
            jail.prepare(progress, wheels=wheels, offline=offline)
            progress(f"the {jail.name} jail is ready")
            return
    jail, ready = seen[0]
    raise messages.error("jail.unready", jail=jail.name, why=ready.why, fix=ready.fix or "run: sandbox-load doctor")


def remove(name: str, progress: Progress, *, jails: Sequence[Jail] | None = None) -> None:
    """Undo `setup` for that jail; for "auto" for all that can be reached."""
    for jail in _wanted(name, jails):
        ready = jail.readiness()
        if name == AUTO and not ready.works:
            progress(f"nothing of {jail.name} is removed: {ready.why}")
        else:
            jail.remove(progress)


def _wanted(name: str, jails: Sequence[Jail] | None) -> list[Jail]:
    """Lightest first."""
    return named(name, list(reversed(jails if jails is not None else members())))
