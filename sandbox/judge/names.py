"""Which class a global's name belongs to. The tables are `configs/globals.toml`; this is how they are looked up.

A glob's `*` stands for one word between dots, or a part of it; `**` for any number of words; `[A-Z]` for a capital.
A name that is written out beats a glob; among globs the first class in ORDER wins. So `os.**` can be dangerous and one
name in it harmless.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sandbox import messages

# Worst first. What each means to the rules stands in globals.toml.
ORDER = ("dangerous", "inside", "code", "resolver", "applier", "rebuilder", "binder", "type", "function", "constructor")
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Named:
    """What the tables say about one name."""

    cls: str
    does: str = ""
    techniques: tuple[str, ...] = ()


@dataclass(frozen=True)
class Names:
    exact: Mapping[str, Named]
    globs: tuple[tuple[re.Pattern[str], Named], ...]  # one for each group, in ORDER
    aliases: Mapping[str, str]  # a module's other spelling -> the tables' spelling
    core: frozenset[str]  # modules that stay themselves wherever a dotted name passes through them
    ordinary: frozenset[str]  # words between double underscores that honest names hold
    surveyed: frozenset[str]  # top-level packages whose harmless names are all in the tables

    def named(self, name: str) -> Named:
        """The class of a global as a stream spells it."""
        spelled = self._spelled(name)
        named = self._lookup(spelled)
        if named.cls == "dangerous":
            return named
        words = spelled.split(".")
        through = self._through_core(words)
        if through is not None:
            return through
        if named.cls == UNKNOWN and any(self._is_inside(word) for word in words):
            return Named("inside", "reaches into Python's own machinery")
        return named

    def _through_core(self, words: list[str]) -> Named | None:
        """What a dotted name that passes through a core module, or ends at one, really is."""
        for at, word in enumerate(words[1:], 1):
            if word in self.core:
                through = self._lookup(".".join(words[at:]))
                if through.cls == "dangerous":
                    return through
                if at == len(words) - 1:
                    return Named("dangerous", "hands out a whole module of Python's own")
        return None

    def is_surveyed(self, name: str) -> bool:
        return self._spelled(name).split(".", 1)[0] in self.surveyed

    def _spelled(self, name: str) -> str:
        module, dot, rest = name.partition(".")
        if module in self.aliases:
            name = f"{self.aliases[module]}{dot}{rest}"
        for spelling, ours in self.aliases.items():
            if "." in spelling and name.startswith(f"{spelling}."):
                return ours + name[len(spelling) :]
        return name

    def _lookup(self, name: str) -> Named:
        if name in self.exact:
            return self.exact[name]
        return next((named for pattern, named in self.globs if pattern.fullmatch(name)), Named(UNKNOWN))

    def _is_inside(self, word: str) -> bool:
        return len(word) > 4 and word.startswith("__") and word.endswith("__") and word not in self.ordinary


@lru_cache(maxsize=4096)
def glob(pattern: str) -> str:
    """A glob of dotted names as a regular expression."""
    parts = re.split(r"(\*\*|\*|\[A-Z\])", pattern)
    return "".join({"**": r".+", "*": r"[^.]*", "[A-Z]": "[A-Z]"}.get(part, re.escape(part)) for part in parts)


def parse_names(table: Mapping[str, Any]) -> Names:
    """The tables of globals.toml. Raises CallerError."""
    try:
        return _parse(table)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise messages.error("globals", why=f"{type(error).__name__}: {error}") from None


def _parse(table: Mapping[str, Any]) -> Names:
    unknown = table.keys() - {"group", "aliases", "core", "ordinary", "surveyed"}
    if unknown:
        raise ValueError(f"no such table: {', '.join(sorted(unknown))}")
    exact: dict[str, Named] = {}
    globs: list[tuple[re.Pattern[str], Named]] = []
    for group in sorted(table["group"], key=lambda group: ORDER.index(group["class"])):
        named = Named(group["class"], str(group.get("does", "")), tuple(group.get("techniques", ())))
        names = _words(group["names"])
        for name in names:
            if "*" not in name:
                exact.setdefault(name, named)
        patterns = [glob(name) for name in names if "*" in name]
        if patterns:
            globs.append((re.compile("|".join(patterns), re.DOTALL), named))
    return Names(
        exact,
        tuple(globs),
        {str(key): str(value) for key, value in table["aliases"].items()},
        frozenset(_words(table["core"])),
        frozenset(_words(table["ordinary"])),
        frozenset(_words(table["surveyed"])),
    )


def _words(value: object) -> list[str]:
    """A list of names; one text may hold several, apart by white space."""
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is not a list of names")
    return [word for text in value for word in text.split()]
