"""Which class a global's name belongs to. The tables are `configs/globals/`, read as one; this looks names up.

A glob's `*` stands for one word between dots, or a part of it; `**` for any number of words; `[A-Z]` for a capital.
A name that is written out beats a glob; among globs the first class in ORDER wins. So `os.**` can be dangerous and one
name in it harmless. Among a class's globs the one that spells out the most before its first star says what it does, so
that the order of files and groups is of no matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from sandbox import messages

# Worst first. What each means to the rules stands in docs/globals.md.
ORDER = ("dangerous", "inside", "code", "resolver", "applier", "rebuilder", "binder", "type", "function", "constructor")
UNKNOWN = "unknown"
_LONGEST, _MOST_WORDS = 512, 16  # of a name that is looked up: each of its words may cost a search of the tables
_REMEMBERED = 1 << 16  # names: more than a file may have uses
_KEYS = frozenset({"class", "does", "techniques", "source", "names"})  # of a group; `source`: where its names come from


@dataclass(frozen=True)
class Named:
    """What the tables say about one name."""

    cls: str
    does: str = ""
    techniques: tuple[str, ...] = ()
    swept: bool = False  # by a glob that takes whatever a package holds: nobody looked at this name


_UNKNOWN = Named(UNKNOWN)
_ENDLESS = Named("inside", "is spelled by a name longer than an honest one")


@dataclass(frozen=True)
class Alternatives:
    """Globs in one pattern: its n-th group stands for the n-th of `named`, each with its place among all globs."""

    pattern: re.Pattern[str]
    named: tuple[tuple[int, Named], ...]
    needle: str = ""  # is in whatever matches
    end: str = ""  # and this at its end

    def find(self, name: str) -> tuple[int, Named] | None:
        if self.needle not in name or not name.endswith(self.end):
            return None
        found = self.pattern.fullmatch(name)
        return self.named[found.lastindex - 1] if found and found.lastindex else None


@dataclass(frozen=True)
class Globs:
    """All of them, the one that decides first. A name is held to those that begin with its first word or a star."""

    by_word: Mapping[str, Alternatives]
    others: tuple[Alternatives, ...]

    def find(self, name: str) -> Named | None:
        own = self.by_word.get(name.partition(".")[0])
        found = own.find(name) if own else None
        for globs in self.others:
            # Asked here, too: a call for each would be most of the time that a name takes.
            if globs.needle in name and (one := globs.find(name)) and (not found or one[0] < found[0]):
                found = one
        return found[1] if found else None


@dataclass(frozen=True)
class Names:
    exact: Mapping[str, Named]
    globs: Globs
    worst: Globs  # of these those of the first class
    aliases: Mapping[str, str]  # a module's other spelling -> the tables' spelling
    core: frozenset[str]  # modules that stay themselves wherever a dotted name passes through them
    ordinary: frozenset[str]  # words between double underscores that honest names hold
    surveyed: frozenset[str]  # top-level packages whose harmless names are all in the tables
    # A file may use one name, and spell it among arguments, as often as it likes.
    named: Callable[[str], Named] = field(init=False, repr=False, compare=False)
    _dotted: tuple[str, ...] = field(init=False, repr=False, compare=False)  # how aliases of more words begin
    _tails: Mapping[str, Named] = field(init=False, repr=False, compare=False)  # what is dangerous, by how it ends

    def __post_init__(self) -> None:
        dotted = tuple(f"{spelling}." for spelling in self.aliases if "." in spelling)
        object.__setattr__(self, "_dotted", dotted)
        worst = ((name, named) for name, named in self.exact.items() if named.cls == ORDER[0])
        object.__setattr__(self, "_tails", {_tail(name): named for name, named in worst})
        object.__setattr__(self, "named", lru_cache(maxsize=_REMEMBERED)(self._named))

    def _named(self, name: str) -> Named:
        """The class of a global as a stream spells it."""
        if len(name) > _LONGEST or name.count(".") >= _MOST_WORDS:
            return _ENDLESS
        spelled = self._spelled(name)
        named = self._lookup(spelled)
        if named.cls == "dangerous" or spelled in self.exact:
            return named
        words = spelled.split(".")
        through = self._through_core(words)
        if through is not None:
            return through
        if named.cls == UNKNOWN and "__" in spelled and any(self._is_inside(word) for word in words):
            return Named("inside", "reaches into Python's own machinery")
        if named.cls == UNKNOWN and words[0] in self.surveyed:
            return self._tails.get(_tail(spelled), named)
        return named

    def _through_core(self, words: list[str]) -> Named | None:
        """What a dotted name that passes through a core module, or ends at one, really is.

        In a package whose harmless names are all in the tables the name of another one counts, too.
        """
        surveyed = words[0] in self.surveyed
        for at, word in enumerate(words[1:], 1):
            module = word if word in self.core else word.lstrip("_")  # `random._os` is os
            known = module in self.core
            if not known and not (surveyed and word == module and word in self.surveyed):
                continue
            through = self._dangerous(".".join((module, *words[at + 1 :])))
            if through is not None:
                return replace(through, swept=False)
            if known and at == len(words) - 1:
                return Named("dangerous", "hands out a whole module of Python's own")
        return None

    def is_surveyed(self, name: str) -> bool:
        return self._spelled(name).split(".", 1)[0] in self.surveyed

    def _spelled(self, name: str) -> str:
        module, dot, rest = name.partition(".")
        if module in self.aliases:
            name = f"{self.aliases[module]}{dot}{rest}"
        if name.startswith(self._dotted):
            spelling = next(dotted for dotted in self._dotted if name.startswith(dotted))
            return f"{self.aliases[spelling[:-1]]}.{name[len(spelling) :]}"
        return name

    def _lookup(self, name: str) -> Named:
        if name in self.exact:
            return self.exact[name]
        return self.globs.find(name) or _UNKNOWN

    def _dangerous(self, name: str) -> Named | None:
        """What `_lookup` says where it is of the worst class, and without the cost of the others."""
        named = self.exact.get(name) or self.worst.find(name)
        return named if named is not None and named.cls == ORDER[0] else None

    def _is_inside(self, word: str) -> bool:
        return len(word) > 4 and word.startswith("__") and word.endswith("__") and word not in self.ordinary


def _tail(name: str) -> str:
    """A function by its own name, a method by its class's, too: in whichever module of a covered package it is found,
    it is another spelling of the same."""
    *_, owner, last = ("", *name.split("."))
    return f"{owner}.{last}" if owner.lstrip("_")[:1].isupper() else last


_WILD = re.compile(r"(\*\*|\*|\[A-Z\])")


@lru_cache(maxsize=4096)
def glob(pattern: str) -> str:
    """A glob of dotted names as a regular expression."""
    parts = _WILD.split(pattern)
    return "".join({"**": r".+", "*": r"[^.]*", "[A-Z]": "[A-Z]"}.get(part, re.escape(part)) for part in parts)


def parse_names(table: Mapping[str, Any]) -> Names:
    """The tables of configs/globals/. Raises CallerError."""
    try:
        return _parse(table)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise messages.error("globals", why=f"{type(error).__name__}: {error}") from None


def _parse(table: Mapping[str, Any]) -> Names:
    unknown = table.keys() - {"group", "aliases", "core", "ordinary", "surveyed"}
    if unknown:
        raise ValueError(f"no such table: {', '.join(sorted(unknown))}")
    exact: dict[str, Named] = {}
    globs: dict[str, dict[str, Named]] = {cls: {} for cls in ORDER}
    for group in table["group"]:
        if not group.keys() <= _KEYS or not str(group["source"]):
            raise ValueError(
                f"a group of {group['class']} needs class, source and names, and may have does and techniques"
            )
        named = Named(group["class"], str(group.get("does", "")), tuple(group.get("techniques", ())))
        of_class = globs[named.cls]
        for name in _words(group["names"]):
            held = of_class if "*" in name else exact
            if name in held:
                raise ValueError(f"{name} stands twice, in {held[name].cls} and in {named.cls}")
            held[name] = replace(named, swept=name.endswith(".**"))
    return Names(
        exact,
        _globs([globs[cls] for cls in ORDER]),
        _globs([globs[ORDER[0]]]),
        {str(key): str(value) for key, value in table["aliases"].items()},
        frozenset(_words(table["core"])),
        frozenset(_words(table["ordinary"])),
        frozenset(_words(table["surveyed"])),
    )


def _globs(classes: Iterable[Mapping[str, Named]]) -> Globs:
    """`classes`: the globs of each, worst first."""
    ranked = [
        (name, named)
        for of_class in classes
        for name, named in sorted(of_class.items(), key=lambda item: (-len(item[0].partition("*")[0]), item[0]))
    ]
    by_word: dict[str, list[int]] = {}
    for rank, (name, _) in enumerate(ranked):
        word = name.partition(".")[0]
        by_word.setdefault("" if "*" in word or "[" in word else word, []).append(rank)

    def alternatives(ranks: Iterable[int], needle: str = "", end: str = "") -> Alternatives:
        named = tuple((rank, ranked[rank][1]) for rank in ranks)
        pattern = re.compile("|".join(f"({glob(ranked[rank][0])})" for rank, _ in named), re.DOTALL)
        return Alternatives(pattern, named, needle, end)

    # Each of these may search the whole name.
    literal = {rank: _WILD.split(ranked[rank][0])[::2] for rank in by_word.pop("", ())}
    others = tuple(alternatives([rank], max(parts, key=len), parts[-1]) for rank, parts in literal.items())
    return Globs({word: alternatives(ranks) for word, ranks in by_word.items()}, others)


def _words(value: object) -> list[str]:
    """A list of names; one text may hold several, apart by white space."""
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is not a list of names")
    return [word for text in value for word in text.split()]
