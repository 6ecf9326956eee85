"""What a class runs of the state that it is given back: scipy's distributions a template, statsmodels' data a formula.

Both stand in the file as text, honest ones of few words. Whose state it is doesn't matter: any class may inherit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from guest.readers import keys
from guest.readers.errors import BoundError
from guest.readers.inert import Call, as_text
from guest.readers.session import Session

ODDITY, HIDDEN = "state.code", "state.name"
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


def told(state: Any, session: Session) -> dict[tuple[str, str], None]:
    """Id and detail of an oddity for what of this state is run and is not as an honest one, and for names that hide.

    Raises BoundError.
    """
    return dict.fromkeys(_told(state, session))


def _told(state: Any, session: Session) -> Iterator[tuple[str, str]]:
    held = []
    for part in _parts(state, session):
        if keys.is_written(part):
            held += [(key, part[key]) for key in _KEYS if key in part]
        else:
            held += [(name, value) for name, value in keys.named(part) if name in _KEYS]
            yield from ((HIDDEN, f"{maker} makes the name") for maker in keys.unclear(part))
    is_marked = any(name in _MARKS for name, _ in held)
    for name, value in held:
        if name == _TEMPLATE_KEY and not _is(_is_template, value):
            yield ODDITY, f"{name} is {_shown(value)}"
        if name == _FORMULA_KEY and is_marked and not _is(_is_formula, value):
            yield ODDITY, f"{name} is {_shown(value)}"


def _parts(state: Any, session: Session) -> Iterator[dict[Any, Any]]:
    """What `dict.update` would take from the state, or from either of its parts."""
    for part in (state, *state) if isinstance(state, tuple) and len(state) == 2 else (state,):
        for held in (part.pairs, part.args) if isinstance(part, Call) else (part,):
            if isinstance(held, dict):
                _spend(len(held), session)
                yield held
            elif isinstance(held, list | tuple):
                _spend(len(held), session)
                yield from (item for item in held if isinstance(item, dict))
                yield dict(map(tuple, filter(_is_pair, held)))


def _spend(count: int, session: Session) -> None:
    """One state may be given to many objects."""
    session.nodes += count
    if session.nodes > session.bounds.nodes:
        raise BoundError(f"more than {session.bounds.nodes} pickle opcodes and objects")


def _is_pair(item: Any) -> bool:
    return isinstance(item, list | tuple) and len(item) == 2 and isinstance(item[0], keys.TEXTS)


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
