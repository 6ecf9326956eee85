"""Files that a tool sends and writes: at most so much of each."""

from __future__ import annotations

import os

from guest.tools.call import Call
from guest.tools.given import MOST, STDIN

SENT = 32 << 10  # bytes of each file that an upload shows
_FILES = 8


def content(call: Call, path: str, most: int = MOST) -> bytes:
    """Of the file, or of standard input for a dash, which has been read by now. Raises OSError."""
    if path in ("-", STDIN):
        return call.given[:most]
    with open(path, "rb") as file:
        return file.read(most)


def write(path: str, data: bytes) -> None:
    """A new file, or a new content. Raises OSError."""
    with open(path, "wb") as file:
        file.write(data)


def named(path: str) -> str:
    """The last part of a path."""
    return path.rstrip("/").rpartition("/")[2]


def text(call: Call, path: str) -> str:
    """The beginning of a file in the user's home; nothing where there is none."""
    try:
        return content(call, call.home(path), SENT).decode("utf-8", "surrogateescape")
    except OSError:
        return ""


def inside(paths: list[str]) -> list[str]:
    """The regular files that the paths name or hold, a few; standard input stays."""
    found = []
    for path in paths:
        held = [f"{folder}/{name}" for folder, _, names in os.walk(path) for name in sorted(names)]
        found += held if os.path.isdir(path) else [path]
    return [path for path in found if path in ("-", STDIN) or os.path.isfile(path)][:_FILES]
