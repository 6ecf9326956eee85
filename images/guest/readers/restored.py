"""What a class runs of the state that it is given back: scipy's distributions a template, statsmodels' data a formula.

Both stand in the file as text, honest ones of few words. Whose state it is doesn't matter: any class may inherit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from guest.readers.errors import BoundError
from guest.readers.inert import Call, as_text
from guest.readers.session import Session

ODDITY = "state.code"
_MOST = 4096  # characters of a text that is looked at

# scipy.stats: rv_generic.__setstate__ executes it. Three functions that take a distribution's parameters apart.
_TEMPLATE_KEY = "_parse_arg_template"
_TEMPLATE = re.compile(
    r"""\s*(?:def _parse_args(?:_rvs|_stats)?\(self, [\w, =]*(?:moments='mv')?\):\n"""
    r"""    return (?:self\._argcheck_rvs)?\([\w, =]*\)[\w, =]*\s*)+""",
    re.ASCII,
)
# statsmodels: ModelData.__setstate__ has it evaluated, by patsy or formulaic, when one of the marks is there.
_FORMULA_KEY = "formula"
_MARKS = ("restore_design_info", "restore_model_spec")
_KEYS = (_TEMPLATE_KEY, _FORMULA_KEY, *_MARKS)
# What may stand where a value is due, and what may follow one. A bracket that follows a value would call it.
_OPENS = re.compile(
    r"""[-+~(\s]
    | (?: C | Q | I | Treatment | Sum | Poly | Helmert | Diff | bs | cr | cc | te | center | standardize | scale ) [(]
    | (?: (?: np | numpy ) [.] )? (?: log | log1p | log2 | log10 | exp | expm1 | sqrt | power | abs | square ) [(]""",
    re.VERBOSE,
)
_VALUE = re.compile(
    r"""[0-9]+ (?: [.][0-9]+ )? (?! [\w.] )
    | (?! \w*__ ) [^\W\d]\w* (?! \w | [.] | \s*[('"] )
    | '[\w\ -]*' (?! \w | ['"] ) | "[\w\ -]*" (?! \w | ['"] )""",
    re.VERBOSE,
)
_FOLLOWS = re.compile(r"\*\*|==|//|%in%|[-+*/:~|^,=]")  # and after it a value is due again
_CLOSES = re.compile(r"[)\s]")


def told(state: Any, session: Session) -> Iterator[str]:
    """What of this state is run and is not as an honest one. Raises BoundError."""
    held = dict(_held(state, session))
    if _TEMPLATE_KEY in held and not _is(_is_template, held[_TEMPLATE_KEY]):
        yield f"{_TEMPLATE_KEY} is {_shown(held[_TEMPLATE_KEY])}"
    if not held.keys().isdisjoint(_MARKS) and _FORMULA_KEY in held and not _is(_is_formula, held[_FORMULA_KEY]):
        yield f"{_FORMULA_KEY} is {_shown(held[_FORMULA_KEY])}"


def _held(state: Any, session: Session) -> Iterator[tuple[str, Any]]:
    """What `dict.update` would take from the state, or from either of its parts, for the keys that matter."""
    for part in (state, *state) if isinstance(state, tuple) and len(state) == 2 else (state,):
        if isinstance(part, dict):
            yield from ((key, part[key]) for key in _KEYS if key in part)
        elif isinstance(part, Call):
            yield from _of_pairs(part.pairs, session)
            yield from _of_pairs(part.args, session)
        else:
            yield from _of_pairs(part, session)


def _of_pairs(value: Any, session: Session) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, list | tuple):
        return
    session.nodes += len(value)
    if session.nodes > session.bounds.nodes:
        raise BoundError(f"more than {session.bounds.nodes} pickle opcodes and objects")
    for item in value:
        if isinstance(item, dict):
            yield from ((key, item[key]) for key in _KEYS if key in item)
        elif isinstance(item, list | tuple) and len(item) == 2 and as_text(item[0]) in _KEYS:
            yield str(as_text(item[0])), item[1]


def _is(honest: Callable[[str], bool], value: Any) -> bool:
    text = as_text(value)
    return text is not None and len(text) <= _MOST and honest(text)


def _is_template(text: str) -> bool:
    return _TEMPLATE.fullmatch(text) is not None


def _is_formula(text: str) -> bool:
    """Whether it is names, arithmetic, and calls of what formulas are made with, in turn as a formula has them."""
    at, due = 0, True
    while at < len(text):
        steps = ((_OPENS, True), (_VALUE, False), (_CLOSES, False)) if due else ((_CLOSES, False), (_FOLLOWS, True))
        found = next(((token, then) for pattern, then in steps if (token := pattern.match(text, at))), None)
        if found is None:
            return False
        token, due = found
        at = token.end()
    return True


def _shown(value: Any) -> str:
    text = as_text(value)
    return ascii(text)[:200] if text is not None else "made by something else in the file"
