"""Everything of a model that isn't a tensor, as typed JSON, within a bound and without recursion.

Simple values stand as they are. What JSON has no word for is an object with one key that begins with "$":
$tuple, $set, $frozenset, $bytes, $bytearray, $str (Python 2's, not text), $text (with surrogates), $int, $float, $dict
(keys that aren't all text), $mapping, $object, $call, $global, $scalar, $dtype, $array, $storage, $persistent, $tensor,
$left_out, $parts (one tensor that is written as several), $torchscript (a module, its constants, its code's files),
$exported (a program's tensors and example inputs), $file (a file beside the model, by its size), and $omitted with the
reason. `sandbox/metadata/` reads it back.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any

from guest.distcp import Records
from guest.naming import Members, Shards
from guest.readers.exported import Exported
from guest.readers.inert import Bag, Bytes, Call, Global, MappingObject, Text, Unresolved
from guest.readers.numpy_dtypes import NumpyDtype
from guest.readers.numpy_layout import TextArray
from guest.readers.numpy_objects import NumpyArray, NumpyScalar, number
from guest.readers.parts import File, Parts
from guest.readers.script_objects import Script
from guest.readers.tensors import Storage, TensorView

FORMAT = "sandbox-load/metadata/1"

_SURROGATE = re.compile("[\ud800-\udfff]")
_DEPTH = 96  # of JSON; a reader of the file may recurse
_ATOM = 1 << 16  # bytes of one string
_CONTAINERS_MOST = 1_000_000  # the host takes twice as many, and holds them all at once
_REPEATED = 20_000  # containers, after which no object is written twice: round a circle there is no end of ways
_SAFE_INT = 1 << 53  # what every JSON reader takes exactly


@dataclass(frozen=True)
class _Value:
    """Something still to be written."""

    value: Any


_Part = str | _Value


class Sidecar:
    """Writes one document. `names` maps a tensor's identity to its name in the output.

    Values stop at half of the limit, or at so many containers; the rest is for one last string and for closing what
    is open.
    """

    def __init__(self, names: dict[int, str], limit: int, containers: int = _CONTAINERS_MOST) -> None:
        self._names = names
        self._limit = limit
        self._atom = min(_ATOM, limit // 8)
        self._written = 0
        self._containers = min(containers, _CONTAINERS_MOST)
        self._opened = 0
        self._path: list[int] = []
        self._objects: set[int] = set()  # that have been written, by identity: the root holds them all

    def text(self, root: Any, sources: list[tuple[str, str, Any]], escaped: dict[str, str]) -> Iterator[str]:
        """The document in pieces: at most `limit` bytes if that is 128 KiB or more; what doesn't fit is said.

        `escaped`: original names by those that stand for them.
        """
        document = {"format": FORMAT, "root": root}
        if sources:
            document["sources"] = [{"class": name, "file": file, "text": text} for name, file, text in sources]
        if escaped:
            document["escaped"] = escaped
        stack: list[tuple[Iterator[_Part], int]] = [(iter([_Value(document)]), 0)]
        while stack:
            part = next(stack[-1][0], None)
            if part is None:
                entered = stack.pop()[1]
                if entered:
                    self._path.pop()
            elif isinstance(part, str):
                self._written += len(part)
                self._opened += part.startswith(("{", "[", ",{", ",["))
                yield part
            else:
                self._enter(part.value, stack)

    def _enter(self, value: Any, stack: list[tuple[Iterator[_Part], int]]) -> None:
        atom = _ATOMS.get(type(value))
        if atom is not None:
            stack.append((iter([atom(self, value)]), 0))
        elif id(value) in self._path:
            stack.append((iter([omitted("it contains itself")]), 0))
        elif len(self._path) >= _DEPTH:
            stack.append((iter([omitted("nested too deep")]), 0))
        elif self._opened > _REPEATED and id(value) in self._objects:
            stack.append((iter([omitted("an object that stands above")]), 0))
        else:
            if isinstance(value, Call):
                self._objects.add(id(value))
            self._path.append(id(value))
            stack.append((_CONTAINERS[type(value)](self, value), 1))

    @property
    def full(self) -> bool:
        return self._written > self._limit // 2 or self._opened > self._containers

    def string(self, value: str) -> str:
        if _SURROGATE.search(value):  # two in a row would be read back as one letter
            raw = value.encode("utf-8", "surrogatepass")
            text = base64.b64encode(raw).decode("ascii")
            return _typed("text", text) if len(text) <= self._atom else omitted(f"text of {len(value)} characters")
        text = json.dumps(value) if len(value) <= self._atom else ""
        return text if 0 < len(text) <= self._atom else omitted(f"text of {len(value)} characters")

    def bytes(self, value: Bytes) -> str:
        data = None if self.full else value.value(self._atom // 2)
        if data is None:
            return omitted(f"{value.source.length} bytes")
        return _typed(value.kind, base64.b64encode(data).decode("ascii"))

    def long_text(self, value: Text) -> str:
        text = None if self.full else value.value(self._atom)
        return omitted(f"text of {value.source.length} bytes") if text is None else self.string(text)

    def tensor(self, value: TensorView) -> str:
        name = self._names.get(id(value))
        if name is not None:
            return _typed("tensor", name)
        return _typed("left_out", value.why or "not part of the model's tensors")

    def array(self, value: NumpyArray) -> Iterator[_Part]:
        if value.view is not None:
            yield self.tensor(value.view) if not value.note else self.noted(value.view, value.note)
        elif value.parts is not None:
            yield _Value(value.parts)
        elif value.objects is None:
            yield omitted("an array that was never filled")
        else:
            yield '{"$array":'
            yield from self.items(value.objects)
            yield f',"shape":{json.dumps(value.shape)}}}'

    def noted(self, view: TensorView, note: str) -> str:
        return f'{self.tensor(view)[:-1]},"dtype":{json.dumps(note[:256])}}}'

    def text_array(self, value: TextArray) -> Iterator[_Part]:
        yield '{"$array":'
        yield from self.items(value.items)
        yield f',"shape":{json.dumps(value.shape)},"dtype":{json.dumps(value.dtype.text)}}}'

    def items(self, values: Iterable[Any]) -> Iterator[_Part]:
        yield "["
        comma = ""
        for value in values:
            if self.full:
                yield comma + omitted("the rest: no room")
                break
            atom = _ATOMS.get(type(value))
            if atom is not None:
                yield comma + atom(self, value)
            else:
                yield comma
                yield _Value(value)
            comma = ","
        yield "]"

    def wrapped(self, kind: str, values: Iterable[Any]) -> Iterator[_Part]:
        yield f'{{"${kind}":'
        yield from self.items(values)
        yield "}"

    def mapping(self, value: dict[Any, Any]) -> Iterator[_Part]:
        if not all(type(key) is str and self._plain(key) for key in value):
            yield from self.wrapped("dict", ([key, item] for key, item in value.items()))
            return
        yield "{"
        comma = ""
        for key, item in value.items():
            if self.full:
                yield comma + '"$omitted":"the rest: no room"'
                break
            yield f"{comma}{json.dumps(key)}:"
            yield _Value(item)
            comma = ","
        yield "}"

    def _plain(self, key: str) -> bool:
        """Whether JSON can have it for a key."""
        return not key.startswith("$") and len(key) <= self._atom // 6 and not _SURROGATE.search(key)

    def mapping_object(self, value: MappingObject) -> Iterator[_Part]:
        if value.name.endswith(".OrderedDict") and not value.states:
            yield from self.mapping(value)
            return
        yield f'{{"$mapping":{json.dumps(value.name[:4096])},"items":'
        yield from self.mapping(value)
        yield from self._fields({"args": value.args})
        yield from self._states(value.states)
        yield "}"

    def call(self, value: Call) -> Iterator[_Part]:
        kind = "call" if value.kind == "reduce" else "object"
        yield f'{{"${kind}":'
        yield json.dumps(value.callee.name[:4096]) if isinstance(value.callee, Global) else _Value(value.callee)
        pairs = [[key, item] for key, item in value.pairs]
        yield from self._fields({"args": value.args, "kwargs": value.kwargs, "items": value.items, "pairs": pairs})
        yield from self._states(value.states)
        yield "}"

    def _fields(self, values: dict[str, Any]) -> Iterator[_Part]:
        """The fields that say something; arguments are a tuple wherever they come from, so they stand as a list."""
        for name, value in values.items():
            if value is None or (isinstance(value, list | tuple | dict) and not value):
                continue
            yield f',"{name}":'
            yield _Value(list(value) if name == "args" and isinstance(value, tuple) else value)

    def _states(self, states: list[Any]) -> Iterator[_Part]:
        """What BUILD gave it, in its order."""
        if states:
            yield ',"state":' if len(states) == 1 else ',"states":'
            yield _Value(states[0] if len(states) == 1 else states)

    def scalar(self, value: NumpyScalar) -> Iterator[_Part]:
        plain = number(value)
        name = value.dtype.text if plain is None else value.dtype.code[:64]  # a number needs no order
        yield f'{{"$scalar":{json.dumps(name)},"value":'
        yield _Value(value.value if plain is None else plain)
        yield "}"

    def parts(self, value: Parts) -> Iterator[_Part]:
        yield f'{{"$parts":{json.dumps(value.kind)},"tensors":'
        yield _Value(value.children)
        yield from self._fields({"facts": value.facts})
        yield "}"

    def script(self, value: Script) -> Iterator[_Part]:
        yield '{"$torchscript":'
        yield _Value(value.module)
        yield from self._fields({"constants": value.constants, "version": value.version, "code": value.code})
        yield "}"

    def exported(self, value: Exported) -> Iterator[_Part]:
        yield '{"$exported":'
        yield _Value(value.tensors)
        yield from self._fields({"inputs": value.inputs})
        yield "}"

    def persistent(self, value: Unresolved) -> Iterator[_Part]:
        yield '{"$persistent":'
        yield _Value(value.pid)
        yield "}"

    def bag(self, value: Bag) -> Iterator[_Part]:
        return self.wrapped("frozenset" if value.frozen else "set", value.items)

    def tuple(self, value: tuple[Any, ...]) -> Iterator[_Part]:
        return self.wrapped("tuple", value)


def omitted(reason: str) -> str:
    """In place of what isn't written."""
    return _typed("omitted", reason)


def _typed(kind: str, value: str) -> str:
    return f'{{"${kind}":{json.dumps(value)}}}'


def _int(_: Sidecar, value: int) -> str:
    if -_SAFE_INT <= value <= _SAFE_INT:
        return str(value)
    return _typed("int", str(value)) if value.bit_length() <= 8192 else omitted(f"an int of {value.bit_length()} bits")


def _float(_: Sidecar, value: float) -> str:
    return repr(value) if isfinite(value) else _typed("float", repr(value))


_ATOMS: dict[type, Callable[[Sidecar, Any], str]] = {
    type(None): lambda _, __: "null",
    bool: lambda _, value: "true" if value else "false",
    int: _int,
    float: _float,
    str: Sidecar.string,
    Bytes: Sidecar.bytes,
    Text: Sidecar.long_text,
    Global: lambda _, value: _typed("global", value.name[:4096]),
    TensorView: Sidecar.tensor,
    NumpyDtype: lambda _, value: _typed("dtype", value.text),
    Storage: lambda _, value: _typed("storage", value.key[:4096]),
    File: lambda _, value: f'{{"$file":{value.size}}}',
}

_CONTAINERS: dict[type, Callable[[Sidecar, Any], Iterator[_Part]]] = {
    list: Sidecar.items,
    tuple: Sidecar.tuple,
    dict: Sidecar.mapping,
    Members: Sidecar.mapping,
    Shards: Sidecar.items,
    Records: Sidecar.items,
    Parts: Sidecar.parts,
    Script: Sidecar.script,
    Exported: Sidecar.exported,
    Bag: Sidecar.bag,
    MappingObject: Sidecar.mapping_object,
    Call: Sidecar.call,
    NumpyArray: Sidecar.array,
    NumpyScalar: Sidecar.scalar,
    TextArray: Sidecar.text_array,
    Unresolved: Sidecar.persistent,
}
