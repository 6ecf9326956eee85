"""Words for what the attacker named: programs by what runs, addresses by the name that was asked for. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from functools import partial
from posixpath import basename, dirname

from sandbox.report.neutral import MARK

# Folders of the jail that the load can't write, so that a name in them is what it says.
_SYSTEM = frozenset({"/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"})
_HOST = re.compile(r"(?=.*[a-zA-Z])[\w.-]{1,255}", re.ASCII)
_ARROW = re.compile(r"(?<=\s)->(?=\s)")
_NAMED, _NAME = 5, 100  # in one sentence; characters of each


def quoted(untrusted_text: str, most: int = 200) -> str:
    """As a shell would spell it, so that blanks and parentheses are seen to be its own; nothing stays nothing."""
    return shlex.quote(untrusted_text[:most]) if untrusted_text else ""


def without_arrows(untrusted_text: str) -> str:
    """The same text, drawing none of the arrows that we draw."""
    return _ARROW.sub(MARK, f" {untrusted_text} ")[1:-1]


def command(untrusted_path: str, untrusted_argv: str) -> str:
    """What a process runs: its arguments; what it calls itself is no more than said where that isn't what runs.

    `untrusted_argv` is spelled as for a shell, and may be cut.
    """
    path = untrusted_path
    if not path or not untrusted_argv:
        return untrusted_argv or quoted(path)
    name, rest = _first(untrusted_argv)
    if _honest(path, name):
        return untrusted_argv
    return f"{quoted(path)} (calls itself {shlex.quote(name[:64])}) {rest}".strip()


def _first(untrusted_argv: str) -> tuple[str, str]:
    """The first argument, and the text of the others."""
    lexer = shlex.shlex(untrusted_argv, posix=True)
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " ", True, ""
    try:
        name = lexer.get_token()
    except ValueError:  # cut inside of a quotation
        return untrusted_argv, ""
    return name or "", "".join(iter(partial(lexer.instream.read, 1), ""))


def _honest(path: str, name: str) -> bool:
    """Whether that is the path, or the name by which the shell finds such a program."""
    known = dirname(path) in _SYSTEM and dirname(name) in {"", *_SYSTEM}
    return name == path or (known and basename(name) == basename(path))


def place(detail: Mapping[str, str], *, named: bool) -> str:
    """Host and port of an event. `named`: its `name` is the host, too, that the address was given for."""
    host = detail.get("host", "") or (detail.get("name", "") if named else "")
    where = host if _HOST.fullmatch(host) else detail.get("address", "")
    return f"{where}:{detail['port']}" if where and "port" in detail else where


def some(untrusted_names: Sequence[str]) -> str:
    """The first ones of a list, and how many more there are."""
    shown = [name if len(name) <= _NAME else f"{name[: _NAME - 3]}..." for name in untrusted_names[:_NAMED]]
    more = len(untrusted_names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
