"""What a planted tool says that it was given. It ran on hostile ground: the word is a hint, read strictly."""

from __future__ import annotations

import base64
import binascii
import shlex
from typing import TypeGuard

from sandbox.facts import Talk, Word
from sandbox.untrusted import wire

ADDRESS, PORT = wire.TOOLS_TELL
MOST_OBJECTS = 8
MOST_WORDS = 1024  # arguments, and variables
LONG = 200
SHORT = 80
_KEYS = {"tool", "argv", "environment", "stdin"}


def is_one(address: str, port: int) -> bool:
    return (address, port) == (ADDRESS, PORT)


def talk(untrusted_bytes: bytes) -> Talk:
    """The word as a talk; `word` is None when it can't be read."""
    word = _word(untrusted_bytes)
    if word is None:
        asked = "says something in a planted tool's name that can't be read"
        return Talk("tool", asked, "", asked)
    given = shlex.join(word.argv)
    begins = word.stdin[:LONG].decode("utf-8", "backslashreplace")[:LONG]
    stdin = f", with {len(word.stdin)} byte{'' if len(word.stdin) == 1 else 's'} of input" if word.stdin else ""
    asked = f"the planted {word.tool[:SHORT]} is given `{given[:LONG]}`{stdin}"
    summary = asked + (f": {begins[:SHORT]!r}" if begins else "")
    return Talk("tool", asked, "", summary, name=word.tool, body=len(word.stdin), text=begins, word=word)


def _word(untrusted_bytes: bytes) -> Word | None:
    try:
        untrusted = wire.parse_json(untrusted_bytes, MOST_OBJECTS)
    except wire.WireError:
        return None
    if not isinstance(untrusted, dict) or untrusted.keys() != _KEYS:
        return None
    tool, argv, environment = untrusted["tool"], untrusted["argv"], untrusted["environment"]
    stdin = _decoded(untrusted["stdin"])
    sound = isinstance(tool, str) and len(tool) <= LONG and _are_texts(argv) and _is_environment(environment)
    if not sound or stdin is None:
        return None
    return Word(tool, tuple(argv), tuple(environment.items()), stdin)


def _are_texts(untrusted: object) -> TypeGuard[list[str]]:
    return isinstance(untrusted, list) and len(untrusted) <= MOST_WORDS and all(isinstance(x, str) for x in untrusted)


def _is_environment(untrusted: object) -> TypeGuard[dict[str, str]]:
    return isinstance(untrusted, dict) and _are_texts(list(untrusted.values()))


def _decoded(untrusted: object) -> bytes | None:
    if not isinstance(untrusted, str) or not untrusted.isascii():
        return None
    try:
        return base64.b64decode(untrusted, validate=True)
    except binascii.Error:
        return None
