"""The scripts that were passed to interpreters as arguments: `sh -c`, `python -c`, `perl -e`. Pure; runs nothing."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sandbox.facts import Event

MOST = 500  # command lines that are taken apart: microseconds each, some milliseconds for the longest

_KINDS = frozenset({"process.exec", "process.start", "process.image"})
_SHELL = re.compile(r"(ba|da|z|k|a|c|tc)?sh")
_SHELL_FILES = frozenset({"--rcfile", "--init-file"})  # of bash, with a name behind each
# An interpreter's name, the option after which its script stands, and its options that take another word.
_OPTIONS: tuple[tuple[re.Pattern[str], re.Pattern[str], frozenset[str]], ...] = tuple(
    (re.compile(name), re.compile(option), frozenset(valued.split()))
    for name, option, valued in (
        (r"fish", r"-[a-zA-Z]*c|--command", "-C --init-command -d --debug -o --debug-output -f --features"),
        (r"(python|pypy)[\d.]*", r"-[a-zA-Z]*c", "-W -X --check-hash-based-pycs"),
        (r"(perl|ruby|lua)[\d.]*", r"-[a-zA-Z]*[eE]", "-I -r -l"),
        (r"node|nodejs|bun", r"-e|-p|-pe|--eval|--print", "-r --require --import --loader"),
        (r"php[\d.]*", r"-r", "-d -c"),
        (r"(pwsh|powershell)(\.exe)?", r"(?i:-c|-command|-e|-ec|-enc|-encodedcommand)", ""),
    )
)
_SPLIT = re.compile(r"(?:-[a-zA-Z0]*S|--split-string=)(.*)", re.DOTALL)  # of env: a command line in one word


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
    """Interpreter and script; the interpreter may stand behind `env`, `timeout 5`, `sudo -u x`, `busybox` and the like.

    What starts an interpreter has options of its own without end, so its name is looked for in every place.
    """
    words = _split(words)
    for place, word in enumerate(words):
        name, rest = word.rpartition("/")[2], words[place + 1 :]
        script = _of_shell(rest) if _SHELL.fullmatch(name) else _of_another(name, rest)
        if script is not None:
            yield name, script
            return


def _split(words: list[str]) -> list[str]:
    """With what `env -S` is given in the place of that."""
    for place, word in enumerate(words):
        if word.rpartition("/")[2] == "env":
            for at, option in enumerate(words[place + 1 :], place + 1):
                found = _SPLIT.fullmatch(option)
                if found:
                    inner, after = (found[1], at + 1) if found[1] else ("".join(words[at + 1 : at + 2]), at + 2)
                    return [*words[:at], *_words(inner)[0], *words[after:]]
                if not option.startswith("-"):
                    break
    return words


def _of_shell(words: list[str]) -> str | None:
    """The first word behind all options, where -c is among them."""
    left, commanded = iter(words), False
    for word in left:
        if word in ("-", "--"):
            return next(left, None) if commanded else None
        if not word.startswith(("-", "+")):
            return word if commanded else None
        if word in _SHELL_FILES:
            next(left, None)
        elif not word.startswith("--"):
            commanded = commanded or (word[0] == "-" and "c" in word)
            for _ in range(word.count("o") + word.count("O")):  # each has the name of an option behind it
                next(left, None)
    return None


def _of_another(name: str, words: list[str]) -> str | None:
    for program, option, valued in _OPTIONS:
        if program.fullmatch(name):
            return _after(words, option, valued)
    return None


def _after(words: list[str], option: re.Pattern[str], valued: frozenset[str]) -> str | None:
    left = iter(words)
    for word in left:
        if option.fullmatch(word):
            return next(left, None)
        if not word.startswith(("-", "+")):
            return None
        if word in valued:
            next(left, None)
    return None
