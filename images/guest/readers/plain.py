"""What the printed arguments of a call leave out: whether all of it is plain data, whether calls or texts hide in it.

The host reads the printed ones and decides; of the rest it is told a few words. Walks are bounded for the whole file.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from guest.readers.inert import Bag, Bytes, Call, Global, MappingObject, Unresolved
from guest.readers.packed import is_packed
from guest.readers.words import are_keys, are_values

DATA, PLAIN = "data", "plain"
BYTES = "bytes"
_WALKED = 2_000_000  # things, of one file
_ONE = 200_000  # of one call
_ARRAYS = frozenset({"TensorView", "NumpyArray", "NumpyDtype", "Parts", "Storage"})  # by name: they stand above this
_PARTED = frozenset({"NumpyArray", "Parts"})
_BYTES, _ALL_BYTES = 64 << 10, 8 << 20  # of one, of a file: those are looked at to see that they are no text
_SHOWN = 8  # arguments: an object among these is printed with brackets
_NUMBERS = (bool, int, float, complex, type(None))


class Plainness:
    """Of the calls of one file."""

    def __init__(self) -> None:
        self._left = _WALKED
        self._bytes = _ALL_BYTES

    def of(self, arguments: object) -> str:
        """`data`: numbers and arrays; `plain`: words, too; "": anything else, or too much to look at."""
        said, todo, count = DATA, [arguments], 0
        while todo:
            value = todo.pop()
            count += 1
            self._left -= 1
            if count > _ONE or self._left < 0:
                return ""
            if isinstance(value, str | Bytes):
                if not (_is_value(value) if isinstance(value, str) else self.are_numbers(value)):
                    return ""
                said = PLAIN
            elif isinstance(value, dict):
                if not all(_is_key(key) for key in value):
                    return ""
                said = PLAIN
                todo.extend(value.values())
            elif isinstance(value, list | tuple):
                todo.extend(value)
            elif isinstance(value, Bag):
                todo.extend(value.items)
            elif not _is_harmless(value):
                return ""
        return said

    def has_numbers(self, arguments: tuple[Any, ...]) -> bool:
        """Whether there are bytes among the arguments, however deep in containers, and all of them are data."""
        todo, held, count = [arguments], False, 0
        while todo:
            value = todo.pop()
            count += 1
            self._left -= 1
            if count > _ONE or self._left < 0:
                return False
            if isinstance(value, Bytes):
                held = True
                if not self.are_numbers(value):
                    return False
            elif isinstance(value, _HOLDERS):
                todo.extend(_within(value))
        return held

    def are_numbers(self, value: Bytes) -> bool:
        """Whether bytes are what a class packs its numbers in: no text, nothing that is run, unpickled or inflated."""
        self._bytes -= value.source.length
        if value.source.length > _BYTES or self._bytes < 0:
            return False
        return is_packed(bytes(value.source.at(0, value.source.length)))


@lru_cache(maxsize=1 << 12)
def _is_value(text: str) -> bool:
    return are_values((text,))


def _is_key(key: Any) -> bool:
    return are_keys((key,)) if isinstance(key, str) else isinstance(key, _NUMBERS)


def _is_harmless(value: Any) -> bool:
    """Numbers, arrays of them, and classes."""
    if isinstance(value, _NUMBERS) or type(value).__name__ in _ARRAYS:
        return True
    return isinstance(value, Global) and value.canonical.rpartition(".")[2].lstrip("_")[:1].isupper()


class Hidden:
    """Of the calls of one file: what stands in their arguments that no host can tell from the printed ones."""

    def __init__(self) -> None:
        self._left = _WALKED

    def of(self, arguments: tuple[Any, ...]) -> list[str]:
        """`calls`: objects that calls made, deeper than those in brackets; `texts`: arrays of texts or of objects."""
        found: set[str] = set()
        todo: list[Any] = [value for at, value in enumerate(arguments) if at >= _SHOWN or not isinstance(value, Call)]
        count = 0
        seen: set[int] = set()
        while todo and len(found) < len(_WORDS):
            value = todo.pop()
            count += 1
            self._left -= 1
            if count > _ONE or self._left < 0:
                return list(_WORDS)
            if isinstance(value, Call | Unresolved):
                found.add("calls")
            elif type(value).__name__ == "TextArray":
                found.add("texts")
            elif isinstance(value, _HOLDERS) or type(value).__name__ in _PARTED:
                if id(value) in seen:
                    continue
                seen.add(id(value))
                if getattr(value, "objects", None) is not None:
                    found.add("texts")
                todo.extend(_within(value))
        return sorted(found)


_WORDS = ("calls", "texts")
SPOILING = frozenset(_WORDS)
_HOLDERS = (list, tuple, dict, Bag)


def _within(value: Any) -> Iterator[Any]:
    """What a thing is made of."""
    if isinstance(value, dict):
        yield from value.keys()
        yield from value.values()
        if isinstance(value, MappingObject):
            yield from (*value.args, *value.states)
    elif isinstance(value, Bag):
        yield from value.items
    elif isinstance(value, list | tuple):
        yield from value
    elif type(value).__name__ == "NumpyArray":
        yield from (value.objects or (), value.parts)
    else:
        yield from value.children.values()
