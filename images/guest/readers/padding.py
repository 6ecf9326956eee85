"""What writers of text and of blocks leave behind the end of a file: zeros, blanks, ends of lines. Nothing is in it."""

from __future__ import annotations

from guest.readers.session import Session
from guest.readers.source import Source

_PADDING = b"\0 \t\r\n\x1a"  # the last is how DOS ends a text
MOST = 1 << 20  # bytes; tapes pad to less


def is_padding(source: Source, at: int) -> bool:
    """Whether from here on there is nothing else. More than anyone writes is not looked through."""
    left = source.length - at
    if left > MOST or source.at(at, 1) not in _PADDING:  # one byte first: this is asked behind each of many
        return False
    return not source.at(at, left).strip(_PADDING)


def note(source: Source, at: int, form: str, session: Session, record: str = "") -> bool:
    """Say what lies from here to the end if that is padding, and whether it is."""
    if at >= source.length or not is_padding(source, at):
        return False
    session.oddity(form, "trailing.padding", f"{source.length - at} bytes of padding behind it", record, at)
    return True
