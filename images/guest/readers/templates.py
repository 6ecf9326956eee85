"""What leads out of a Jinja template into Python: its machinery by name, or any name that is put together first.

Honest templates ask for attributes and items by names that stand there; only who wants to hide one computes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_MACHINERY = "class|mro|bases?|subclasses|globals|builtins|init|import|getattribute|dict|code"
_BACKWARDS = "ssalc|slabolg|sessalcbus|snitliub|tropmi"
_TEXT = r"""(?:'[^'\[\]()]{0,40}'|"[^"\[\]()]{0,40}")"""

_REACHES = re.compile(
    "|".join(
        (
            rf"__(?:{_MACHINERY})__|__(?:{_BACKWARDS})__|\bpopen\b|\bos\.system\b",
            r"\\x5f|\\u005f|\\137",  # the low line by its number
            r"\|\s{0,8}attr\s{0,8}\(|\bmap\s{0,8}\(\s{0,8}['\"]attr['\"]",
            r"\blipsum\b|\b(?:cycler|joiner|namespace)\s{0,8}\.\s{0,8}_",
            r"['\"]__(?:cl|mr|ba|su|gl|bu|in|im|ge|di|co)[a-z]{0,12}['\"]",  # the beginning of such a name
            rf"\b(?:groupby|map|sort|sum|unique|selectattr|rejectattr)\s{{0,8}}\([^()]{{0,40}}?{_TEXT}\s{{0,8}}[~+%|]",
            rf"[\w)\]'\"]\[[^\[\]]{{0,40}}?{_TEXT}\s{{0,8}}[~+%|]",
            r"\{\d{0,2}\._|\)\s{0,8}\.\s{0,8}format\s{0,8}\(",
        )
    ),
    re.IGNORECASE,
)


def is_template(text: str) -> bool:
    """Whether a text may be one."""
    return ("{{" in text and "}}" in text) or ("{%" in text and "%}" in text)


def escape(template: str) -> str:
    """The first thing in its expressions that reaches for Python; empty where there is none."""
    for opening, closing in (("{{", "}}"), ("{%", "%}")):
        for expression in _between(template, opening, closing):
            found = _REACHES.search(expression)
            if found:
                return found[0]
    return ""


def _between(text: str, opening: str, closing: str) -> Iterator[str]:
    at = text.find(opening)
    while at >= 0:
        end = text.find(closing, at)
        if end < 0:
            return
        yield text[at:end]
        at = text.find(opening, end)
