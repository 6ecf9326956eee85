"""One start of a tool: what it was asked, and the ways in which it answers."""

from __future__ import annotations

import os


class Call:
    """`arguments` without the name; `given`: what was piped in, as far as it has been read."""

    def __init__(self, name: str, arguments: list[str], environment: dict[str, str], given: bytes) -> None:
        self.name = name
        self.arguments = arguments
        self.environment = environment
        self.given = given

    def say(self, words: str | bytes) -> None:
        """To standard output; a reader that has gone is no reason to stop."""
        _write(1, words)

    def complain(self, words: str) -> None:
        """A line to standard error."""
        _write(2, f"{words}\n")

    def home(self, path: str) -> str:
        """A path in the user's home."""
        return f"{self.environment.get('HOME', '')}/{path}"


def _write(descriptor: int, words: str | bytes) -> None:
    left = words.encode("utf-8", "surrogateescape") if isinstance(words, str) else words
    try:
        while left:
            left = left[os.write(descriptor, left) :]
    except OSError:
        pass
