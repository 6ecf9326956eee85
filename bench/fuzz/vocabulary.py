"""The callables that generated pickles name, and the standard unpickler that may find these and nothing else.

What it makes of them remembers what was done to it, as the reader's inert calls do, so that both can be compared.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

MODULE = "fuzz_vocabulary"  # there is no such module: whoever imports it, fails


class Watched:
    """Whether anything of the vocabulary was called while it must not be."""

    reading = False
    calls = 0

    @classmethod
    def called(cls) -> None:
        cls.calls += cls.reading


class Thing:
    """Takes everything that a stream can do to an object, and keeps it."""

    callee: Any
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}  # noqa: RUF012 - never changed, only replaced

    def __new__(cls, *args: Any, **kwargs: Any) -> Thing:
        Watched.called()
        return _made(cls, args, kwargs)

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        pass

    def did(self, what: str) -> list[Any]:
        """Everything of one sort that was done to it, in order."""
        found: list[Any] = self.__dict__.setdefault(what, [])
        return found

    def __call__(self, *args: Any, **kwargs: Any) -> Thing:
        Watched.called()
        return _made(self, args, kwargs)

    def __setstate__(self, state: Any) -> None:
        Watched.called()
        self.did("states").append(state)

    def append(self, item: Any) -> None:
        Watched.called()
        self.did("items").append(item)

    add = append

    def extend(self, items: Any) -> None:
        Watched.called()
        self.did("items").extend(items)

    def __setitem__(self, key: Any, value: Any) -> None:
        Watched.called()
        self.did("pairs").append((key, value))


def _made(callee: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Thing:
    made = object.__new__(callee if isinstance(callee, type) else Thing)
    made.callee, made.args, made.kwargs = callee, args, kwargs
    return made


class Other(Thing):
    """A class beside the first."""


def function(*args: Any, **kwargs: Any) -> Thing:
    """What REDUCE calls and NEWOBJ may not."""
    Watched.called()
    return _made(function, args, kwargs)


OWN: dict[str, Any] = {"Thing": Thing, "Other": Other, "function": function, "Outer.Inner": Other}
CLASSES = ("Thing", "Other")

# The standard library's that the reader gives meaning to, as protocols spell them.
STANDARD = frozenset(
    {
        *(("collections", name) for name in ("OrderedDict", "Counter", "defaultdict")),
        *((module, name) for module in ("builtins", "__builtin__") for name in ("set", "frozenset", "bytearray")),
        *((module, "object") for module in ("builtins", "__builtin__")),
        *((module, "_reconstructor") for module in ("copyreg", "copy_reg")),
        *(("copyreg", name) for name in ("__newobj__", "__newobj_ex__")),
        ("_codecs", "encode"),
        ("__builtin__", "bytes"),
    }
)


class NotHarmlessError(pickle.UnpicklingError):
    """The stream names something beyond the vocabulary."""


class Oracle(pickle.Unpickler):
    """CPython's own unpickler, the one in C, kept to the vocabulary."""

    def find_class(self, module: str, name: str) -> Any:
        if module == MODULE and name in OWN:
            return OWN[name]
        if (module, name) not in STANDARD:
            raise NotHarmlessError("a global that is not harmless")
        return super().find_class(module, name)


def load(stream: bytes) -> Any:
    """As users of pickle.load do: once more, in latin-1, what Python 2 wrote. Raises whatever the stream makes it."""
    try:
        return Oracle(io.BytesIO(stream)).load()
    except UnicodeDecodeError:
        return Oracle(io.BytesIO(stream), encoding="latin1").load()
