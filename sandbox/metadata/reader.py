"""`x.metadata.json` as Python values: what isn't a tensor, as the file had it. Pure but for the one file it reads.

What Python's own types can hold comes as it was. The rest has a frozen type of its own, in `values.py`: nothing is
imported, called or built, and numpy isn't needed. An OrderedDict without more comes as a dict; which values were one
and the same object isn't kept. The text may be anybody's, so it is bounded, and whatever is wrong with it is a
CallerError.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sandbox import messages
from sandbox.errors import SandboxError
from sandbox.metadata.values import (
    Array,
    Bag,
    Dtype,
    Global,
    Mapping,
    Metadata,
    NotConverted,
    Object,
    Omitted,
    OtherFile,
    Pairs,
    Parts,
    Persistent,
    Program,
    Python2Str,
    Scalar,
    SourceText,
    Storage,
    TensorName,
)
from sandbox.untrusted.wire import WireError, parse_json
from sandbox.weights.metadata import MOST_VALUES, SCHEMA

MAX_BYTES = 256 << 20
MAX_DEPTH = 128  # of values; the writer stops at 96
_INT = re.compile(r"-?[0-9]{1,2500}")
_FLOATS = frozenset({"inf", "-inf", "nan"})
_LEAST_SPREAD = 8  # keys that may share a hash, on average


def read_metadata(path: str | Path) -> Metadata:
    """The sidecar of a conversion. Raises CallerError."""
    try:
        with Path(path).open("rb") as file:
            untrusted_text = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise messages.error("verify.unopened", what=f"the metadata {Path(path).name}", why=error.strerror) from None
    return parse_metadata(untrusted_text)


def parse_metadata(untrusted_text: bytes) -> Metadata:
    """What the text says. Raises CallerError."""
    if len(untrusted_text) > MAX_BYTES:
        raise _foreign(f"it has more than {MAX_BYTES} bytes")
    try:
        untrusted_top = parse_json(untrusted_text, MOST_VALUES)
    except WireError as error:
        raise _foreign(f"it is {error}") from None
    if not isinstance(untrusted_top, dict) or untrusted_top.get("format") != SCHEMA:
        raise _foreign(f"it is not of {SCHEMA}")
    top = _fields(untrusted_top, {"format", "root"}, {"sources", "escaped"})
    escaped = _value(top.get("escaped", {}), 0)
    if not isinstance(escaped, dict) or not all(isinstance(text, str) for pair in escaped.items() for text in pair):
        raise _foreign("its escaped names are no names")
    sources = tuple(_source(row) for row in _list(top.get("sources", [])))
    return Metadata(_value(top["root"], 0), sources, escaped)


def _foreign(why: str) -> SandboxError:
    return messages.error("metadata.foreign", why=why)


def _fields(untrusted: Any, needed: set[str], allowed: set[str]) -> dict[str, Any]:
    if not isinstance(untrusted, dict) or not needed <= untrusted.keys() <= needed | allowed:
        raise _foreign(f"a value lacks one of {', '.join(sorted(needed))}, or has more")
    return untrusted


def _list(untrusted: Any) -> list[Any]:
    if not isinstance(untrusted, list):
        raise _foreign("a value is no list where one is due")
    return untrusted


def _text(untrusted: Any) -> str:
    if not isinstance(untrusted, str):
        raise _foreign("a value is no text where one is due")
    return untrusted


def _source(untrusted: Any) -> SourceText:
    row = _fields(untrusted, {"class", "file", "text"}, set())
    return SourceText(*(_value(row[key], 0) for key in ("class", "file", "text")))


def _value(untrusted: Any, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise _foreign(f"it nests more than {MAX_DEPTH} deep")
    if isinstance(untrusted, list):
        return [_value(item, depth + 1) for item in untrusted]
    if not isinstance(untrusted, dict):
        return untrusted
    kind = next(iter(untrusted), "")
    if kind.startswith("$"):
        if kind not in _TYPED:
            raise _foreign(f"it has a value of an unknown kind, {kind[:32]}")
        return _TYPED[kind](untrusted, depth + 1)
    return {key: _item(key, item, depth + 1) for key, item in untrusted.items()}


def _item(key: str, untrusted: Any, depth: int) -> Any:
    if not key.startswith("$"):
        return _value(untrusted, depth)
    if key != "$omitted":
        raise _foreign("a key begins with $")
    return Omitted(_text(untrusted))


def _only(untrusted: dict[str, Any], kind: str) -> Any:
    return _fields(untrusted, {kind}, set())[kind]


def _named(kind: str, make: Callable[[str], Any]) -> Callable[[dict[str, Any], int], Any]:
    return lambda untrusted, _: make(_text(_only(untrusted, kind)))


def _int(untrusted: str) -> int:
    if not _INT.fullmatch(untrusted):
        raise _foreign("an int is none")
    return int(untrusted)


def _float(untrusted: str) -> float:
    if untrusted not in _FLOATS:
        raise _foreign("a float is none")
    return float(untrusted)


def _bytes(untrusted: str) -> bytes:
    try:
        return b64decode(untrusted, validate=True)
    except (Base64Error, ValueError):
        raise _foreign("bytes are not in base64") from None


def _surrogates(untrusted: str) -> str:
    try:
        return _bytes(untrusted).decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise _foreign("a text is none") from None


def _items(untrusted: Any, depth: int) -> tuple[Any, ...]:
    return tuple(_value(item, depth) for item in _list(untrusted))


def _keys_serve(keys: Iterable[Any]) -> bool:
    """Whether a dict or set of them can be made, and in a time that is in proportion."""
    held = list(keys)
    try:
        return len({hash(key) for key in held}) * _LEAST_SPREAD >= len(held)
    except TypeError:
        return False


def _pairs(untrusted: Any, depth: int) -> tuple[tuple[Any, Any], ...]:
    pairs = []
    for row in _list(untrusted):
        pair = _items(row, depth) if isinstance(row, list) else ()
        if len(pair) == 2:
            pairs.append((pair[0], pair[1]))
        elif isinstance(rest := _value(row, depth), Omitted):
            pairs.append(("$omitted", rest))
        else:
            raise _foreign("a pair is none")
    return tuple(pairs)


def _dict(untrusted: dict[str, Any], depth: int) -> Any:
    pairs = _pairs(_only(untrusted, "$dict"), depth)
    return dict(pairs) if _keys_serve(key for key, _ in pairs) else Pairs(pairs)


def _set(kind: str, make: Callable[[Iterable[Any]], Any]) -> Callable[[dict[str, Any], int], Any]:
    def read(untrusted: dict[str, Any], depth: int) -> Any:
        items = _items(_only(untrusted, kind), depth)
        return make(items) if _keys_serve(items) else Bag(items, make is frozenset)

    return read


def _states(row: dict[str, Any], depth: int) -> tuple[Any, ...]:
    if "state" in row:
        return (_value(row["state"], depth),)
    return _items(row.get("states", []), depth)


def _args(row: dict[str, Any], depth: int) -> Any:
    args = _value(row.get("args", []), depth)
    return tuple(args) if isinstance(args, list) else args


def _object(kind: str) -> Callable[[dict[str, Any], int], Object]:
    def read(untrusted: dict[str, Any], depth: int) -> Object:
        row = _fields(untrusted, {kind}, {"args", "kwargs", "state", "states", "items", "pairs"})
        return Object(
            callee=_value(row[kind], depth),
            args=_args(row, depth),
            kwargs=_value(row.get("kwargs"), depth),
            states=_states(row, depth),
            items=_items(row.get("items", []), depth),
            pairs=_pairs(row.get("pairs", []), depth),
            called=kind == "$call",
        )

    return read


def _mapping(untrusted: dict[str, Any], depth: int) -> Mapping:
    row = _fields(untrusted, {"$mapping", "items"}, {"args", "state", "states"})
    items = _value(row["items"], depth)
    if not isinstance(items, dict | Pairs | Omitted):
        raise _foreign("a mapping holds no pairs")
    return Mapping(_text(row["$mapping"]), items, _args(row, depth), _states(row, depth))


def _scalar(untrusted: dict[str, Any], depth: int) -> Scalar:
    row = _fields(untrusted, {"$scalar", "value"}, set())
    return Scalar(_text(row["$scalar"]), _value(row["value"], depth))


def _array(untrusted: dict[str, Any], depth: int) -> Array:
    row = _fields(untrusted, {"$array", "shape"}, {"dtype"})
    shape = _list(row["shape"])
    if not all(type(size) is int and size >= 0 for size in shape):
        raise _foreign("a shape is none")
    return Array(_items(row["$array"], depth), tuple(shape), _text(row.get("dtype", "")))


def _parts(untrusted: dict[str, Any], depth: int) -> Parts:
    row = _fields(untrusted, {"$parts", "tensors"}, {"facts"})
    return Parts(_text(row["$parts"]), _value(row["tensors"], depth), _value(row.get("facts", {}), depth))


def _tensor(kind: str, make: Callable[[str, str], Any]) -> Callable[[dict[str, Any], int], Any]:
    def read(untrusted: dict[str, Any], _: int) -> Any:
        row = _fields(untrusted, {kind}, {"dtype"})
        return make(_text(row[kind]), _text(row.get("dtype", "")))

    return read


def _program(kind: str, beside: set[str]) -> Callable[[dict[str, Any], int], Program]:
    def read(untrusted: dict[str, Any], depth: int) -> Program:
        row = _fields(untrusted, {kind}, beside)
        rest = {key: _value(item, depth) for key, item in row.items() if key != kind}
        return Program(kind[1:], _value(row[kind], depth), rest)

    return read


def _other_file(untrusted: dict[str, Any], _: int) -> OtherFile:
    size = _only(untrusted, "$file")
    if type(size) is not int or size < 0:
        raise _foreign("a size is none")
    return OtherFile(size)


_TYPED: dict[str, Callable[[dict[str, Any], int], Any]] = {
    "$int": _named("$int", _int),
    "$float": _named("$float", _float),
    "$text": _named("$text", _surrogates),
    "$bytes": _named("$bytes", _bytes),
    "$bytearray": _named("$bytearray", lambda text: bytearray(_bytes(text))),
    "$str": _named("$str", lambda text: Python2Str(_bytes(text))),
    "$tuple": lambda untrusted, depth: _items(_only(untrusted, "$tuple"), depth),
    "$set": _set("$set", set),
    "$frozenset": _set("$frozenset", frozenset),
    "$dict": _dict,
    "$mapping": _mapping,
    "$object": _object("$object"),
    "$call": _object("$call"),
    "$global": _named("$global", Global),
    "$scalar": _scalar,
    "$dtype": _named("$dtype", Dtype),
    "$array": _array,
    "$storage": _named("$storage", Storage),
    "$persistent": lambda untrusted, depth: Persistent(_value(_only(untrusted, "$persistent"), depth)),
    "$tensor": _tensor("$tensor", TensorName),
    "$left_out": _tensor("$left_out", NotConverted),
    "$parts": _parts,
    "$torchscript": _program("$torchscript", {"constants", "version", "code"}),
    "$exported": _program("$exported", {"inputs"}),
    "$file": _other_file,
    "$omitted": _named("$omitted", Omitted),
}
