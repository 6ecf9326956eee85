"""What a pickle's parts become here: records without behaviour. Nothing of the file is imported or called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from guest.readers.errors import BoundError, UnreadableError
from guest.readers.source import Memory, Source

DESCRIPTION = 1000  # characters of a printed argument list; the wire takes 1024
_DEPTH = 3
_ITEMS = 8
_ITEM = 115  # characters of one argument, so that a long one doesn't push the next out of sight
_STRING = 100


class Global:
    """A name that the stream refers to, as spelled, and as Python 3 knows it."""

    __slots__ = ("canonical", "name", "read")

    def __init__(self, name: str, canonical: str) -> None:
        self.name = name
        self.canonical = canonical
        self.read = False  # whether it is harmless only where what it is called with is read here, too


class Call:
    """An object that calling something would have made: the callee, its arguments, and what was done to it since."""

    __slots__ = ("args", "callee", "indirect", "items", "kind", "kwargs", "pairs", "root", "states")

    def __init__(self, kind: str, callee: object, args: object, kwargs: object = None) -> None:
        self.kind = kind
        self.callee = callee
        self.args: Any = args
        self.kwargs = kwargs
        self.states: list[Any] = []
        self.items: list[Any] = []
        self.pairs: list[tuple[Any, Any]] = []
        if isinstance(callee, Call):
            self.root: Global | None = callee.root
            self.indirect = True
        else:
            self.root = callee if isinstance(callee, Global) else None
            self.indirect = False

    @property
    def name(self) -> str:
        """Of the class or function, for printing."""
        root = self.root.name if self.root else f"<{type(self.callee).__name__}>"
        return f"{root}()" if self.indirect else root


def member(value: object) -> Global | None:
    """What `getattr(module.Class, "name")` gives, under its own name: a method, a nested class."""
    if not isinstance(value, Call) or value.indirect or value.root is None or value.kind != "reduce":
        return None
    args = value.args
    if value.root.canonical != "builtins.getattr" or not isinstance(args, tuple) or len(args) != 2:
        return None
    owner, name = args[0], as_text(args[1])
    if not isinstance(owner, Global) or name is None or not name.isidentifier():
        return None
    return Global(f"{owner.name}.{name}", f"{owner.canonical}.{name}")


class Bag:
    """A set or frozenset, in the stream's order."""

    __slots__ = ("frozen", "items")

    def __init__(self, frozen: bool, items: list[Any]) -> None:
        self.frozen = frozen
        self.items = items


class MappingObject(dict[Any, Any]):
    """A known subclass of dict: OrderedDict and its like."""

    __slots__ = ("args", "name", "states")
    __hash__ = None

    def __init__(self, name: str, args: tuple[Any, ...] = ()) -> None:
        super().__init__()
        self.name = name
        self.args = args
        self.states: list[Any] = []


class Bytes:
    """A bytes, bytearray or Python 2 str of the file, left where it is."""

    __slots__ = ("kind", "small", "source")

    def __init__(self, source: Source, kind: str = "bytes", small: bytes | None = None) -> None:
        self.source = source
        self.kind = kind
        self.small = small

    def value(self, limit: int) -> bytes | None:
        """The bytes, unless they are more than `limit`."""
        if self.small is not None:
            return self.small
        return self.source.at(0, self.source.length) if self.source.length <= limit else None

    def __eq__(self, other: object) -> bool:
        if self.small is None or not isinstance(other, Bytes):
            return self is other
        return self.small == other.small

    def __hash__(self) -> int:
        return hash(self.small) if self.small is not None else id(self)


class OfBytes:
    """What was made of bytes of the file, and may be turned into them again: `raw`, once they are known."""

    __slots__ = ()

    raw: Bytes | None


class Text:
    """A long str of the file, left where it is: UTF-8 with surrogates."""

    __slots__ = ("source",)

    def __init__(self, source: Source) -> None:
        self.source = source

    def value(self, limit: int) -> str | None:
        """The text, unless its encoding is longer than `limit`."""
        if self.source.length > limit:
            return None
        return str(self.source.at(0, self.source.length), "utf-8", "surrogatepass")


class Unresolved:
    """A persistent id that nothing here resolves."""

    __slots__ = ("pid",)

    def __init__(self, pid: object) -> None:
        self.pid = pid


_SIMPLE_KEYS = frozenset({str, int, float, bool, type(None), Global, Call, Bytes, Text, Unresolved})


def check_key(key: object) -> None:
    """Raises UnreadableError for a key that Python would refuse, or that costs more to hash than an honest one."""
    if type(key) in _SIMPLE_KEYS:
        return
    seen = 0
    todo = [key]
    while todo:
        part = todo.pop()
        seen += 1
        if seen > 1000:
            raise BoundError("a dictionary key of more than 1000 parts")
        if isinstance(part, tuple):
            todo.extend(part[:1001])
        elif isinstance(part, list | dict) or (isinstance(part, Bag) and not part.frozen):
            raise UnreadableError(f"an unhashable dictionary key, {type(part).__name__}")


def as_text(value: object) -> str | None:
    """A short str, from what may be a Python 2 str."""
    if isinstance(value, str):
        return value
    if isinstance(value, Bytes) and value.small is not None:
        return value.small.decode("latin-1")
    return None


def as_bytes(value: object, origin: tuple[int, int]) -> Source | None:
    """The source of a bytes-like value; a str counts as Python 2's, one byte a character, from `origin`."""
    if isinstance(value, Bytes):
        return value.source
    if isinstance(value, str):
        try:
            return Memory(memoryview(value.encode("latin-1")), origin)
        except UnicodeEncodeError:
            return None
    return None


def as_shape(value: object) -> tuple[int, ...] | None:
    """A tuple of ints. A list won't do: it could change after the call."""
    if isinstance(value, tuple) and len(value) <= 64 and {*map(type, value)} <= {int}:
        return value
    return None


_PLAIN = frozenset({str, int, float, bool, type(None), Bytes, Text})


def is_plain(arguments: object) -> bool:
    """Whether a list of arguments holds texts and numbers only."""
    return isinstance(arguments, tuple) and _PLAIN.issuperset(map(type, arguments))


_RANGES = frozenset({"builtins.range", "builtins.xrange"})
_MOST_WALKED = 1000  # items that are looked at each time it is asked


def is_data(value: object) -> bool:
    """Whether it is of Python's own types, so that its methods are, too."""
    return isinstance(value, str | int | float | Bytes | Text | list | tuple | dict | Bag) and not isinstance(
        value, MappingObject
    )


def is_iterator(made: object) -> bool:
    """Whether it is one over texts and numbers, or over a range. With a second argument iter calls the first."""
    if not isinstance(made, Call) or made.indirect or made.root is None or made.root.canonical != "builtins.iter":
        return False
    walked = made.args[0] if isinstance(made.args, tuple) and len(made.args) == 1 else None
    if isinstance(walked, Call):
        is_range = walked.root is not None and not walked.indirect and walked.root.canonical in _RANGES
        return is_range and is_plain(walked.args)
    if isinstance(walked, Bag):
        walked = walked.items
    if isinstance(walked, list | tuple | dict):
        return is_data(walked) and len(walked) <= _MOST_WALKED and is_plain(tuple(walked))
    return is_data(walked)


def describe(value: object) -> str:
    """Bounded, ASCII, printable. Of a list of arguments, something of each of the first ones."""
    if not isinstance(value, tuple):
        return _describe(value, _DEPTH)[:DESCRIPTION]
    shown = [_cut(_describe(item, _DEPTH - 1)) for item in value[:_ITEMS]]
    if len(value) > _ITEMS:
        shown.append("...")
    return ("(" + ", ".join(shown) + ("," if len(value) == 1 else "") + ")")[:DESCRIPTION]


def _cut(text: str) -> str:
    return text if len(text) <= _ITEM else text[: _ITEM - 3] + "..."


def _describe(value: object, depth: int) -> str:
    show = _SHOWN.get(type(value))
    if show is None:
        return f"<{type(value).__name__.lower()}>"
    return show(value, depth) if depth or type(value) in _FLAT else "..."


def _int(value: int, _: int) -> str:
    return str(value) if value.bit_length() < 128 else f"<int of {value.bit_length()} bits>"


def _str(value: str, _: int) -> str:
    return _quoted(ascii(value[:_STRING])) + ("..." if len(value) > _STRING else "")


def _bytes(value: Bytes, _: int) -> str:
    shown = value.small[:_STRING] if value.small is not None else b""
    return _quoted(ascii(shown)) + ("..." if value.source.length > len(shown) else "")


def _quoted(text: str) -> str:
    """Cut within its quotes, so that they end before the next argument begins, whatever was escaped."""
    return text if len(text) <= _STRING + 4 else text[:_STRING].rstrip("\\") + text[-1]


def _sequence(value: list[Any] | tuple[Any, ...] | Bag, depth: int) -> str:
    items = value.items if isinstance(value, Bag) else value
    shown = [_describe(item, depth - 1) for item in items[:_ITEMS]]
    if len(items) > _ITEMS:
        shown.append("...")
    if isinstance(value, Bag):
        return "{" + ", ".join(shown) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(shown) + "]"
    return "(" + ", ".join(shown) + ("," if len(items) == 1 else "") + ")"


def _pairs(value: dict[Any, Any], depth: int) -> str:
    shown: list[str] = []
    for key, item in value.items():
        if len(shown) == _ITEMS:
            shown.append("...")
            break
        shown.append(f"{_describe(key, depth - 1)}: {_describe(item, depth - 1)}")
    return "{" + ", ".join(shown) + "}"


def _call(value: Call, depth: int) -> str:
    return "<iterator>" if is_iterator(value) else f"{_plain(value.name)}{_describe(value.args, depth - 1)}"


def _plain(name: str) -> str:
    return ascii(name[:_STRING])[1:-1]


_FLAT: dict[type, Callable[[Any, int], str]] = {
    type(None): lambda value, _: repr(value),
    bool: lambda value, _: repr(value),
    float: lambda value, _: repr(value),
    int: _int,
    str: _str,
    Bytes: _bytes,
    Text: lambda value, _: f"<text of {value.source.length} bytes>",
    Global: lambda value, _: _plain(value.name),
}
_SHOWN = _FLAT | {
    Call: _call,
    dict: _pairs,
    MappingObject: _pairs,
    list: _sequence,
    tuple: _sequence,
    Bag: _sequence,
    Unresolved: lambda value, depth: f"<persistent {_describe(value.pid, depth - 1)}>",
}
