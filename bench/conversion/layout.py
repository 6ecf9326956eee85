"""A layout: how a file of it is made, and what it must become."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from tests.zoo import Expected, expected

Build = Callable[[Path], Expected]
Made = tuple[Any, dict[str, Any]]  # an object, and its tensors by name
Make = Callable[[], Made]


@dataclass(frozen=True)
class Layout:
    """`build(path)` writes it there, a file or a folder, and returns what it must become."""

    name: str
    family: str
    file: str
    build: Build

    def make(self, folder: Path) -> tuple[Path, Expected]:
        """Write it into a folder of its own."""
        torch.manual_seed(0)
        path = folder / self.file
        return path, self.build(path)


def named(tensors: dict[str, Any]) -> Expected:
    """What torch and numpy say that tensors are."""
    return {name: expected(value) for name, value in tensors.items()}


@dataclass
class Family:
    """Layouts of one kind. `file`: what such a file is usually called."""

    name: str
    file: str = "model.pt"
    layouts: list[Layout] = field(default_factory=list)

    def layout(self, name: str, file: str = "") -> Callable[[Build], Build]:
        """A layout that its function writes itself."""

        def add(build: Build) -> Build:
            self.layouts.append(Layout(name, self.name, file or self.file, build))
            return build

        return add

    def saves(self, name: str, **options: Any) -> Callable[[Make], Make]:
        """A layout that torch.save writes."""
        return self._written(name, lambda model, path: torch.save(model, path, **options))

    def pickles(self, name: str, protocol: int = 4) -> Callable[[Make], Make]:
        """A layout that pickle.dump writes."""
        return self._written(name, lambda model, path: path.write_bytes(pickle.dumps(model, protocol)))

    def _written(self, name: str, write: Callable[[Any, Path], Any]) -> Callable[[Make], Make]:
        def add(make: Make) -> Make:
            def build(path: Path) -> Expected:
                model, tensors = make()
                write(model, path)
                return named(tensors)

            self.layout(name)(build)
            return make

        return add
