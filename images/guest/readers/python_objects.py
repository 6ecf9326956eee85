"""The standard library's constructors that hold a model's parts together."""

from __future__ import annotations

import codecs

from guest.readers.errors import ArgumentsError
from guest.readers.inert import Bag, Bytes, Call, Global, MappingObject, Text, as_bytes, as_text, check_key
from guest.readers.known import Constructor, Record, Table
from guest.readers.literals import SMALL
from guest.readers.source import Memory, Source

_LATIN = frozenset({"latin1", "latin-1", "latin_1", "iso-8859-1", "iso8859-1"})
_CHUNK = 1 << 20


def _mapping(made: Call, _: Record) -> MappingObject:
    """OrderedDict, and its like: empty, from a dict, or from pairs."""
    found = MappingObject(made.name)
    _at_most(made, 1)
    content = made.args[0] if made.args else ()
    _fill(found, content)
    return found


def _counter(made: Call, record: Record) -> MappingObject:
    if made.args and not isinstance(made.args[0], dict):
        raise ArgumentsError("a counter of something that is to be counted")
    return _mapping(made, record)


def _fill(found: MappingObject, content: object) -> None:
    if not isinstance(content, dict | list | tuple):
        raise ArgumentsError("a mapping of no pairs")
    for pair in content.items() if isinstance(content, dict) else content:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise ArgumentsError("a mapping of no pairs")
        check_key(pair[0])
        found[pair[0]] = pair[1]


def _at_most(made: Call, count: int) -> None:
    if len(made.args) > count:
        raise ArgumentsError(f"more than {count} arguments")


def _defaultdict(made: Call, _: Record) -> MappingObject:
    _at_most(made, 2)
    found = MappingObject(made.name, made.args[:1])
    if made.args and not isinstance(made.args[0], Global | Call | None):
        raise ArgumentsError("a default that is not made by calling something")
    _fill(found, made.args[1] if len(made.args) > 1 else ())
    return found


def _set(frozen: bool) -> Constructor:
    def construct(made: Call, _: Record) -> Bag:
        _at_most(made, 1)
        items = made.args[0] if made.args else []
        if not isinstance(items, list | tuple):
            raise ArgumentsError("a set of no list")
        for item in items:
            check_key(item)
        return Bag(frozen, list(items))

    return construct


def _sequence(kind: type) -> Constructor:
    def construct(made: Call, _: Record) -> object:
        items = made.args[0] if made.args else ()
        if not isinstance(items, list | tuple):
            raise ArgumentsError("a sequence of neither a list nor a tuple")
        return kind(items)

    return construct


def _encode(made: Call, record: Record) -> Bytes:
    """How protocols below 3 write bytes: as text of one character a byte."""
    _check_latin(made)
    return _encoded(made.args[0], record, "bytes")


def _check_latin(made: Call) -> None:
    encoding = as_text(made.args[1]) if len(made.args) == 2 else None
    if encoding is None or encoding.lower() not in _LATIN:
        raise ArgumentsError("an encoding other than latin1")


def _bytearray(made: Call, record: Record) -> Bytes:
    content = made.args[0] if made.args else ""
    if len(made.args) > 1:
        _check_latin(made)
        return _encoded(content, record, "bytearray")
    if isinstance(content, Bytes) and content.kind != "str":
        return Bytes(content.source, "bytearray", content.small)
    if content in ("", (), []):
        return _held(b"", record.origin, "bytearray")
    raise ArgumentsError("bytes of neither bytes nor text")


def _bytes(made: Call, record: Record) -> Bytes:
    if made.args:
        raise ArgumentsError("bytes of something")
    return _held(b"", record.origin, "bytes")


def _encoded(text: object, record: Record, kind: str) -> Bytes:
    if isinstance(text, Text):
        return _held(_latin(text.source, record), text.source.origin, kind)
    if isinstance(text, Bytes) and text.kind == "str":
        return Bytes(text.source, kind, text.small)
    source = as_bytes(text, record.origin)
    if source is None:
        raise ArgumentsError("text that is no bytes")
    return _held(source.at(0, source.length), source.origin, kind)


def _held(data: bytes, origin: tuple[int, int], kind: str) -> Bytes:
    return Bytes(Memory(memoryview(data), origin), kind, data if len(data) <= SMALL else None)


def _latin(source: Source, record: Record) -> bytes:
    decoder = codecs.getincrementaldecoder("utf-8")()
    data = bytearray()
    for at in range(0, source.length, _CHUNK):
        size = min(_CHUNK, source.length - at)
        record.session.spend_bytes(size)
        data += decoder.decode(source.at(at, size), at + size == source.length).encode("latin-1")
    return bytes(data)


def _reconstructor(made: Call, record: Record) -> Call:
    """Protocols 0 and 1: an object of a class, filled from its built-in base."""
    kind, base, content = made.args
    if not isinstance(kind, Global | Call) or not isinstance(base, Global | Call):
        raise ArgumentsError("an object of no class")
    found = _object(kind, (), record)
    name = base.canonical if isinstance(base, Global) else ""
    if name == "builtins.dict" and isinstance(content, dict):
        found.pairs.extend(content.items())
    elif name in ("builtins.list", "builtins.tuple") and isinstance(content, list | tuple):
        found.items.extend(content)
    elif name != "builtins.object":
        found.args = (content,)
    return found


def _newobj(made: Call, record: Record) -> Call:
    return _object(made.args[0], made.args[1:], record)


def _newobj_ex(made: Call, record: Record) -> Call:
    return _object(made.args[0], made.args[1], record)


def _object(kind: object, args: object, record: Record) -> Call:
    found = Call("newobj", kind, args)
    if found.root is not None:
        record.session.used(record.where, found.root, "newobj", found.indirect, args, each=bool(args))
    return found


PYTHON_OBJECTS: Table = {
    "collections.OrderedDict": _mapping,
    "collections.Counter": _counter,
    "collections.defaultdict": _defaultdict,
    "builtins.set": _set(False),
    "builtins.frozenset": _set(True),
    "builtins.list": _sequence(list),
    "builtins.tuple": _sequence(tuple),
    "builtins.bytes": _bytes,
    "builtins.bytearray": _bytearray,
    "_codecs.encode": _encode,
    "copyreg._reconstructor": _reconstructor,
    "copyreg.__newobj__": _newobj,
    "copyreg.__newobj_ex__": _newobj_ex,
}
