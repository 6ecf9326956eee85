"""A zip archive's central directory, strictly: everything in which two readers could differ is an oddity.

torch reads zip files with miniz, everyone else with something else. Known differences: which of two records of one
name counts, upper and lower case, local headers, sizes, flags, what lies before, between and behind the records.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from guest.readers import leftover, padding
from guest.readers.errors import BoundError, UnreadableError
from guest.readers.session import Session
from guest.readers.source import Memory, Source

MAX_ENTRIES = 1_100_000
LOCAL_MAGIC = b"PK\x03\x04"
STORED, DEFLATED = 0, 8

_END = struct.Struct("<4sHHHHIIH")
_END_MAGIC = b"PK\x05\x06"
_MAX_COMMENT = 65535
_LOCATOR = struct.Struct("<4sIQI")
_LOCATOR_MAGIC = b"PK\x06\x07"
_END64 = struct.Struct("<4sQHHIIQQQQ")
_END64_MAGIC = b"PK\x06\x06"
_ENTRY = struct.Struct("<4s6H3I5H2I")
_ENTRY_MAGIC = b"PK\x01\x02"
_LOCAL = struct.Struct("<4s5H3I2H")
_U64 = struct.Struct("<Q")
_UNICODE_PATH = 0x7075
_USUAL_EXTRA = 128  # torch pads with the extra field, to 64 bytes
_FULL32, _FULL16 = 0xFFFFFFFF, 0xFFFF
_ENCRYPTED, _DESCRIPTOR = 0x0001, 0x0008
_DESCRIPTOR_MAGIC = b"PK\x07\x08"
_DESCRIPTORS = frozenset({12, 16, 20, 24})  # bytes after a record's data: its CRC and sizes

Report = Callable[[str, str, str], None]  # id, detail, record


class Entry(NamedTuple):
    """One record, as the central directory has it. `start` is where its data begins."""

    name: str
    flags: int
    method: int
    crc: int
    compressed: int
    size: int
    header: int
    start: int

    @property
    def end(self) -> int:
        return self.start + self.compressed


@dataclass(frozen=True, slots=True)
class _End:
    entries: int
    size: int
    offset: int
    at: int  # where the records at the archive's end begin
    comment: int
    behind: int  # bytes behind the archive


def find_end(source: Source) -> int | None:
    """Where the end record stands: the last one, as every reader looks for it."""
    window = min(source.length, _END.size + _MAX_COMMENT)
    if window < _END.size:
        return None
    base = source.length - window
    found = source.at(base, window).rfind(_END_MAGIC, 0, window - _END.size + 4)
    return base + found if found >= 0 else None


def ends(source: Source) -> bool:
    """Whether an archive ends exactly where the source does."""
    at = find_end(source)
    return at is not None and at + _END.size + _END.unpack(source.at(at, _END.size))[-1] == source.length


def parse(source: Source, session: Session, form: str, asides: leftover.Asides) -> tuple[list[Entry], Source]:
    """All records in the directory's order, and the source that their offsets count from. Raises UnreadableError.

    `asides` gets what is no record's content.
    """

    def report(ident: str, detail: str, record: str = "") -> None:
        session.oddity(form, ident, detail, record)

    try:
        end = _end(source, report, asides)
        source, end = _moved(source, end, session, report, asides)
        if end.entries > MAX_ENTRIES:
            raise BoundError(f"an archive of {end.entries} records")
        entries = _entries(source, end, report, asides)
        _check_names(entries, session, report)
        _check_layout(source, entries, end, session, report, asides)
    except (struct.error, UnicodeDecodeError) as error:
        raise UnreadableError(f"the archive's directory: {error}") from None
    return entries, source


def _moved(source: Source, end: _End, session: Session, report: Report, asides: leftover.Asides) -> tuple[Source, _End]:
    """An archive behind something else: torch's reader takes offsets as they are, others from where it begins."""
    shift = end.at - end.offset - end.size
    if shift <= 0 or source.at(end.offset, 4) == _ENTRY_MAGIC:
        return source, end
    report("zip.prefix_data", f"{shift} bytes before the archive", "")
    asides.add(leftover.GAP, source.part(0, shift))
    session.incomplete("the archive begins inside of the file: readers differ in whether they read it")
    return source.part(shift, source.length - shift), replace(end, at=end.at - shift)


def _end(source: Source, report: Report, asides: leftover.Asides) -> _End:
    at = find_end(source)
    if at is None:
        raise UnreadableError("an archive without its end record")
    _, disk, start, here, total, size, offset, comment = _END.unpack(source.at(at, _END.size))
    if disk or start or here != total:
        report("zip.disks", "an archive of several disks", "")
    behind = source.length - at - _END.size - comment
    if comment:
        text = source.part(at + _END.size, min(comment, source.length - at - _END.size))
        _note_comment(text.at(0, text.length), report)
        asides.add(leftover.COMMENT, text)
    if behind > 0 and padding.is_padding(source, source.length - behind):
        report("trailing.padding", f"{behind} bytes of padding behind it", "")
    elif behind:
        report("zip.trailing", f"{behind} bytes behind the archive", "")
        asides.add(leftover.BEHIND, source.part(source.length - max(behind, 0), max(behind, 0)))
    found = _End(total, size, offset, at, comment, behind)
    return _end64(source, found, report)


def _note_comment(text: bytes, report: Report) -> None:
    """Readers look for the end record from the back, and not all of them ask whether its comment ends with the file."""
    if any(magic in text for magic in (LOCAL_MAGIC, _ENTRY_MAGIC, _END_MAGIC, _END64_MAGIC, _LOCATOR_MAGIC)):
        report("zip.comment_records", f"a comment of {len(text)} bytes that holds an archive's records", "")
    else:
        report("zip.comment", f"a comment of {len(text)} bytes", "")


def _end64(source: Source, end: _End, report: Report) -> _End:
    at = end.at - _LOCATOR.size
    if at < 0:
        return end
    magic, _, where, _ = _LOCATOR.unpack(source.at(at, _LOCATOR.size))
    if magic != _LOCATOR_MAGIC:
        return end
    if where != at - _END64.size:
        report("zip.zip64", "the 64-bit end record is not where every reader looks for it", "")
        # torch's reader goes where it is told, others to the place right before.
        there = where + _END64.size <= source.length and source.at(where, 4) == _END64_MAGIC
        where = where if there else at - _END64.size
    magic, _, _, _, _, _, _, total, size, offset = _END64.unpack(source.at(where, _END64.size))
    if magic != _END64_MAGIC:
        raise UnreadableError("an archive whose 64-bit end record is missing")
    narrow = ((end.entries, total, _FULL16), (end.size, size, _FULL32), (end.offset, offset, _FULL32))
    if any(short not in (long, full) for short, long, full in narrow):
        report("zip.zip64", "the two end records disagree", "")
    return _End(total, size, offset, where, end.comment, end.behind)


def _entries(source: Source, end: _End, report: Report, asides: leftover.Asides) -> list[Entry]:
    if end.offset + end.size != end.at:
        report("zip.directory", "the directory does not end where the end record begins", "")
        between = end.at - end.offset - end.size
        if between > 0:
            asides.add(leftover.GAP, source.part(end.offset + end.size, between))
    data = source.at(end.offset, end.size)
    entries = []
    at = 0
    for _ in range(end.entries):
        if len(data) - at < _ENTRY.size:
            raise UnreadableError("an archive whose directory is too short")
        values = _ENTRY.unpack_from(data, at)
        if values[0] != _ENTRY_MAGIC:
            raise UnreadableError("an archive whose directory is not one")
        begin = at + _ENTRY.size
        at = begin + sum(values[10:13])  # the lengths of name, extra field and comment
        if at > len(data):
            raise UnreadableError("an archive whose directory is too short")
        body = data[begin:at]
        entries.append(_entry(source, values, body, report, asides))
        if leftover.is_of_note(body[values[10] :]):
            name = entries[-1].name
            extra, comment = begin + values[10], begin + values[10] + values[11]
            asides.add(leftover.EXTRA, source.part(end.offset + extra, values[11]), name)
            asides.add(leftover.COMMENT, source.part(end.offset + comment, values[12]), name)
    if at != len(data):
        report("zip.directory", f"{len(data) - at} bytes in the directory behind its last record", "")
        asides.add(leftover.GAP, source.part(end.offset + at, len(data) - at))
    return entries


def _entry(source: Source, values: tuple[int, ...], body: bytes, report: Report, asides: leftover.Asides) -> Entry:
    flags, method, crc, compressed, size = values[3], values[4], values[7], values[8], values[9]
    name_length, extra_length, comment_length = values[10:13]
    raw = body[:name_length]
    name = raw.decode("utf-8", "surrogateescape")
    extra = body[name_length : name_length + extra_length]
    other = _other_name(extra, raw) if extra else None
    if other is not None:
        report("zip.name", f"a second name, {other[:256]!a}, which some readers take", name)
    if comment_length:
        report("zip.comment", f"a record with a comment of {comment_length} bytes", name)
    if b"\0" in raw:
        report("zip.name", "a name with a zero byte, where some readers end it", name)
    size, compressed, header = _widened(extra, size, compressed, values[16])
    if method == STORED and size != compressed:
        report("zip.stored_size", f"{compressed} bytes that are stored as they are, and called {size}", name)
    if values[13] not in (0, _FULL16):
        report("zip.disks", "a record of another disk", name)
    entry = Entry(name, flags, method, crc, compressed, size, header, 0)
    return Entry(*entry[:-1], _check_local(source, raw, entry, report, asides))


def _widened(extra: bytes, *values: int) -> list[int]:
    """Sizes and offset of a header, each as the zip64 field has it where its own place is full."""
    if _FULL32 not in values:
        return list(values)
    wide = iter(_wide(extra))
    return [next(wide, value) if value == _FULL32 else value for value in values]


def _wide(extra: bytes) -> list[int]:
    """The 64-bit values of the zip64 extra field."""
    at = 0
    while at + 4 <= len(extra):
        ident, length = struct.unpack_from("<HH", extra, at)
        field = extra[at + 4 : at + 4 + length]
        if ident == 1:
            return [_U64.unpack_from(field, place)[0] for place in range(0, len(field) - 7, 8)]
        at += 4 + length
    return []


def _other_name(extra: bytes, raw: bytes) -> bytes | None:
    """The name in the field for names in UTF-8, where the first isn't in an alphabet that needs one."""
    at = 0
    while at + 4 <= len(extra):
        ident, length = struct.unpack_from("<HH", extra, at)
        name = extra[at + 9 : at + 4 + length]  # behind a version and a checksum
        if ident == _UNICODE_PATH and raw.isascii() and name != raw:
            return name
        at += 4 + length
    return None


def _check_local(source: Source, raw: bytes, entry: Entry, report: Report, asides: leftover.Asides) -> int:
    """Where the data begins: only the local header knows. What else it says must agree with the directory."""
    header = entry.header
    ahead = source.at(header, min(_LOCAL.size + len(raw) + _USUAL_EXTRA, source.length - header))
    magic, _, flags, method, _, _, crc, compressed, size, name_length, extra_length = _LOCAL.unpack_from(ahead)
    if magic != LOCAL_MAGIC:
        raise UnreadableError(f"the record {entry.name[:256]!a} has no header")
    local = ahead[_LOCAL.size : _LOCAL.size + name_length + extra_length]
    if len(local) < name_length + extra_length:
        local = source.at(header + _LOCAL.size, name_length + extra_length)
    if local[:name_length] != raw:
        report("zip.local_name", f"its own header calls it {local[:name_length][:256]!a}", entry.name)
    if (flags | entry.flags) & _ENCRYPTED:
        report("zip.encrypted_flag", "it is marked as encrypted", entry.name)
    if method != entry.method:
        report("zip.local_method", f"its own header says method {method}, the directory {entry.method}", entry.name)
    if leftover.is_of_note(local[name_length:]):
        asides.add(leftover.EXTRA, source.part(header + _LOCAL.size + name_length, extra_length), entry.name)
    size, compressed = _widened(local[name_length:], size, compressed)
    said = (crc, compressed, size)
    if said != (entry.crc, entry.compressed, entry.size) and not (flags & _DESCRIPTOR and said[1:] == (0, 0)):
        report("zip.local_size", "its own header has another size or checksum than the directory", entry.name)
    start = header + _LOCAL.size + name_length + extra_length
    if start + entry.compressed > source.length:
        raise UnreadableError(f"the record {entry.name[:256]!a} reaches beyond the file")
    return int(start)


def _check_names(entries: list[Entry], session: Session, report: Report) -> None:
    exact: set[str] = set()
    folded: set[str] = set()
    for entry in entries:
        lower = fold(entry.name)
        if entry.name in exact:
            report("zip.duplicate", "two records of this name", entry.name)
        elif lower in folded:
            report("zip.case_collision", "two records whose names differ by case", entry.name)
        else:
            exact.add(entry.name)
            folded.add(lower)
            continue
        session.incomplete("two records of the archive have one name: readers differ in which one counts")


def fold(name: str) -> str:
    """As miniz compares names: A to Z without case."""
    return name.lower() if name.isascii() else name.translate(_FOLD)


_FOLD = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def _check_layout(
    source: Source, entries: list[Entry], end: _End, session: Session, report: Report, asides: leftover.Asides
) -> None:
    """Records follow each other; between them is at most a data descriptor."""
    at = 0
    last: Entry | None = None
    for entry in sorted(entries, key=lambda entry: entry.header):
        gap = entry.header - at
        belongs = _is_descriptor(source, at, gap, last)
        if gap > 0 and not belongs:
            asides.add(leftover.GAP, source.part(at, gap), entry.name)
        if gap < 0:
            report("zip.overlap", "it lies inside of another record", entry.name)
            session.incomplete("records of the archive overlap")
        elif at == 0 and gap:
            report("zip.prefix_data", f"{gap} bytes before the first record", "")
        elif not belongs:
            report("zip.gap", f"{gap} bytes before it belong to no record", entry.name)
        at, last = max(at, entry.end), entry
    if at > end.offset:
        report("zip.overlap", "the last record lies inside of the directory", "")
        session.incomplete("records of the archive overlap")
    elif not _is_descriptor(source, at, end.offset - at, last):
        report("zip.gap", f"{end.offset - at} bytes before the directory belong to no record", "")
        asides.add(leftover.GAP, source.part(at, end.offset - at))


def _is_descriptor(source: Source, at: int, length: int, entry: Entry | None) -> bool:
    """Whether these bytes are nothing, or say again what the directory says of the record before them."""
    if length not in _DESCRIPTORS or entry is None:
        return length == 0
    data = source.at(at, length)
    if length in (16, 24) and data.startswith(_DESCRIPTOR_MAGIC):
        data = data[4:]
    said = struct.unpack("<III" if len(data) == 12 else "<IQQ", data) if len(data) in (12, 20) else ()
    return said == (entry.crc, entry.compressed, entry.size)


def content(source: Source, entry: Entry, session: Session, form: str) -> Source:
    """A record's bytes: where they lie if they are stored, in memory if they had to be inflated.

    Raises UnreadableError; BoundError for what would be more than the bounds allow.
    """
    place = source.part(entry.start, entry.compressed)
    if entry.method == STORED:
        return place
    if entry.method != DEFLATED:
        raise UnreadableError(f"the record {entry.name[:256]!a} is compressed by method {entry.method}")
    if session.is_bomb(entry.size, entry.compressed):
        detail = f"{entry.compressed} bytes inflate to {entry.size}"
        session.oddity(form, "compressed.bomb", detail, entry.name)
    session.spend_inflated(entry.size, entry.size, entry.compressed)  # before: no more than that is made
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = inflater.decompress(place.at(0, place.length), entry.size + 1)
    except zlib.error as error:
        raise UnreadableError(f"the record {entry.name[:256]!a}: {error}") from None
    unused = len(inflater.unused_data)
    if unused:
        session.oddity(form, "zip.hidden", f"{unused} bytes behind the end of the compressed data", entry.name)
        behind = place.part(place.length - unused, unused)
        leftover.look(behind, leftover.GAP, session, form, entry.name)
    if len(data) != entry.size:
        raise UnreadableError(f"the record {entry.name[:256]!a} inflates to another size than the directory says")
    return Memory(memoryview(data), place.origin)


def checked(entry: Entry, data: bytes) -> bool:
    """Whether a record's checksum is right; 0 is how a writer says that it made none."""
    return entry.crc in (0, zlib.crc32(data))
