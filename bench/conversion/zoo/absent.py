"""Classes that exist only while a file is written: whoever reads it hasn't got their module."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Opaque:
    """An object that pickles its attributes."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


class Attributes(dict[str, Any]):
    """A dictionary with a class of its own, as configuration libraries have."""


@contextmanager
def module(name: str, *classes: str, base: type = Opaque) -> Iterator[types.SimpleNamespace]:
    """The classes, importable from the module of that name for as long as this lasts."""
    parts = name.split(".")
    paths = [".".join(parts[: count + 1]) for count in range(len(parts))]
    kept = {path: sys.modules.get(path) for path in paths}
    made = {path: types.ModuleType(path) for path in paths}
    given = {each: type(each, (base,), {"__module__": name}) for each in classes}
    for each, kind in given.items():
        setattr(made[name], each, kind)
    sys.modules.update(made)
    try:
        yield types.SimpleNamespace(**given)
    finally:
        for path, before in kept.items():
            if before is None:
                del sys.modules[path]
            else:
                sys.modules[path] = before
