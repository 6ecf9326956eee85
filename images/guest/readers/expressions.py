"""What of a program's JSON torch.export runs while it loads: sizes, which sympy evaluates as Python, and imports.

An honest one names symbols and calls sympy's functions. Strings but for symbols' names, attributes, subscripts and
calls of anything else are what code is made of. The shapes of its arguments, JSON in texts, may name a module and what
of it an empty place is filled with, or an enumeration: those modules are imported.
"""

from __future__ import annotations

import json
import re
from typing import Any

from guest.readers import script_code
from guest.readers.errors import BoundError, UnreadableError
from guest.readers.session import Session

ODDITY = "export.expression"
IMPORT = "export.import"

_KEY = "expr_str"
_TARGET = "target"  # the operator of a step
_SPECS = ("in_spec", "out_spec", "context")
_FACTORY = "default_factory_module"
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
            operator = node.get(_TARGET)
            if isinstance(operator, str) and script_code.is_act(operator.split(".")):
                detail = f"{operator[:200]} in the program, when the model is used"
                session.oddity(form, script_code.ODDITY, detail, record)
            imported = _imported(node)
            if imported is not None:
                session.oddity(form, IMPORT, f"it has {imported} imported", record)
            todo += node.values()
            todo += [_parsed(node[key], session) for key in _SPECS if isinstance(node.get(key), str)]


def _imported(node: dict[str, Any]) -> str | None:
    """The module that torch imports for it, but for those whose types are everywhere."""
    if "__enum__" in node:
        return ascii(node.get("fqn"))[:200]
    module = node.get(_FACTORY)
    return ascii(module)[:200] if _FACTORY in node and module not in ("builtins", "collections") else None


def _parsed(text: str, session: Session) -> Any:
    session.spend_bytes(len(text))
    try:
        return json.loads(text)  # as torch does: of two values of one key the last
    except ValueError:
        return None
    except RecursionError:
        raise UnreadableError("the shape of an argument, nested beyond reason") from None
