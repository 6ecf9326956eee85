"""What must hold of everything that is shown, whoever wrote the text in it. Says so with `BrokenError`."""

from __future__ import annotations

import json
from typing import Any
from unicodedata import category

# Unicode's categories of what acts instead of being seen; U+FFFD, which stands in for it, is of none of them.
_ACTING = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_LABEL = 10  # columns of a page's first column, its blank included


class BrokenError(Exception):
    """A property does not hold."""


def require(holds: bool, what: str) -> None:
    if not holds:
        raise BrokenError(what)


def plain(text: str) -> None:
    """Lines of text in which nothing acts on a terminal, runs backwards or hides."""
    acting = sorted({letter for letter in text if letter != "\n" and category(letter) in _ACTING})
    require(not acting, f"shown text holds {acting!r}")


def page(text: str) -> None:
    """A text report: one line of verdict, then lines that begin with a label of ours or with blanks."""
    plain(text)
    lines = text.removesuffix("\n").split("\n")
    require(text.endswith("\n") and lines[0].partition(":")[0].isupper(), "a page begins with its verdict")
    for line in lines[1:]:
        label = line[:_LABEL]
        require(not label.strip() or label.strip().replace(" ", "").isalpha(), f"a line without a label: {line!r}")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    require(len({key for key, _ in pairs}) == len(pairs), "a key twice in one object")
    return dict(pairs)


def _no_constant(word: str) -> Any:
    raise BrokenError(f"{word} is not JSON")


def strict_json(text: str) -> Any:
    """One JSON document of ASCII that no reader takes otherwise, whose texts are plain; its value."""
    require(text.isascii() and text.endswith("\n"), "JSON that is not ASCII, or ends within a line")
    value = json.loads(text, object_pairs_hook=_pairs, parse_constant=_no_constant)
    plain(json.dumps(value, ensure_ascii=False))
    return value
