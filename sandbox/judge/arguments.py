"""How much a file could say through the arguments of a call: what an unknown callee could be told to do with them.

They are read as the reader prints them. `none` and `word` are what enumerations are made with; `data` is numbers and
at least one tensor or array, and no text; `plain` adds words and containers of them, and `bytes` those that the reader
found to be no text, no program and nothing packed. Everything else is `any`: a text that a shell, an import, an open or
a decoder could act on, other bytes, names of functions, and what was not printed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from sandbox.judge.words import are_keys, are_values


class Says(StrEnum):
    """The levels, the least first."""

    NONE = "none"
    WORD = "word"
    DATA = "data"
    PLAIN = "plain"
    BYTES = "bytes"
    ANY = "any"


_MOST_NAMES = 24  # different ones among the arguments of one call: each is looked up
_QUOTES = ("'", '"')
_BYTES = "<bytes>"  # the reader's word for it: all bytes among them, wherever they stand, are data
_TEXT = r"""b?(?:'[^'\\]*+(?:\\.[^'\\]*+)*'|"[^"\\]*+(?:\\.[^"\\]*+)*")(?:\.\.\.)?"""
_PLAIN = r"(?:-?\d{1,40}(?:\.\d{1,20})?(?:e[+-]?\d{1,3})?|-?inf|nan|True|False|None)(?![\w.])"
_BETWEEN = r"[\[\](){}:, ]"
# Its groups: a text, a key's colon, data, what is told of all, a class, a call, a cut, and what has no known form,
# behind which nothing is read.
_TOKEN = re.compile(
    rf"""({_TEXT})(:?){_BETWEEN}*+|(?:{_PLAIN}{_BETWEEN}*+)+|{_BETWEEN}++"""
    r"""|(<(?:tensorview|numpyarray|numpydtype|parts|storage)>)|(<all (?:plain|data)>|<bytes>)"""
    rf"""|([A-Za-z_]\w*+(?:\.[A-Za-z_]\w*+)*)((?:\(\))*(?:\.\.\.|\())?{_BETWEEN}*+|(\.\.\.)|(.+)""",
    re.DOTALL,
)
_ONE = re.compile(rf"{_BETWEEN}*+(?:{_TEXT}(?!:)|{_PLAIN}){_BETWEEN}*", re.DOTALL)


@dataclass
class _Parts:
    """The different words of a list of arguments, by what they are."""

    values: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    data: bool = False
    bytes: bool = False  # some are among them,
    packed: bool = False  # and those that are, are data
    cut: bool = False


def says(arguments: str, harmless: Callable[[str], bool]) -> Says:
    """The level of a printed list of arguments. `harmless`: whether a class may stand among them, by its name.

    Linear: one pass, then each different word once, all texts together.
    """
    text = arguments.strip()
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1].strip().removesuffix(",").strip()
    if not text:
        return Says.NONE
    parts = _parts(text)
    if parts is None or not (are_values(parts.values) and are_keys(parts.keys) and all(map(harmless, parts.names))):
        return Says.ANY
    return _level(parts, text)


def _level(parts: _Parts, text: str) -> Says:
    """Of arguments that are plain, one by one."""
    plain = "<all plain>" in text
    if parts.cut and not plain and "<all data>" not in text:
        return Says.ANY
    if parts.packed:
        return Says.BYTES
    if _ONE.fullmatch(text):
        return Says.WORD
    return Says.DATA if parts.data and not (parts.values or parts.keys or plain) else Says.PLAIN


def _parts(text: str) -> _Parts | None:
    """None where one of the words is nothing that may stand there, or where there are too many names."""
    parts = _Parts()
    for word, colon, data, told, name, called, cut, unread in set(_TOKEN.findall(text)):
        if called or unread or (word and not _may_stand(word, colon)):
            return None  # what a call gave; a text that was cut
        if word.startswith("b"):
            parts.bytes = True
        elif word:
            (parts.keys if colon else parts.values).add(word[1:-1])
        elif name:
            parts.names.add(name)
        parts.packed |= told == _BYTES
        parts.data |= bool(data or (told and told != _BYTES))
        parts.cut |= bool(cut)
    return parts if len(parts.names) <= _MOST_NAMES and (parts.packed or not parts.bytes) else None


def _may_stand(word: str, colon: str) -> bool:
    """A whole text; bytes, of which the reader says more, though not as a key."""
    return (word.startswith("b") and not colon) or (word.startswith(_QUOTES) and word.endswith(_QUOTES))
