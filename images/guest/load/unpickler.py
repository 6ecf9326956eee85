"""The unpickler that loads use: the standard one, except that what isn't installed gets an inert stand-in.

It is given to torch.load as `pickle_module`, so it offers that module's names.
"""

from __future__ import annotations

import pathlib
import pickle
from collections import Counter
from collections.abc import Callable
from pickle import UnpicklingError, dump, dumps  # noqa: F401 - part of the interface of a pickle module
from typing import Any

from guest import made

absent: dict[str, str] = {}  # dotted name -> why
uses: Counter[str] = Counter()
current = ""  # the last global that was looked up: a hint for the record
_stand_ins: dict[str, type] = {}


class StandIn:
    """Takes whatever a stream does to an object, and does nothing with it.

    Its state is its __dict__, as a real object's; items and pairs stand beside it.
    """

    __slots__ = ("__dict__", "stand_in_arguments", "stand_in_items", "stand_in_pairs", "stand_in_states")
    stand_in_name = ""
    stand_in_arguments: list[tuple[object, object]]  # those that are known by name
    stand_in_states: list[object]  # of another form than attributes
    stand_in_items: list[object]
    stand_in_pairs: list[tuple[object, object]]

    def __new__(cls, *args: object, **_options: object) -> StandIn:
        self = object.__new__(cls)
        self.stand_in_arguments = made.arguments(cls.stand_in_name, args)
        return self

    def __init__(self, *_args: object, **_options: object) -> None:
        pass

    def __getattr__(self, name: str) -> list[object]:
        """One of its own lists that holds nothing yet: copyreg makes objects without their class's __new__."""
        if name not in StandIn.__slots__:
            raise AttributeError(name)
        setattr(self, name, [])
        return getattr(self, name)  # type: ignore[no-any-return]

    def __call__(self, *_args: object, **_options: object) -> StandIn:
        return StandIn()

    def __setstate__(self, state: object) -> None:
        parts = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
        attributes = [part or {} for part in parts if part is None or isinstance(part, dict)]
        if len(attributes) == len(parts):
            for part in attributes:
                self.__dict__.update(part)
        elif state is not None:
            self.stand_in_states.append(state)

    def append(self, item: object) -> None:
        self.stand_in_items.append(item)

    def extend(self, items: list[object]) -> None:
        self.stand_in_items.extend(items)

    add = append

    def __setitem__(self, key: object, value: object) -> None:
        self.stand_in_pairs.append((key, value))


def stand_in(module: str, name: str, reason: str) -> type:
    """The stand-in class of one dotted name."""
    full = f"{module}.{name}"
    absent.setdefault(full, reason)
    return _stand_ins.setdefault(full, _kind(module, full))


def _kind(module: str, full: str) -> type:
    name = full.rpartition(".")[2] or "absent"
    return type(name, (StandIn,), {"__module__": module, "__slots__": (), "stand_in_name": full})


# Make a tensor by their first argument, then an instance of their second, which torch refuses for a stand-in.
_OF_A_SUBCLASS = {
    f"{module}.{name}"
    for module in ("torch._tensor", "torch.tensor")
    for name in ("_rebuild_from_type", "_rebuild_from_type_v2")
}


def _plain_when_absent(rebuild: Callable[..., Any]) -> Callable[..., Any]:
    """The tensor itself, where its subclass is absent."""

    def made(function: Callable[..., Any], kind: Any, arguments: Any, *state: object) -> Any:
        absent_class = isinstance(kind, type) and issubclass(kind, StandIn)
        return function(*arguments) if absent_class else rebuild(function, kind, arguments, *state)

    return made


def _looking_inside(found: Callable[..., Any]) -> Callable[..., Any]:
    """getattr, which pickles use for the members of an enumeration: a stand-in has whatever it is asked for."""

    def looked(target: Any, name: str, *default: Any) -> Any:
        try:
            return found(target, name, *default)
        except AttributeError:
            kind = target if isinstance(target, type) else type(target)
            if not issubclass(kind, StandIn):
                raise
            return _kind(kind.__module__, f"{kind.stand_in_name}.{name}")

    return looked


# What takes the place of a global that would fail where the honest object is another system's, or of an absent class.
_INSTEAD: dict[str, Callable[[Any], Callable[..., Any]]] = {
    **dict.fromkeys(_OF_A_SUBCLASS, _plain_when_absent),
    **dict.fromkeys(("builtins.getattr", "__builtin__.getattr"), _looking_inside),
    "pathlib.WindowsPath": lambda _found: pathlib.PureWindowsPath,
}


class StandIns:
    """For an unpickler to inherit from: what isn't installed gets a stand-in."""

    def find_class(self, module: str, name: str) -> Any:
        global current  # noqa: PLW0603 - the audit hook has no other way to know where the stream is
        current = f"{module}.{name}"
        if current not in absent:
            try:
                found = super().find_class(module, name)  # type: ignore[misc]
                return _INSTEAD[current](found) if current in _INSTEAD else found
            except (ImportError, AttributeError) as error:
                stand_in(module, name, f"{type(error).__name__}: {error}")
        uses[current] += 1
        return _stand_ins[current]


class Unpickler(StandIns, pickle.Unpickler):
    """pickle.Unpickler with stand-ins."""


def load(file: Any, **options: Any) -> Any:
    """pickle.load, with stand-ins."""
    return Unpickler(file, **options).load()
