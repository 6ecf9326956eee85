"""Options of command lines, as getopt reads them."""

from __future__ import annotations


def spelled(table: str) -> dict[str, str]:
    """Lines of `meaning: spelling spelling ...` -> spelling -> meaning."""
    lines = (line.partition(":") for line in table.strip().splitlines())
    return {spelling: meaning.strip() for meaning, _, spellings in lines for spelling in spellings.split()}


class Options:
    """Options by what they mean, in their order, and operands. `valued` and `flags`: spelling -> meaning.

    An option that is in neither is taken for a flag that means its own spelling.
    """

    def __init__(self, words: list[str], valued: dict[str, str], flags: dict[str, str], *, until: int = 0) -> None:
        self.given: list[tuple[str, str]] = []
        self.operands: list[str] = []
        self._valued, self._flags = valued, flags
        left = list(words)
        while left:
            word = left.pop(0)
            if word == "--" or (until and len(self.operands) == until):
                self.operands += left if word == "--" else [word, *left]
                break
            if word.startswith("--"):
                self._long(word, left)
            elif word.startswith("-") and word != "-":
                self._short(word, left)
            else:
                self.operands.append(word)

    def all(self, meaning: str) -> list[str]:
        """Every value of it."""
        return [value for name, value in self.given if name == meaning]

    def last(self, meaning: str, default: str = "") -> str:
        """Its last value."""
        return (self.all(meaning) or [default])[-1]

    def has(self, meaning: str) -> bool:
        return any(name == meaning for name, _ in self.given)

    def _long(self, word: str, left: list[str]) -> None:
        name, equals, value = word.partition("=")
        if name in self._valued:
            self.given.append((self._valued[name], value if equals or not left else left.pop(0)))
        else:
            self.given.append((self._flags.get(name, name), value))

    def _short(self, word: str, left: list[str]) -> None:
        if word in self._valued:  # some programs have long ones with one dash
            self.given.append((self._valued[word], left.pop(0) if left else ""))
            return
        for at in range(1, len(word)):
            name = f"-{word[at]}"
            if name in self._valued:
                value = word[at + 1 :] or (left.pop(0) if left else "")
                self.given.append((self._valued[name], value))
                return
            self.given.append((self._flags.get(name, name), ""))
