"""Runs a folder's own Python files, as `trust_remote_code` does, as far as they go: under `detonate` only.

They are modules of one package, so that they find each other. Whatever they import that isn't installed is a module
whose every name is a stand-in.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path, PurePosixPath
from types import FrameType, ModuleType
from typing import Any

from guest.load import hints, unpickler

PACKAGE = "repository"  # of the folder
_EXTENSION = ".py"
_MOST_ABSENT = 1_000  # names of packages that aren't installed


def present(files: Sequence[tuple[str, str]]) -> bool:
    """Whether there is any."""
    return any(name.endswith(_EXTENSION) for _, name in files)


def run(files: Sequence[tuple[str, str]]) -> None:
    """Run each file, in the folder's order. Where one ends early its last word is printed, and the next begins."""
    sources = {_module(name): (path, name) for path, name in files if name.endswith(_EXTENSION)}
    sys.meta_path.insert(0, _Own(sources))
    sys.meta_path.append(_Absent())
    for module, (_, name) in list(sources.items()):
        unpickler.current = name
        try:
            importlib.import_module(module)
        except BaseException as error:
            print(f"{name}: {hints.describe(error)}", file=sys.stderr)


def _module(name: str) -> str:
    path = PurePosixPath(name).with_suffix("")
    parts = path.parts[:-1] if path.name == "__init__" else path.parts
    return ".".join((PACKAGE, *parts))


class _Own(MetaPathFinder, Loader):
    """Finds the folder's files, wherever they stand inside; every folder is a package."""

    def __init__(self, sources: dict[str, tuple[str, str]]) -> None:
        self._sources = sources

    def find_spec(self, name: str, _path: Any = None, _target: Any = None) -> ModuleSpec | None:
        inner = name == PACKAGE or any(other.startswith(f"{name}.") for other in self._sources)
        if not _within(name) or not (inner or name in self._sources):
            return None
        return ModuleSpec(name, self, origin=self._sources.get(name, ("", name))[1], is_package=inner)

    def create_module(self, _spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        path, name = self._sources.get(module.__name__, ("", ""))
        if path:
            module.__file__ = name
            exec(compile(Path(path).read_bytes(), name, "exec"), module.__dict__)  # noqa: S102 - what this is for


class _Any(type):
    """Of classes that have every attribute."""

    def __getattr__(cls, name: str) -> Any:
        return _anything(name)


class _Anything(metaclass=_Any):
    """What a package that isn't installed offers: a class, a function, a decorator, whatever it is used as."""

    def __init__(self, *_args: object, **_options: object) -> None:
        pass

    def __call__(self, *_args: object, **_options: object) -> _Anything:
        return _Anything()

    def __getattr__(self, name: str) -> Any:
        return _anything(name)


def _anything(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return type(name, (_Anything,), {})


class _Stand(ModuleType):
    """A module that isn't installed."""

    def __getattr__(self, name: str) -> Any:
        made = _anything(name)
        full = f"{self.__name__}.{name}"
        if len(unpickler.absent) < _MOST_ABSENT:
            unpickler.absent.setdefault(full, "its package is not installed")
        unpickler.uses[full] += 1
        return made


class _Absent(MetaPathFinder, Loader):
    """The last resort for what the folder's own code imports. Asked after all others."""

    def find_spec(self, name: str, _path: Any = None, _target: Any = None) -> ModuleSpec | None:
        above = sys.modules.get(name.rpartition(".")[0])
        top = name.partition(".")[0]
        # A package that is installed has no such module, as is: that is for the code to find out.
        known = top == PACKAGE or top in sys.stdlib_module_names or ("." in name and not isinstance(above, _Stand))
        return None if known or not _asked_by_own() else ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Stand(spec.name)

    def exec_module(self, _module: ModuleType) -> None:
        pass


def _asked_by_own() -> bool:
    """Whether the import is of the folder's own code: a framework tries what it can do without."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith("importlib."):
        frame = frame.f_back
    return frame is not None and _within(str(frame.f_globals.get("__name__", "")))


def _within(name: str) -> bool:
    return name.partition(".")[0] == PACKAGE
