"""What takes the place of known globals that refuse a stand-in, so that a file whose classes are absent still loads.

Each does what the real one does for all else. The readers' inert constructors have the same rules.
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

from guest import made
from guest.load.stand_ins import StandIn, is_stand_in, kind

Rebuild = Callable[..., Any]


def _plain_when_absent(rebuild: Rebuild) -> Rebuild:
    """Makes a tensor by its first argument, then an instance of its second: the tensor itself, where that is absent."""

    def made_of(function: Rebuild, subclass: Any, arguments: Any, *state: object) -> Any:
        if is_stand_in(function) or is_stand_in(subclass):
            return function(*arguments)
        return rebuild(function, subclass, arguments, *state)

    return made_of


def _as_it_is(rebuild: Rebuild) -> Rebuild:
    """Wraps a tensor, or makes one of a class: a stand-in, where what it is given is one."""

    def made_of(first: Any, *rest: Any, **options: Any) -> Any:
        if not is_stand_in(first):
            return rebuild(first, *rest, **options)
        return first() if isinstance(first, type) else first

    return made_of


def _filled_of_its_base(reconstruct: Rebuild) -> Rebuild:
    """How protocols 0 and 1 make an object of a subclass of a built-in class: a stand-in, with what the base holds."""

    def made_of(subclass: Any, base: Any, content: Any) -> Any:
        if not is_stand_in(subclass):
            return reconstruct(subclass, base, content)
        found = subclass(content)
        if base is dict and isinstance(content, dict):
            found.stand_in_pairs.extend(content.items())
        elif base in (list, tuple) and isinstance(content, list | tuple):
            found.stand_in_items.extend(content)
        return found

    return made_of


def _an_array_of(reconstruct: Rebuild) -> Rebuild:
    """numpy's, which wants a class of arrays: a plain one for an absent class, and so for what each is made of."""

    def made_of(subtype: Any, *rest: Any) -> Any:
        return reconstruct(_array() if is_stand_in(subtype) else subtype, *rest)

    return made_of


def _a_masked_array_of(reconstruct: Rebuild) -> Rebuild:
    def made_of(subtype: Any, data: Any, *rest: Any) -> Any:
        masked, plain = sys.modules["numpy.ma"].MaskedArray, sys.modules["numpy"].ndarray
        return reconstruct(masked if is_stand_in(subtype) else subtype, plain if is_stand_in(data) else data, *rest)

    return made_of


@cache
def _array() -> type:
    """numpy's array, but for the state, to which an absent class may have added its own."""
    ndarray: Any = sys.modules["numpy"].ndarray

    def set_state(self: Any, state: Any) -> None:
        ndarray.__setstate__(self, made.array_state(state) or state)

    return type("AbsentArray", (ndarray,), {"__setstate__": set_state})


def _looking_inside(found: Rebuild) -> Rebuild:
    """getattr, which pickles use for the members of an enumeration: a stand-in has whatever it is asked for."""

    def looked(target: Any, name: str, *default: Any) -> Any:
        try:
            return found(target, name, *default)
        except AttributeError:
            if not is_stand_in(target):
                raise
            owner: type[StandIn] = target if isinstance(target, type) else type(target)
            return kind(owner.__module__, f"{owner.stand_in_name}.{name}")

    return looked


_MODULES = ("torch._tensor", "torch.tensor")
_CORES = ("numpy.core.multiarray", "numpy._core.multiarray")
INSTEAD: dict[str, Callable[[Any], Rebuild]] = {
    **{
        f"{module}.{name}": _plain_when_absent
        for module in _MODULES
        for name in ("_rebuild_from_type", "_rebuild_from_type_v2")
    },
    **dict.fromkeys(
        (
            "torch._utils._rebuild_parameter",
            "torch._utils._rebuild_parameter_with_state",
            "torch._utils._rebuild_wrapper_subclass",
        ),
        _as_it_is,
    ),
    **dict.fromkeys(("copyreg._reconstructor", "copy_reg._reconstructor"), _filled_of_its_base),
    **{f"{core}._reconstruct": _an_array_of for core in _CORES},
    "numpy.ma.core._mareconstruct": _a_masked_array_of,
    **dict.fromkeys(("builtins.getattr", "__builtin__.getattr"), _looking_inside),
    "pathlib.WindowsPath": lambda _found: pathlib.PureWindowsPath,
}
