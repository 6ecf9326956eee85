"""How much a file could say through the arguments of a call: what an unknown callee could be told to do with them.

They are read as the reader prints them. `none` and `word` are what enumerations are made with; `data` is numbers and
at least one tensor or array, and no text; `plain` adds words and containers of them, and `bytes` those that the reader
found to be no text, no program and nothing packed. Everything else is `any`: a text that a shell, an import, an open or
a decoder could act on, other bytes, names of functions, and what was not printed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum

from sandbox.judge.words import is_key, is_value


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
_NUMBER = r"-?\d{1,40}(?:\.\d{1,20})?(?:e[+-]?\d{1,3})?|-?inf|nan"
_TOKEN = re.compile(
    rf"""(?P<text>[b]?'(?:[^'\\]|\\.)*'(?:\.\.\.)?|[b]?"(?:[^"\\]|\\.)*"(?:\.\.\.)?)"""
    rf"""|(?P<number>(?:{_NUMBER})(?![\w.]))|(?P<constant>(?:True|False|None)(?![\w.]))"""
    r"""|(?P<data><(?:tensorview|numpyarray|numpydtype|parts|storage)>)|(?P<all><all (?:plain|data)>)"""
    r"""|(?P<bytes><bytes>)"""
    r"""|(?P<made>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*(?:\(\))*(?:\.\.\.|\())"""
    r"""|(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)"""
    r"""|(?P<cut>\.\.\.)|(?P<rest>[\[\](){}:, ])"""
)


def says(arguments: str, harmless: Callable[[str], bool]) -> Says:
    """The level of a printed list of arguments. `harmless`: whether a class may stand among them, by its name."""
    text = arguments.strip()
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1].strip().removesuffix(",").strip()
    if not text:
        return Says.NONE
    tokens = _tokens(text)
    if tokens is None or len({token for kind, token in tokens if kind in ("name", "made")}) > _MOST_NAMES:
        return Says.ANY
    told = ("bytes", _BYTES) in tokens
    if not all((told and _is_bytes(kind, token)) or _is_plain(kind, token, harmless) for kind, token in tokens):
        return Says.ANY
    return _level([kind for kind, _ in tokens], text)


def _level(kinds: list[str], text: str) -> Says:
    """Of arguments that are plain, one by one."""
    told = "<all plain>" in text or "<all data>" in text
    if "made" in kinds or ("cut" in kinds and not told):
        return Says.ANY
    if len(kinds) == 1 and kinds[0] in ("text", "number", "constant"):
        return Says.WORD
    if "bytes" in kinds:
        return Says.BYTES
    is_data = (
        not {"text", "key"}.intersection(kinds) and "<all plain>" not in text and ("data" in kinds or "all" in kinds)
    )
    return Says.DATA if is_data else Says.PLAIN


def _tokens(text: str) -> list[tuple[str, str]] | None:
    """The words, without what parts them; None where one is of no known form."""
    found, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return None
        at = match.end()
        kind = match.lastgroup or ""
        if kind == "text" and text.startswith(":", at):
            kind = "key"
        if kind != "rest":
            found.append((kind, match["text" if kind == "key" else kind]))
    return found


def _is_bytes(kind: str, token: str) -> bool:
    return kind == "text" and token.startswith("b")


def _is_plain(kind: str, token: str, harmless: Callable[[str], bool]) -> bool:
    if kind == "text":
        return token.startswith(_QUOTES) and is_value(token[1:-1])
    if kind == "key":
        return token.startswith(_QUOTES) and is_key(token[1:-1])
    return kind not in ("name", "made") or harmless(token)
