"""Sizes that a program computes: texts that torch.export has sympy evaluate, as Python, while it loads.

An honest one names symbols and calls sympy's functions. Strings but for symbols' names, attributes, subscripts and
calls of anything else are what code is made of.
"""

from __future__ import annotations

import re
from typing import Any

from guest.readers.errors import BoundError
from guest.readers.session import Session

ODDITY = "export.expression"

_KEY = "expr_str"
_TOKEN = re.compile(
    r"""\s+
    | (?:[A-Z][A-Za-z0-9]* (?: _[A-Za-z0-9]+ )* | floor | ceiling | sqrt | log | exp) [(]  # a call
    | [A-Za-z][A-Za-z0-9]* (?: _[A-Za-z0-9]+ )* (?! \w | \s*[('] )     # a symbol, a keyword of an argument, True
    | [0-9]+ (?: [.][0-9]+ )? (?: e[+-]?[0-9]+ )? (?! [\w.] )
    | '[A-Za-z][A-Za-z0-9]* (?: _[A-Za-z0-9]+ )* '
    | [(),=+*/<>&|~%!-]""",
    re.VERBOSE | re.ASCII,
)


def is_plain(text: str) -> bool:
    """Whether it is nothing but arithmetic on symbols."""
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            return False
        at = token.end()
    return True


def check(program: Any, record: str, form: str, session: Session) -> None:
    """Say of each expression of a program's JSON that isn't plain. Raises BoundError."""
    todo = [program]
    while todo:
        node = todo.pop()
        session.nodes += 1
        if session.nodes > session.bounds.nodes:
            raise BoundError(f"more than {session.bounds.nodes} pickle opcodes and objects")
        if isinstance(node, list):
            todo += node
        elif isinstance(node, dict):
            text = node.get(_KEY)
            if isinstance(text, str) and not is_plain(text):
                session.oddity(form, ODDITY, f"a size is {text[:200]!a}", record)
            todo += node.values()
