"""Text of the attacker's, made harmless to look at.

A terminal obeys control characters, a reader is fooled by text that runs backwards or can't be seen. Whatever does
either is shown as U+FFFD, so that one sees that something was there.
"""

from __future__ import annotations

import re
from unicodedata import category

MARK = "\ufffd"
ELLIPSIS = "…"

# Controls, formats (bidi, zero-width, tags), surrogates, private use, unassigned, line and paragraph separators.
_UNSHOWN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters and marks that are drawn as nothing: Unicode's Default_Ignorable_Code_Point beyond the above, and blanks.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_MOST_LOOKED_UP = 1 << 16
# A name spelled with accents needs one or two; a tower of them writes over the neighbouring lines.
_MAX_MARKS = 2


class _Shown(dict[int, int]):
    """What each character is shown as, for `str.translate`; looked up once each, since reports can be long."""

    def __missing__(self, code: int) -> int:
        kind = category(chr(code))
        shown = ord(MARK) if kind in _UNSHOWN else ord(" ") if kind == "Zs" else code
        if len(self) < _MOST_LOOKED_UP:
            self[code] = shown
        return shown


_SHOWN = _Shown()


def _low_towers(text: str) -> str:
    if not any(category(letter) in ("Mn", "Me") for letter in set(text)):
        return text
    shown = []
    marks = 0
    for letter in text:
        marks = marks + 1 if category(letter) in ("Mn", "Me") else 0
        shown.append(letter if marks <= _MAX_MARKS else MARK)
    return "".join(shown)


def visible(untrusted: str) -> str:
    """The same text with everything that acts instead of being seen replaced; no shorter, no longer."""
    if untrusted.isascii() and untrusted.isprintable():
        return untrusted
    return _low_towers(_INVISIBLE.sub(MARK, untrusted).translate(_SHOWN))


def neutral(untrusted: str, limit: int = 200) -> str:
    """For one line of a terminal: visible, runs of blanks as one, at most `limit` characters with an ellipsis."""
    # The cut comes first so that a megabyte costs no more than a line; runs of blanks can push a word to the next line.
    shown = re.sub(" {2,}", " ", visible(untrusted[: limit + 1]))
    return shown if len(untrusted) <= limit else shown[: limit - 1] + ELLIPSIS
