"""Whether what the inert reader made of a pickle is what the standard unpickler made of it: values, and who shares
them with whom."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any

from guest.readers.inert import Bag, Bytes, Call, Global, MappingObject, Text

from bench.fuzz.checks import require
from bench.fuzz.vocabulary import OWN, STANDARD, Thing

_MOST = 200_000  # pairs that are compared, of what explodes when it is walked

Pairs = Iterator[tuple[Any, Any]]
_SHARED = (list, dict, Bag, Call)


class _Comparison:
    """Pairs that were met, and which real object each inert one stands for."""

    def __init__(self) -> None:
        self.met: set[tuple[int, int]] = set()
        self.stands_for: dict[int, int] = {}
        self.held: list[Any] = []  # so that an identity stays with its object

    def compare(self, inert: Any, real: Any) -> None:
        todo = [(inert, real)]
        while todo and len(self.met) < _MOST:
            one, other = todo.pop()
            if (id(one), id(other)) in self.met:
                continue
            if isinstance(one, _SHARED):
                require(self.stands_for.setdefault(id(one), id(other)) == id(other), "one object became several")
            self.met.add((id(one), id(other)))
            self.held.append((one, other))
            how = _HOW.get(type(one))
            require(how is not None, f"a {type(one).__name__} of the reader's")
            todo.extend(how(one, other))  # type: ignore[misc]


def compare(inert: Any, real: Any) -> None:
    """Raises BrokenError where they differ."""
    _Comparison().compare(inert, real)


def _same(holds: bool, inert: Any, real: Any) -> None:
    require(holds, f"the reader made {type(inert).__name__}, the unpickler another {type(real).__name__}")


def _plain(inert: Any, real: Any) -> Pairs:
    _same(type(inert) is type(real) and inert == real, inert, real)
    yield from ()


def _float(inert: float, real: Any) -> Pairs:
    _same(type(real) is float and struct.pack("d", inert) == struct.pack("d", real), inert, real)
    yield from ()


def _bytes(inert: Bytes, real: Any) -> Pairs:
    data = inert.source.at(0, inert.source.length)
    if inert.kind == "str":
        _same(type(real) is str and data == real.encode("latin-1"), inert, real)
    else:
        types = {"bytes": (bytes, memoryview), "bytearray": (bytearray, memoryview)}
        _same(isinstance(real, types[inert.kind]) and data == bytes(real), inert, real)
    yield from ()


def _text(inert: Text, real: Any) -> Pairs:
    raw = inert.source.at(0, inert.source.length)
    _same(type(real) is str and raw == real.encode("utf-8", "surrogatepass"), inert, real)
    yield from ()


def _sequence(inert: Any, real: Any) -> Pairs:
    _same(type(inert) is type(real) and len(inert) == len(real), inert, real)
    return zip(inert, real, strict=True)


def _mapping(inert: dict[Any, Any], real: Any) -> Pairs:
    named = inert.name if isinstance(inert, MappingObject) else "builtins.dict"
    _same(f"{type(real).__module__}.{type(real).__name__}" == named, inert, real)
    _same(len(inert) == len(real), inert, real)
    for (key, value), (real_key, real_value) in zip(inert.items(), real.items(), strict=True):
        yield key, real_key
        yield value, real_value


def _bag(inert: Bag, real: Any) -> Pairs:
    """Elements in the stream's order on one side, in none on the other: the plain ones are looked up."""
    _same(type(real) is (frozenset if inert.frozen else set), inert, real)
    _same(_atoms(inert.items) == _atoms(real), inert, real)
    _same(len(inert.items) >= len(real), inert, real)
    yield from ()


def _names(inert: Global) -> Any:
    module, _, name = inert.canonical.partition(".")
    if name in OWN:
        return OWN[name]
    require((module, name) in STANDARD, f"{inert.canonical} was not looked up")
    return __import__(module).__dict__[name]


def _global(inert: Global, real: Any) -> Pairs:
    _same(_names(inert) is real, inert, real)
    yield from ()


def _call(inert: Call, real: Any) -> Pairs:
    _same(isinstance(real, Thing), inert, real)
    if inert.kind != "newobj" or inert.args or "callee" in vars(real):
        yield inert.callee, real.callee
    else:
        _same(_names(inert.callee) is type(real), inert, real)
    yield inert.args, real.args
    yield dict(inert.kwargs or {}), real.kwargs  # a call makes a dictionary of its own
    yield inert.states, real.did("states")
    yield inert.items, real.did("items")
    yield inert.pairs, real.did("pairs")


def _atoms(items: Any) -> set[Any]:
    """The plain ones, less what isn't even equal to itself."""
    return {item for item in items if type(item) in _ATOMS and item == item}  # noqa: PLR0124


_ATOMS = (int, float, str, bool, type(None))
_HOW: dict[type, Callable[[Any, Any], Pairs]] = {
    **dict.fromkeys((int, str, bool, type(None)), _plain),
    float: _float,
    Bytes: _bytes,
    Text: _text,
    list: _sequence,
    tuple: _sequence,
    dict: _mapping,
    MappingObject: _mapping,
    Bag: _bag,
    Global: _global,
    Call: _call,
}
