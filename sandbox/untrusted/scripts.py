"""The scripts that were passed to interpreters as arguments: `sh -c`, `python -c`, `perl -e`. Pure; runs nothing."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from sandbox.facts import Event

MOST = 500  # command lines that are taken apart: microseconds each, some milliseconds for the longest

_KINDS = frozenset({"process.exec", "process.start", "process.image"})
# An interpreter's name, and the option after which its script stands.
_OPTIONS: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = tuple(
    (re.compile(name), re.compile(option))
    for name, option in (
        (r"(ba|da|z|k|a|fi|c|tc)?sh", r"-[a-zA-Z]*c"),
        (r"(python|pypy)[\d.]*", r"-[a-zA-Z]*c"),
        (r"(perl|ruby|lua)[\d.]*", r"-[a-zA-Z]*[eE]"),
        (r"node|nodejs|bun", r"-e|-p|-pe|--eval|--print"),
        (r"php[\d.]*", r"-r"),
        (r"(pwsh|powershell)(\.exe)?", r"(?i:-c|-command|-e|-ec|-enc|-encodedcommand)"),
    )
)


@dataclass(frozen=True)
class Script:
    """One script, the attacker's text. `cut`: the command line was longer than what the watch keeps."""

    event: int
    pid: int
    program: str
    text: str
    cut: bool


def scripts(events: Iterable[Event]) -> tuple[Script, ...]:
    """Each script once, in the order in which they were run."""
    found: dict[str, Script] = {}
    looked: set[str] = set()
    for event in events:
        argv = event.detail.get("argv", "")
        if event.kind not in _KINDS or argv in looked or len(looked) >= MOST:
            continue
        looked.add(argv)
        words, cut = _words(argv)
        for program, text in _passed(words):
            found.setdefault(text, Script(event.id, event.pid, program, text, cut))
    return tuple(found.values())


def _words(untrusted_argv: str) -> tuple[list[str], bool]:
    """The arguments, and whether the last one has no end."""
    for end, cut in (("", False), ("'", True)):
        try:
            return shlex.split(untrusted_argv + end), cut
        except ValueError:
            continue
    return [], True


def _passed(words: list[str]) -> Iterator[tuple[str, str]]:
    """Interpreter and script; the interpreter may stand behind `env`, `timeout 5`, `busybox` and the like."""
    for place, word in enumerate(words):
        name = word.rpartition("/")[2]
        option = next((option for program, option in _OPTIONS if program.fullmatch(name)), None)
        script = _after(words[place + 1 :], option) if option else None
        if script is not None:
            yield name, script
            return


def _after(words: list[str], option: re.Pattern[str]) -> str | None:
    for word, following in pairwise(words):
        if option.fullmatch(word):
            return following
        if not word.startswith(("-", "+")):
            return None
    return None
