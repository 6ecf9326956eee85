"""What a sidecar's values are where Python's own types can't hold them. Frozen and typed; nothing is behind them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class TensorName:
    """A tensor of the output stood here. `dtype`: what numpy called its elements, where the output's is another."""

    name: str
    dtype: str = ""


@dataclass(frozen=True)
class NotConverted:
    """A tensor stood here that isn't in the output."""

    reason: str
    dtype: str = ""


@dataclass(frozen=True)
class Omitted:
    """Something that was not written. In a dict whose rest was, under the key `$omitted`; in a list, its last item."""

    reason: str


@dataclass(frozen=True)
class Global:
    """A class or function, by its name."""

    name: str


@dataclass(frozen=True)
class Object:
    """What calling something would have made: `called` it was itself, otherwise its `__new__`.

    `callee`: a name, or the value that was called. `states`: what `__setstate__` or `__dict__` got; `items` and
    `pairs`: what a list's or a dict's subclass was filled with.
    """

    callee: Any
    args: Any = ()
    kwargs: Any = None
    states: tuple[Any, ...] = ()
    items: tuple[Any, ...] = ()
    pairs: tuple[tuple[Any, Any], ...] = ()
    called: bool = False


@dataclass(frozen=True)
class Mapping:
    """A known subclass of dict, such as defaultdict."""

    name: str
    items: Any  # a dict, or Pairs
    args: Any = ()
    states: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Pairs:
    """A dict with keys that nothing here can look up."""

    items: tuple[tuple[Any, Any], ...]


@dataclass(frozen=True)
class Bag:
    """A set of what nothing here can look up."""

    items: tuple[Any, ...]
    frozen: bool = False


@dataclass(frozen=True)
class Scalar:
    """A numpy scalar. Where Python has no such number `value` is its bytes, and `dtype` begins with their order."""

    dtype: str
    value: Any


@dataclass(frozen=True)
class Dtype:
    """A numpy dtype as it is spelled, its order first."""

    name: str


@dataclass(frozen=True)
class Array:
    """A numpy array of objects or texts; the items in the order of the file. `dtype` is only told of texts."""

    items: tuple[Any, ...]
    shape: tuple[int, ...]
    dtype: str = ""


@dataclass(frozen=True)
class Python2Str:
    """A str of Python 2: bytes that may be text."""

    value: bytes


@dataclass(frozen=True)
class Storage:
    """A torch storage, by its key in the file."""

    key: str


@dataclass(frozen=True)
class Persistent:
    """An object that the file names by an id of its own."""

    id: Any


@dataclass(frozen=True)
class Parts:
    """One tensor that is written as several, by their part's name. `facts` is what else puts it together."""

    kind: str
    tensors: Any
    facts: Any = field(default_factory=dict)


@dataclass(frozen=True)
class Program:
    """What a program's file holds, by its `kind`: torchscript's module, exported's tensors. `beside`: all else."""

    kind: str
    content: Any
    beside: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class OtherFile:
    """A file beside the model that is none itself."""

    size: int


@dataclass(frozen=True)
class SourceText:
    """Source code that old torch put into the file with a class."""

    of: Any
    file: Any
    text: Any


@dataclass(frozen=True)
class Metadata:
    """What a sidecar says. `escaped`: what names of the output that stand for others are in the file."""

    root: Any
    sources: tuple[SourceText, ...] = ()
    escaped: dict[str, str] = field(default_factory=dict)
