"""Files that a tool sends and writes: at most so much of each."""

from __future__ import annotations

from guest.tools.call import Call
from guest.tools.given import MOST


def content(call: Call, path: str, most: int = MOST) -> bytes:
    """Of the file, or of standard input for a dash. Raises OSError."""
    if path == "-":
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
