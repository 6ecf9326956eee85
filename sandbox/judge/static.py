"""What the readers found, against the rules of the families `global` and `oddity`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from sandbox.facts import Cite, GlobalUse, Oddity, StaticFacts
from sandbox.judge.conditions import GlobalWhen, OddityWhen
from sandbox.judge.names import Named
from sandbox.judge.rules import Match, Rule, Rules

# One plain word, number or constant: what an enumeration's member is called with.
_WORD = re.compile(r"""[bu]?'[\w.+-]{0,64}'|[bu]?"[\w.+-]{0,64}"|-?\d{1,20}(\.\d{1,20})?|True|False|None""")
# The reader closes a text's quotes or, where it had to cut, ends it with dots.
_QUOTED = re.compile(r"""[bu]?(['"])(?:(?!\1)[^\\]|\\.)*?(?:\1|\.\.\.(?=[,)\]}]|$))""", re.DOTALL)
_CALL = re.compile(r"[\w.>]\(")


@dataclass(frozen=True)
class _Use:
    """One use with what the tables say about its name."""

    fact: GlobalUse
    named: Named
    surveyed: bool

    @property
    def says(self) -> str:
        """How much the file could say through the arguments: none, word, or any.

        The reader gives each different list of arguments a row of its own; past its bound the text is none of these.
        """
        text = self.fact.arguments.strip()
        if text.startswith("(") and text.endswith(")"):
            text = text[1:-1].strip().removesuffix(",").strip()
        if not text:
            return "none"
        return "word" if _WORD.fullmatch(text) else "any"

    @property
    def holds_call(self) -> bool:
        """Whether one of the arguments is an object that the file had made by a call, or can't be told from one."""
        return self.fact.arguments.startswith("<more than") or bool(_CALL.search(_QUOTED.sub("", self.fact.arguments)))

    @property
    def shape(self) -> str:
        last = self.fact.name.rpartition(".")[2].lstrip("_")
        return "class" if last[:1].isupper() else "function"


def matches(rules: Rules, static: StaticFacts) -> Iterator[Match]:
    """Each use and each oddity with the first rule that takes it."""
    uses = [_Use(fact, rules.names.named(fact.name), rules.names.is_surveyed(fact.name)) for fact in static.globals]
    present = frozenset(use.named.cls for use in uses)
    rows = rules.of(GlobalWhen)
    for use in uses:
        row = next((row for row, when in rows if _takes_use(when, use, present)), None)
        if row is not None:
            yield _use_match(row, use)
    for oddity in static.oddities:
        row = next((row for row, when in rules.of(OddityWhen) if _takes_oddity(when, oddity)), None)
        if row is not None:
            yield Match(row, oddity_line(oddity), oddity.id, oddity.detail, cite=_cite(oddity))


def _takes_use(when: GlobalWhen, use: _Use, present: frozenset[str]) -> bool:
    conditions = (
        not when.classes or use.named.cls in when.classes,
        when.names is None or when.names.fullmatch(use.fact.name),
        not when.uses or use.fact.use in when.uses,
        when.indirect is None or use.fact.indirect is when.indirect,
        not when.arguments or use.says == when.arguments,
        when.arguments_like is None or when.arguments_like.fullmatch(use.fact.arguments),
        when.arguments_unlike is None or not when.arguments_unlike.fullmatch(use.fact.arguments),
        when.holds_call is None or use.holds_call is when.holds_call,
        not when.named or use.shape == when.named,
        when.surveyed is None or use.surveyed is when.surveyed,
        not when.beside or present.intersection(when.beside),
    )
    return all(conditions)


def _takes_oddity(when: OddityWhen, oddity: Oddity) -> bool:
    return any(fnmatchcase(oddity.id, pattern) for pattern in when.ids)


def _use_match(row: Rule, use: _Use) -> Match:
    fact = use.fact
    arguments, named = in_brackets(fact.arguments), use.named
    return Match(row, use_line(fact), fact.name, arguments, named.does, named.techniques, _cite(fact))


def _cite(fact: GlobalUse | Oddity) -> Cite:
    return Cite(file=fact.file, record=fact.record, offset=fact.offset)


def in_brackets(arguments: str) -> str:
    text = arguments.strip()
    return text if text.startswith("(") and text.endswith(")") else f"({text})"


def use_line(use: GlobalUse) -> str:
    """data.pkl offset 0x1f: REDUCE posix.system('id')"""
    called = use.use in ("reduce", "obj", "inst", "newobj")
    what = f"{use.name}(...)" if use.indirect and called else use.name
    arguments = in_brackets(use.arguments) if called else ""
    text = f"{use.record or use.format} offset {use.offset:#x}: {use.opcode} {what}{arguments}"
    return f"{text}, {use.count} times" if use.count > 1 else text


def oddity_line(oddity: Oddity) -> str:
    return f"{oddity.record or oddity.format} offset {oddity.offset:#x}: {oddity.id}: {oddity.detail}"
