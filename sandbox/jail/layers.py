"""Layers: frameworks beyond the base that the loader may import, each made once from its own lock for every jail.

A jail gets each one that is prepared, read-only, in a folder of its own. Only the loader imports from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from sandbox import facts
from sandbox.bundle import Bundle
from sandbox.jail.interface import LAYERS, Mounted
from sandbox.jail.packages import Guest, Packages, read_lock
from sandbox.policy import parse_size, read_table


@dataclass(frozen=True)
class Layer:
    """One row of configs/layers.toml. `listed`: the file of its modules that a load may have imported early."""

    name: str
    title: str
    packages: Packages
    listed: Path

    @cached_property
    def modules(self) -> frozenset[str]:
        """Full dotted names; a file that names another one gets it imported under watch, like any of its globals."""
        lines = self.listed.read_text(encoding="ascii").splitlines()
        return frozenset(word for line in lines if not line.startswith("#") for word in line.split())

    def mounted(self) -> Mounted | None:
        """For a jail; None when it is not prepared."""
        folder = self.packages.ready()
        return Mounted(self.packages.place, folder, self.modules) if folder else None

    def facts(self) -> facts.Layer:
        """What a report says of it."""
        versions = {row.name: row.version for row in read_lock(self.packages.lock)}
        return facts.Layer(self.name, self.packages.digest, versions)


def base(bundle: Bundle) -> Packages:
    """What every jail has."""
    return Packages(bundle.lock, None, Guest.read(bundle.configs))


def layers(bundle: Bundle, cache: Path | None = None) -> tuple[Layer, ...]:
    """All that there are, in the table's order. `cache`: the user's own unless given."""
    guest = Guest.read(bundle.configs)
    return tuple(
        _layer(name, row, bundle.images / "layers", cache, guest)
        for name, row in read_table(bundle.configs / "layers.toml").items()
    )


def having(lacking: Sequence[Layer], dotted: str) -> str:
    """The first of these layers that has the module of this global; "" when none has."""
    module = dotted.rpartition(".")[0]
    return next((layer.name for layer in lacking if module in layer.modules), "")


def _layer(name: str, row: dict[str, str], folder: Path, cache: Path | None, guest: Guest) -> Layer:
    own = replace(guest, download=parse_size(row["download"]), installed=parse_size(row["installed"]))
    what = f"the layer {name} ({row['title']})"
    packages = Packages(folder / f"{name}.lock", cache, own, what=what, place=f"{LAYERS}/{name}")
    return Layer(name, row["title"], packages, folder / f"{name}.modules")
