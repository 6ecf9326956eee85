"""tar archives: their headers through the standard library, their members where they lie. Nothing is unpacked."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import PurePosixPath

from guest.readers import leftover, members
from guest.readers.errors import UnreadableError
from guest.readers.interface import Found
from guest.readers.known import NestedLoad
from guest.readers.session import Bounds, Session
from guest.readers.source import Source
from guest.readers.texts import Place

NAME = "tar"
FIRST = 16  # members whose names tell what the archive is
BLOCK = tarfile.BLOCKSIZE
_MOST_HEADER = 1 << 16  # bytes of one header with its long names
_MOST_PADDING = 1 << 20  # zeros behind the last member; tar pads to 10 KiB, tapes to more

# What a hostile header makes the standard library raise.
_BROKEN = (tarfile.TarError, ValueError, ArithmeticError, LookupError, EOFError, RecursionError, TypeError)


class _Headers(io.RawIOBase):
    """The archive as a file, of which headers are read and nothing else."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MOST_HEADER:
            raise UnreadableError("a tar header of an impossible size")
        data = self._source.at(self._at, max(min(size, self._source.length - self._at), 0))
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET or offset < 0:
            raise UnreadableError("a tar header at an impossible place")
        self._at = offset
        return offset

    def tell(self) -> int:
        return self._at


def is_tar(head: bytes) -> bool:
    """As tarfile takes it: the header's checksum is right, however it is spelled, bytes signed or not."""
    block = head[:BLOCK]
    if len(block) < BLOCK:
        return False
    try:
        said = tarfile.nti(block[148:156])  # type: ignore[attr-defined]
    except tarfile.TarError:
        return False
    return said in tarfile.calc_chksums(block)  # type: ignore[attr-defined]


def first_names(source: Source) -> set[str]:
    """Of its first members, as far as they can be read."""
    names: set[str] = set()
    try:
        for header in islice(_headers(source, Session(Bounds())), FIRST):
            names.add(member_path(header.name))
    except UnreadableError:
        pass
    return names


def member_path(name: str) -> str:
    """As it is told: tar made of a folder writes ./ before each."""
    while name.startswith("./"):
        name = name[2:]
    return name


def read(source: Source, session: Session, nested: NestedLoad) -> object:
    """Its members. Raises UnreadableError."""

    def behind(at: int) -> None:
        nested.behind(source.part(at, source.length - at), NAME)

    return members.read(files(source, session, NAME, behind), NAME, session, nested)


FOUND = Found(NAME, NAME, read)


def _unheard(_: int) -> None:
    """Nobody asks where bytes begin that are no archive's."""


def files(
    source: Source, session: Session, form: str, behind: Callable[[int], None] = _unheard
) -> Iterator[tuple[str, Source]]:
    """Every regular member, where it lies. What else there is gets told, never followed. Raises UnreadableError.

    `behind` is told where bytes begin that belong to no archive.
    """
    for header in _headers(source, session, form, behind):
        name = member_path(header.name)
        if header.issparse():
            session.incomplete(f"{name[:256]}: a sparse member of the archive")
        elif header.isreg():
            yield name, source.part(header.offset_data, header.size)
        elif not header.isdir():
            session.count_member()
            _note(header, name, form, session)


def _headers(
    source: Source, session: Session, form: str = NAME, behind: Callable[[int], None] = _unheard
) -> Iterator[tarfile.TarInfo]:
    try:
        archive = tarfile.open(fileobj=_Headers(source), mode="r:")  # noqa: SIM115 - nothing is opened
        at, before = -1, 0
        while (header := archive.next()) is not None:
            if header.size < 0 or header.offset <= at:
                raise UnreadableError("a tar header that leads back")
            at = header.offset
            _look_between(source, before, header.offset_data, form, session)
            before = header.offset_data + (header.size if header.isreg() and not header.issparse() else 0)
            yield header
        end = archive.offset
        _look_between(source, before, end, form, session)
    except _BROKEN as error:
        raise UnreadableError(f"the tar archive: {str(error) or type(error).__name__}") from None
    if _is_followed(source, end, form, session):
        behind(end)


def _look_between(source: Source, start: int, stop: int, form: str, session: Session) -> None:
    """At what fills a member's last block, and at the headers of the next."""
    stop = min(stop, source.length)
    filled = min(-start % BLOCK, stop - start)
    if filled > 0 and (padding := source.at(start, filled)).strip(b"\0"):
        session.oddity(form, "tar.filled", f"{len(padding)} bytes behind a member's end", offset=start)
        leftover.look(source.part(start, filled), leftover.PADDING, session, form, offset=start)
    start += max(filled, 0)
    if start < stop:
        place = Place(form, session.named(""), start, session.file)
        leftover.look_through(source.part(start, stop - start), leftover.HEADER, leftover.STARTS, session, place)


def _is_followed(source: Source, end: int, form: str, session: Session) -> bool:
    """An archive ends with blocks of zeros; one that was cut off between members lacks them."""
    left = source.length - end
    if left < BLOCK:
        session.incomplete("the tar archive ends without its end mark: it may have been cut off")
    elif left > _MOST_PADDING or source.at(end, left).strip(b"\0"):
        session.oddity(form, "tar.trailing", f"{left} bytes behind the archive's last member", offset=end)
        session.incomplete("bytes behind the end of the tar archive: programs differ in whether they read on")
        return True
    return False


def _note(header: tarfile.TarInfo, name: str, form: str, session: Session) -> None:
    if not (header.issym() or header.islnk()):
        session.oddity(form, "archive.device", "no file: a device, a pipe or something unheard of", name)
        return
    base = PurePosixPath(name).parent if header.issym() else PurePosixPath()
    if _leads_out(base / header.linkname):
        session.oddity(form, "archive.path", f"a link out of the archive, to {header.linkname[:256]!a}", name)
    else:
        session.oddity(form, "archive.link", f"{name[:256]!a} to {header.linkname[:256]!a}", name)
        session.unread.setdefault(name, "a link, which is not followed")


def _leads_out(path: PurePosixPath) -> bool:
    depth = 0
    for part in path.parts:
        depth += -1 if part == ".." else 1
        if depth < 0 or part == "/":
            return True
    return False
