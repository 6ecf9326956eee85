"""What else is in a torch archive: records that torch.save doesn't write, and storages that nothing refers to.

torch.load doesn't look at them, and whatever a payload needs later may lie there. So each is read for what it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from guest.readers import leftover
from guest.readers.errors import UnreadableError
from guest.readers.known import NestedLoad
from guest.readers.parts import File
from guest.readers.session import Session
from guest.readers.source import Source
from guest.readers.zip_directory import Entry, fold

_WRITTEN = frozenset({"data.pkl", "byteorder", "version", ".format_version", ".storage_alignment"})
_OF_TORCH = (".data/",)
# Programs, by their first bytes or their name's end.
_RUNS = (b"\x7fELF", b"MZ", b"#!", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"\xfe\xed\xfa\xcf")
_RUN = frozenset({".py", ".pyc", ".so", ".dll", ".dylib", ".exe", ".sh", ".bat", ".ps1", ".jar"})
# What macOS packs with a folder: a file's attributes (AppleDouble), a window's.
_OF_MACOS = (b"\x00\x05\x16\x07", b"\x00\x00\x00\x01Bud1")


# What is laid beside weights for people to read: a note, a licence, a configuration. No loader goes by these names.
_TEXTS = frozenset({"readme", "license", "licence", "notice", "authors", "citation", "changelog", "version.txt"})
_TEXT = frozenset({".md", ".rst", ".txt", ".json"})
_MOST_TEXT = 1 << 20  # bytes
_NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1f]")


def is_text(entry: Entry, content: Source) -> bool:
    """Whether it is plain text by its name and by its content."""
    name = PurePosixPath(fold(entry.name))
    if (name.suffix not in _TEXT and name.name not in _TEXTS) or content.length > _MOST_TEXT:
        return False
    try:
        return _NO_TEXT.search(content.at(0, content.length).decode()) is None
    except UnicodeDecodeError:
        return False


def is_of_macos(source: Source) -> bool:
    """Whether it is no more than what macOS leaves beside files."""
    return source.at(0, min(source.length, 8)).startswith(_OF_MACOS)


def is_folder(entry: Entry) -> bool:
    return entry.name.endswith("/") and not entry.size


def is_written(root: str, entry: Entry) -> bool:
    """One of torch's own but for the pickle and the storages: a few words."""
    name = fold(entry.name).removeprefix(f"{fold(root)}/")
    return (name in _WRITTEN and name != "data.pkl") or name.startswith(_OF_TORCH)


def unknown(root: str, entries: Iterable[Entry], used: frozenset[str]) -> Iterable[Entry]:
    """Those that torch.save would not have written. `used`: the storages' records."""
    for entry in entries:
        name = fold(entry.name).removeprefix(f"{fold(root)}/")
        if is_folder(entry) or name in _WRITTEN or name.startswith(_OF_TORCH) or entry.name in used:
            continue
        yield entry


def read(entry: Entry, content: Source, session: Session, nested: NestedLoad, form: str, *, told: bool) -> None:
    """Read it for what it is, and say what that is. `told`: that it is there has been said."""
    if is_of_macos(content):
        session.oddity(form, "zip.note", "what macOS packs beside a file", entry.name)
        return
    runs = content.at(0, min(content.length, 4)).startswith(_RUNS) or PurePosixPath(fold(entry.name)).suffix in _RUN
    try:
        holds = not isinstance(nested.member(content, entry.name), File)
    except UnreadableError as error:
        session.incomplete(str(error))
        holds = True
    if not is_text(entry, content):
        leftover.starts(content, session, form, entry.name)
    if runs:
        session.oddity(form, "zip.program", "a program among the weights, by its beginning or its name", entry.name)
    elif holds:
        session.oddity(form, "zip.extra", "a model of its own, which torch doesn't read", entry.name)
    elif not told:
        session.oddity(form, "zip.note", "a record that nothing in data.pkl refers to", entry.name)
