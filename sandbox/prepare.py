"""`setup`: makes what a jail needs, and takes it away again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sandbox import messages
from sandbox.bundle import find
from sandbox.jail.family import AUTO, members, named
from sandbox.jail.interface import Jail, Progress
from sandbox.jail.layers import Layer, layers


def setup(
    name: str,
    progress: Progress,
    added: Sequence[str] = (),
    *,
    wheels: Path | None = None,
    offline: bool = False,
    jails: Sequence[Jail] | None = None,
) -> None:
    """Prepare that jail, for "auto" the lightest that works here, and the layers of these names, for every jail.

    Raises CallerError when there is no such layer, UnpreparedError when the jail can't work on this machine, HostError
    when something could not be made.
    """
    chosen = _layers(added)
    wanted = _wanted(name, jails)
    seen = [(jail, jail.readiness()) for jail in wanted]
    for jail, ready in seen:
        if ready.works:
            jail.prepare(progress, wheels=wheels, offline=offline)
            progress(f"the {jail.name} jail is ready")
            for layer in chosen:
                layer.packages.prepare(progress, wheels=wheels, offline=offline)
                progress(f"the layer {layer.name} is ready")
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


def _layers(names: Sequence[str]) -> list[Layer]:
    every = {layer.name: layer for layer in layers(find())} if names else {}
    for name in names:
        if name not in every:
            raise messages.error("layer.unknown", name=name, known=", ".join(every))
    return [every[name] for name in dict.fromkeys(names)]


def _wanted(name: str, jails: Sequence[Jail] | None) -> list[Jail]:
    """Lightest first."""
    return named(name, list(reversed(jails if jails is not None else members())))
