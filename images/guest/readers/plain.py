"""Whether all that a call is given is plain data, where its printed arguments leave some of it out.

The host reads the printed ones and decides; of the rest it is told one word. Walks are bounded for the whole file.
"""

from __future__ import annotations

import re
from typing import Any

from guest.readers.inert import Bag, Call, Global

DATA, PLAIN = "data", "plain"
_WALKED = 2_000_000  # things, of one file
_ONE = 200_000  # of one call
_VALUE = re.compile(r"-?\w[\w.+-]{0,39}|")
_KEY = re.compile(r"(?![~/]|\.\.?/)(?:[\w.+~]|(?<=[\w.~])[-/: ](?=[\w~])){0,100}")
_ARRAYS = frozenset({"TensorView", "NumpyArray", "NumpyDtype", "Parts", "Storage"})  # by name: they stand above this
_NUMBERS = (bool, int, float, complex, type(None))


class Plainness:
    """Of the calls of one file."""

    def __init__(self) -> None:
        self._left = _WALKED

    def of(self, arguments: object) -> str:
        """`data`: numbers and arrays; `plain`: words, too; "": anything else, or too much to look at."""
        said, todo, count = DATA, [arguments], 0
        while todo:
            value = todo.pop()
            count += 1
            self._left -= 1
            if count > _ONE or self._left < 0:
                return ""
            if isinstance(value, str):
                if not _VALUE.fullmatch(value):
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


def _is_key(key: Any) -> bool:
    return bool(_KEY.fullmatch(key)) if isinstance(key, str) else isinstance(key, _NUMBERS)


def _is_harmless(value: Any) -> bool:
    """Numbers, arrays, classes, and their objects: the call that made one has a row of its own."""
    if isinstance(value, _NUMBERS) or type(value).__name__ in _ARRAYS:
        return True
    root = value.root if isinstance(value, Call) else value
    return isinstance(root, Global) and root.canonical.rpartition(".")[2].lstrip("_")[:1].isupper()
