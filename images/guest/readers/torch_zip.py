"""Zip archives: torch's own since 1.6, and the others that begin alike.

Which record counts is torch's choice: the first of a name, upper and lower case alike. Where another reader would
see something else, that is an oddity, and the reading is incomplete.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from guest.readers import leftover, members, torch_beside, zip_directory
from guest.readers.constructors import KnownConstructors
from guest.readers.dtypes import U8
from guest.readers.errors import UnreadableError
from guest.readers.inert import Unresolved
from guest.readers.interface import Found
from guest.readers.known import NestedLoad, PersistentLoad
from guest.readers.pickle_file import note_behind
from guest.readers.pickles import Unpickler
from guest.readers.session import Bounds, Session, Where
from guest.readers.source import Source
from guest.readers.stream import Stream
from guest.readers.tensors import Storage
from guest.readers.torch_objects import storage_pid
from guest.readers.zip_directory import LOCAL_MAGIC, Entry

NAME = "torch-zip"
FAMILY = "zip"
_COMPRESSED = ".debug_pkl"  # where a line of TorchScript's code is from: torch compresses those
_PICKLED = (".pkl", _COMPRESSED)

_MOST_LEFT = 1 << 20  # bytes of what macOS leaves beside a file
_LEFT = 10_000  # of these that are looked at


class TorchZip:
    """The archive's directory, as torch looks records up in it."""

    def __init__(self, source: Source, entries: list[Entry], session: Session) -> None:
        self._source = source
        self._session = session
        self.root = entries[0].name.partition("/")[0]
        self.entries = entries
        self._by_name: dict[str, Entry] = {}
        for entry in entries:
            self._by_name.setdefault(zip_directory.fold(entry.name), entry)
        self._storages: dict[tuple[str, str], Storage] = {}
        self.big_endian = self._byteorder()

    def _byteorder(self) -> bool:
        entry = self.find("byteorder")
        if entry is None or entry.size > 16:
            return False
        return self.content(entry).at(0, entry.size) == b"big"

    def find(self, name: str) -> Entry | None:
        """The record that torch reads for `name`."""
        return self._by_name.get(zip_directory.fold(f"{self.root}/{name}"))

    def used(self) -> frozenset[str]:
        """The records of the storages that were asked for so far."""
        return frozenset(storage.record for storage in self._storages.values())

    def strangers(self, form: str) -> list[Entry]:
        """What isn't in the folder, and what torch.export goes by in the archive of another.

        Some of torch.export's have no folder: beside them is what Stable-Baselines3 runs.
        """
        if "/" not in self.entries[0].name:
            return [entry for entry in self.entries if entry.name == "data"]
        beside = [entry for entry in self.entries if not entry.name.startswith(f"{self.root}/")]
        exported = self.find(_ARCHIVE_FORMAT) if form != "torch-export" else None
        return [*beside, exported] if exported else beside

    def leftovers(self) -> frozenset[Entry]:
        """What whoever packed an archive by hand leaves in it: folders as such, and what macOS packs beside files."""
        folders = [entry for entry in self.entries if torch_beside.is_folder(entry)]
        hidden = (entry for entry in self.entries if entry.name.rpartition("/")[2].startswith("."))
        small = (entry for entry in islice(hidden, _LEFT) if entry.size < _MOST_LEFT)
        return frozenset([*folders, *filter(self._is_of_macos, small)])

    def _is_of_macos(self, entry: Entry) -> bool:
        try:
            return torch_beside.is_of_macos(zip_directory.content(self._source, entry, self._session, NAME))
        except UnreadableError:
            return False

    def is_text(self, entry: Entry) -> bool:
        """Whether somebody laid it beside the archive's folder for people to read."""
        try:
            return "/" not in entry.name and torch_beside.is_text(
                entry, zip_directory.content(self._source, entry, self._session, NAME)
            )
        except UnreadableError:
            return False

    def plain(self, entry: Entry) -> Source:
        """Its content, whatever torch makes of it."""
        return zip_directory.content(self._source, entry, self._session, NAME)

    def content(self, entry: Entry) -> Source:
        if entry.method == zip_directory.DEFLATED and not zip_directory.fold(entry.name).endswith(_COMPRESSED):
            self._session.oddity(NAME, "zip.deflated_record", "torch's mapped loading takes it as it is", entry.name)
        return zip_directory.content(self._source, entry, self._session, NAME)

    def storage(self, pid: object, where: Where, folder: str = "data") -> object:
        """What a persistent id stands for: one storage a key, as its first mention declares it."""
        session = self._session
        parts = storage_pid(pid, where, session)
        if parts is None:
            session.oddity(where.form, "pickle.persistent", "a persistent id of no storage", where.record, where.offset)
            session.incomplete("a persistent id that torch would refuse")
            return Unresolved(pid)
        dtype, key, location, numel, _ = parts
        nbytes = numel * dtype.itemsize
        known = self._storages.get((folder, key))
        if known is not None:
            if (known.dtype, known.nbytes) != (dtype, nbytes):
                session.oddity(
                    where.form, "storage.conflict", f"storage {key} is declared twice", where.record, where.offset
                )
                session.incomplete("one storage is declared with two types or sizes")
            return known
        why = "a meta tensor: it has no data" if location == "meta" else ""
        name = f"{folder}/{key}"
        found = Storage(key, dtype, nbytes, f"{self.root}/{name}", None, self.big_endian, why)
        self._storages[folder, key] = found
        self.place(found, name, where)
        return found

    def place(self, found: Storage, name: str, where: Where) -> None:
        """Find the record of a storage, and say what is wrong with it."""
        session = self._session
        entry = self.find(name)
        if found.why:
            return
        if entry is None:
            session.oddity(
                where.form, "zip.record_missing", f"no record for storage {found.key}", where.record, where.offset
            )
            session.incomplete("a storage without its record")
            return
        found.record = entry.name
        content = self.content(entry)
        found.source = content
        session.store(content, entry.name)
        if found.nbytes > content.length:
            session.oddity(where.form, "zip.record_short", f"{found.nbytes} bytes are declared", entry.name)
            session.incomplete("a storage is declared to be longer than its record")
        elif found.nbytes < content.length:
            session.oddity(where.form, "zip.record_long", f"only {found.nbytes} bytes are declared", entry.name)


# In this order; each looks at the records' names below the archive's first folder, and at their whole names.
_FLAVOURS: tuple[tuple[str, Callable[[set[str], set[str]], bool]], ...] = (
    ("torchscript", lambda under, _: "constants.pkl" in under or any(name.startswith("code/") for name in under)),
    ("torch-package", lambda under, _: ".data/extern_modules" in under),
    (
        "torch-export",
        lambda under, names: (
            any(zip_directory.fold(name) == _ARCHIVE_FORMAT for name in under)
            or _EXPORTED in under
            or _EXPORTED in names
        ),
    ),
    (NAME, lambda under, _: "data.pkl" in under or any(zip_directory.fold(name) == "data.pkl" for name in under)),
    ("stable-baselines3", lambda _, names: "data" in names),
    ("keras", lambda _, names: "model.weights.h5" in names),
    ("npz", lambda _, names: all(name.endswith(".npy") for name in names)),
    ("zip", lambda _, __: True),
)
_ARCHIVE_FORMAT = "archive_format"
_EXPORTED = "serialized_exported_program.json"


def flavour(entries: list[Entry]) -> str:
    """Which kind of archive it is, by its records' names; a key of `refused.ARCHIVES`, or NAME."""
    names = {entry.name for entry in entries}
    root = entries[0].name.partition("/")[0] + "/"
    under = {name.removeprefix(root) for name in names if name.startswith(root)}
    return next(kind for kind, has in _FLAVOURS if has(under, names))


@dataclass(frozen=True)
class Directory:
    """An archive's directory, parsed once: `notes` holds what was odd, `source` is what offsets count from."""

    source: Source
    entries: list[Entry]
    notes: Session
    asides: leftover.Asides

    def told(self, session: Session, form: str) -> None:
        """What was odd, and what lies between the records, for whoever reads it as `form`."""
        session.adopt(self.notes, form)
        self.asides.look(session, form)

    @classmethod
    def parse(cls, source: Source) -> Directory:
        """Raises UnreadableError."""
        notes, asides = Session(Bounds()), leftover.Asides()
        entries, shifted = zip_directory.parse(source, notes, NAME, asides)
        if not entries:
            raise UnreadableError("an archive without records")
        return cls(shifted, entries, notes, asides)


def recognise(source: Source, head: bytes) -> Directory | None:
    """An archive that begins the file, or ends it. Raises UnreadableError for one that begins it and is broken."""
    if head.startswith(LOCAL_MAGIC):
        return Directory.parse(source)
    try:
        return Directory.parse(source) if zip_directory.ends(source) else None
    except UnreadableError:
        return None


def amid(source: Source) -> Directory | None:
    """An archive with something before and behind it: Python's zipfile reads it, wherever it stands at the end."""
    try:
        return Directory.parse(source) if zip_directory.find_end(source) is not None else None
    except UnreadableError:
        return None


def read(source: Source, session: Session, nested: NestedLoad) -> object:
    """The model's object, of an archive that nobody has looked at yet."""
    return read_directory(Directory.parse(source), session, nested)


def read_directory(directory: Directory, session: Session, nested: NestedLoad) -> object:
    """The model's object. Every pickle of the archive is read for its globals, this one's twins included."""
    directory.told(session, NAME)
    archive = TorchZip(directory.source, directory.entries, session)
    main = archive.find("data.pkl")
    if main is None:
        raise UnreadableError("an archive without data.pkl")
    if main.name != f"{archive.root}/data.pkl":
        session.oddity(NAME, "zip.case", "torch takes it for data.pkl; others find no such record", main.name)
    root = unpickle(archive, main, session, archive.storage, nested, NAME)
    read_others(archive, (main,), session, nested, NAME)
    _read_beside(archive, session, nested)
    return root


def _read_beside(archive: TorchZip, session: Session, nested: NestedLoad) -> None:
    strangers = frozenset(archive.strangers(NAME))
    look_beside(archive, session, NAME)
    try:
        for entry in torch_beside.unknown(archive.root, archive.entries, archive.used()):
            session.count_member()
            torch_beside.read(entry, archive.content(entry), session, nested, NAME, told=entry in strangers)
    except UnreadableError as error:
        session.incomplete(str(error))


def look_beside(archive: TorchZip, session: Session, form: str) -> None:
    """At the records that torch reads without much of a look, and at those that it doesn't read."""
    leftovers, stored = archive.leftovers(), {found.record for found in session.stored}
    for entry in archive.entries:
        name = zip_directory.fold(entry.name)
        read = name.endswith((*_PICKLED, ".py")) and entry not in leftovers
        if torch_beside.is_folder(entry) or read or session.named(entry.name) in stored:
            continue
        try:
            if torch_beside.is_written(archive.root, entry):
                leftover.look(archive.plain(entry), leftover.MEMBER, session, form, entry.name)
            elif form != NAME or entry in leftovers:
                leftover.starts(archive.plain(entry), session, form, entry.name)
        except UnreadableError as error:
            session.incomplete(str(error))


def read_globals(directory: Directory, form: str, session: Session, nested: NestedLoad) -> None:
    """Only what the pickles of an archive use."""
    directory.told(session, form)
    archive = TorchZip(directory.source, directory.entries, session)
    read_others(archive, (), session, nested, form)
    look_beside(archive, session, form)


def found(directory: Directory) -> Found:
    """The row of a torch archive."""
    return Found(NAME, FAMILY, lambda _, session, nested: read_directory(directory, session, nested))


BROKEN = Found(NAME, FAMILY, read)  # it begins like an archive; reading it says what is wrong


def read_others(
    archive: TorchZip, done: tuple[Entry | None, ...], session: Session, nested: NestedLoad, form: str
) -> None:
    """The archive's other pickles, for the globals they use; and what lies where torch looks for nothing."""
    leftovers = archive.leftovers()
    for entry in archive.strangers(form):
        if entry in leftovers:
            continue
        if archive.is_text(entry):
            session.oddity(form, "zip.note", "a text for its readers", entry.name)
        else:
            session.oddity(form, "zip.stranger", f"no {form} archive holds this: it is for another program", entry.name)
    for entry in archive.entries:
        members.check_path(entry.name, form, session)
        if entry in done or entry in leftovers or not zip_directory.fold(entry.name).endswith(_PICKLED):
            continue
        try:
            unpickle(archive, entry, session, _no_storage, nested, form)
        except UnreadableError as error:
            session.incomplete(str(error))
            leftover.starts(archive.plain(entry), session, form, entry.name)


def _no_storage(*_: object) -> Storage:
    """For pickles that are read for their globals alone."""
    return Storage("", U8, 0, "")


def unpickle(
    archive: TorchZip, entry: Entry, session: Session, storages: PersistentLoad, nested: NestedLoad, form: str
) -> object:
    """The object of one record. Raises UnreadableError."""
    source = archive.content(entry)
    known = KnownConstructors(session, source.origin, storages, nested)
    unpickler = Unpickler(Stream(source, session), session, known, form, entry.name)
    root = unpickler.load()
    note_behind(unpickler, session)
    if source.length <= session.bounds.pickle_bytes and entry.crc:
        _check_crc(source, entry, session, form)
    return root


def _check_crc(source: Source, entry: Entry, session: Session, form: str) -> None:
    if not zip_directory.checked(entry, source.at(0, source.length)):
        session.oddity(form, "zip.crc", "its checksum is wrong; torch does not look", entry.name)
