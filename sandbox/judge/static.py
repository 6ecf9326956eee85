"""What the readers found, against the rules of the families `global`, `oddity` and `text`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property, lru_cache

from sandbox.facts import Cite, GlobalUse, Oddity, StaticFacts, TextFact, Verdict
from sandbox.judge.arguments import Says, says
from sandbox.judge.conditions import GlobalWhen, OddityWhen, TextWhen
from sandbox.judge.names import UNKNOWN, Named, Names
from sandbox.judge.rules import Match, Rule, Rules

# The reader closes a text's quotes or, where it had to cut, ends it with dots.
_QUOTED = re.compile(r"""[bu]?(['"])(?:(?!\1)[^\\]|\\.)*?(?:\1|\.\.\.(?=[,)\]}]|$))""", re.DOTALL)
# The reader's word for one that is hidden deeper.
# Printed with its arguments only where it is one itself, and not part of one.
_CALL = re.compile(r"(?P<name>[\w.]+|>)\(|<calls>")
# Classes of the tables whose names may stand among an unknown class's arguments.
_MENTIONS = frozenset({"subtype", "persistent"})
# getattr(module.Class, 'name'), or of an object of it; either may be cut.
_MEMBER = re.compile(
    r"""\((?P<owner>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)(?:\.\.\.|\(.*)?, b?(?P<quote>['"])(?P<name>\w+)(?P=quote)"""
    r"""(?:, .*)?,?\)""",
    re.DOTALL,
)
_GETATTR = frozenset({"builtins.getattr", "__builtin__.getattr"})
_HARMLESS = frozenset({"type", "function", "constructor"})
# Stands for a class in `beside`: this very name is handed to a call, together with what it could be called with.
_HANDED = frozenset({"handed"})
_CALLS = frozenset({"reduce", "obj", "inst", "newobj"})
_TO_WHOM = frozenset({UNKNOWN, "type", "function"})
_DOTTED = re.compile(r"(?<![\w.'])[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_VALUE = re.compile(r"''|(?<![\w.])\d")
_REMEMBERED = 1 << 12  # lists of arguments

_Sort = tuple[str, str, bool, bool, str, bool, bool]  # of a use: what _takes_sort asks about


@dataclass(frozen=True)
class _Use:
    """One use with what the tables say about its name."""

    fact: GlobalUse
    named: Named
    surveyed: bool
    arguments: _Arguments

    @property
    def says(self) -> Says:
        """How much the file could say through the arguments."""
        return self.arguments.says(self.fact.arguments)

    @cached_property
    def calls(self) -> frozenset[str]:
        """What made those arguments that are made by a call, or can't be told from such; "" for what isn't named."""
        if self.fact.arguments.startswith("<more than"):
            return frozenset({""})
        return frozenset(call["name"] or "" for call in _CALL.finditer(_QUOTED.sub("", self.fact.arguments)))

    def holds_call(self, values: re.Pattern[str] | None) -> bool:
        """Whether a call made one of the arguments, but for calls of these names."""
        return any(values is None or values.fullmatch(name) is None for name in self.calls)

    @property
    def present(self) -> str:
        """The class that the file can act by; "" where it only mentions it.

        An array's class is remade without being called, and what only calls others does so when it is called.
        """
        if self.fact.use in _MENTIONS or (self.named.cls == "applier" and self.fact.use == "reference"):
            return ""
        return self.named.cls

    @property
    def shape(self) -> str:
        return "class" if _is_class(self.fact.name) else "function"


class _Arguments:
    """What lists of arguments say; a file may give the same one to thousands."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self.says = lru_cache(maxsize=_REMEMBERED)(self._says)

    def _says(self, arguments: str) -> Says:
        return says(arguments, self._is_harmless)

    def _is_harmless(self, name: str) -> bool:
        cls = self._names.named(name).cls
        return cls in _HARMLESS or (cls == UNKNOWN and _is_class(name) and not self._names.is_surveyed(name))


class _Rows:
    """The rows that may take a use. Those that its class, its use and its name's shape rule out are left out for all
    uses of that sort: a file may have 50,000, and there are some fifty rows."""

    def __init__(self, rules: Rules, present: frozenset[str], handed: frozenset[str]) -> None:
        self._rows = rules.of(GlobalWhen)
        self._handed = handed
        self._present = present
        self._of_sort: dict[_Sort, list[tuple[Rule, GlobalWhen]]] = {}

    def first(self, use: _Use) -> Rule | None:
        """The first that takes it."""
        handed = use.fact.name in self._handed
        sort = (use.named.cls, use.fact.use, use.named.swept, use.fact.indirect, use.shape, use.surveyed, handed)
        rows = self._of_sort.get(sort)
        if rows is None:
            present = self._present | _HANDED if handed else self._present
            rows = [(row, when) for row, when in self._rows if _takes_sort(when, sort, present)]
            self._of_sort[sort] = rows
        return next((row for row, when in rows if _takes_use(when, use)), None)


def matches(rules: Rules, static: StaticFacts) -> Iterator[Match]:
    """Each use, each oddity and each string with the first rule that takes it."""
    arguments = _Arguments(rules.names)
    uses = [_use(rules, fact, arguments) for fact in static.globals]
    uses += _members(rules, uses)
    rows = _Rows(rules, frozenset(use.present for use in uses), _handed(uses))
    spoiling: set[str] = set()  # classes that are an alarm already
    for use in uses:
        row = rows.first(use)
        if row is not None:
            if row.verdict is not Verdict.CLEAN:
                spoiling.add(use.named.cls)
            yield _use_match(row, use)
    told = frozenset(spoiling)
    of_oddities, of_texts = rules.of(OddityWhen), rules.of(TextWhen)
    for oddity in static.oddities:
        row = next((row for row, when in of_oddities if _takes_oddity(when, oddity)), None)
        if row is not None:
            yield Match(row, oddity_line(oddity), oddity.id, oddity.detail, cite=_cite(oddity))
    for fact in static.texts:
        row = next((row for row, when in of_texts if _takes_text(when, fact, rules, told)), None)
        if row is not None:
            detail = f" (in {fact.how})" if fact.how else ""
            yield Match(row, text_line(fact), f"`{fact.text}`", detail, cite=_cite(fact))


def _use(rules: Rules, fact: GlobalUse, arguments: _Arguments) -> _Use:
    names = rules.names
    return _Use(fact, names.named(fact.name), names.is_surveyed(fact.name), arguments)


def _members(rules: Rules, uses: list[_Use]) -> Iterator[_Use]:
    """What is dangerous of that which getattr is asked for, as if the file had named it: it need not be called here.

    A name in capitals is an enumeration's member, which is no function.
    """
    seen = {use.fact.name for use in uses}
    for use in uses:
        asked = use.fact.name in _GETATTR and use.fact.arguments.endswith(")")
        found = _MEMBER.fullmatch(use.fact.arguments) if asked else None
        name = f"{found['owner']}.{found['name']}" if found else ""
        if found and not found["name"].isupper() and name not in seen and rules.names.named(name).cls == "dangerous":
            seen.add(name)
            fact = replace(use.fact, name=name, use="reference", indirect=False, arguments="")
            yield _use(rules, fact, use.arguments)


def _handed(uses: list[_Use]) -> frozenset[str]:
    """The dangerous names that stand among the arguments of a call beside a text or a number."""
    named = {use.fact.name for use in uses if use.named.cls == "dangerous"}
    found: set[str] = set()
    for use in uses if named else ():
        if use.fact.use in _CALLS and use.named.cls in _TO_WHOM:
            given = _QUOTED.sub("''", use.fact.arguments)
            if _VALUE.search(given):
                found |= named.intersection(_DOTTED.findall(given))
    return frozenset(found)


def _is_class(name: str) -> bool:
    """By its spelling."""
    return name.rpartition(".")[2].lstrip("_")[:1].isupper()


def _takes_sort(when: GlobalWhen, sort: _Sort, present: frozenset[str]) -> bool:
    """The conditions that need no look at what is written."""
    cls, use, swept, indirect, shape, surveyed, _ = sort
    return (
        (not when.classes or cls in when.classes)
        and (not when.uses or use in when.uses)
        and (when.swept is None or swept is when.swept)
        and (when.indirect is None or indirect is when.indirect)
        and (not when.named or shape == when.named)
        and (when.surveyed is None or surveyed is when.surveyed)
        and (not when.beside or not present.isdisjoint(when.beside))
    )


def _takes_use(when: GlobalWhen, use: _Use) -> bool:
    """The others, the cheap ones first: what is held to a pattern is the attacker's text."""
    return (
        (when.names is None or when.names.fullmatch(use.fact.name) is not None)
        and (when.names_unlike is None or when.names_unlike.fullmatch(use.fact.name) is None)
        and (not when.arguments or use.says in when.arguments)
        and (when.holds_call is None or use.holds_call(when.values) is when.holds_call)
        and (when.arguments_like is None or when.arguments_like.fullmatch(use.fact.arguments) is not None)
        and (when.arguments_unlike is None or when.arguments_unlike.fullmatch(use.fact.arguments) is None)
    )


def _takes_oddity(when: OddityWhen, oddity: Oddity) -> bool:
    return not when.ids or any(fnmatchcase(oddity.id, pattern) for pattern in when.ids)


def _takes_text(when: TextWhen, fact: TextFact, rules: Rules, told: frozenset[str]) -> bool:
    return (
        (not when.kinds or any(fnmatchcase(fact.kind, pattern) for pattern in when.kinds))
        and (when.encoded is None or bool(fact.how) is when.encoded)
        and (when.used is None or fact.used is when.used)
        and (not when.beside or not told.isdisjoint(when.beside))
        and told.isdisjoint(when.apart)
        and (not when.how or any(fnmatchcase(fact.how, pattern) for pattern in when.how))
        and (not when.classes or any(rules.names.named(name).cls in when.classes for name in fact.names))
        and (when.like is None or when.like.fullmatch(fact.text) is not None)
        and (when.unlike is None or when.unlike.fullmatch(fact.text) is None)
    )


def _use_match(row: Rule, use: _Use) -> Match:
    fact = use.fact
    arguments, named = in_brackets(fact.arguments), use.named
    return Match(row, use_line(fact), fact.name, arguments, named.does, named.techniques, _cite(fact))


def _cite(fact: GlobalUse | Oddity | TextFact) -> Cite:
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


def text_line(fact: TextFact) -> str:
    """data.pkl offset 0x1f: url in base64: https://example.invalid/x"""
    way = f" in {fact.how}" if fact.how else ""
    given = ", handed to what is called" if fact.used else ""
    return f"{fact.record or fact.format} offset {fact.offset:#x}: {fact.kind}{way}{given}: {fact.text}"
