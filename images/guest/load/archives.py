"""Archives, as a user loads them: each member by the loader of what it is. Nothing is unpacked to a disk."""

from __future__ import annotations

import contextlib
import io
import tarfile
import zipfile
from collections.abc import Container
from typing import Any

from guest.load import members, unpickler
from guest.load.members import LoadAs
from guest.load.place import Place
from guest.naming import Members
from guest.readers.errors import UnreadableError
from guest.readers.stable_baselines import DATA, settings
from guest.readers.tars import member_path


def tar(load_as: LoadAs, supported: Container[str], place: Place) -> Any:
    """Its regular members; links are not followed."""
    with place.open() as file, tarfile.open(fileobj=file, mode="r:") as archive:
        regular = (entry for entry in archive if entry.isreg() and not entry.issparse())
        found = ((member_path(entry.name), place.inside(taken(archive, entry))) for entry in regular)
        return members.load(found, load_as, supported)


def taken(archive: tarfile.TarFile, entry: tarfile.TarInfo | str) -> bytes:
    """A member's bytes. Raises UnreadableError for what is no file."""
    file = archive.extractfile(entry)
    if file is None:
        raise UnreadableError("a member that is no file")
    return file.read()


def zipped(load_as: LoadAs, supported: Container[str], place: Place) -> Any:
    """Its files."""
    with place.open() as file, zipfile.ZipFile(file) as archive:
        entries = (entry for entry in archive.infolist() if not is_folder(entry))
        found = ((entry.filename, place.inside(inflated(archive, entry, place))) for entry in entries)
        return members.load(found, load_as, supported)


def stable_baselines(load_as: LoadAs, supported: Container[str], place: Place) -> Any:
    """As Stable-Baselines3 itself: the pickles of `data`, then torch's files."""
    with place.open() as file, zipfile.ZipFile(file) as archive:
        data = settings(inflated(archive, archive.getinfo(DATA), place))
        loaded = Members({DATA: _unpickled(data)})
        others = (entry for entry in archive.infolist() if not is_folder(entry) and entry.filename != DATA)
        found = ((entry.filename, place.inside(inflated(archive, entry, place))) for entry in others)
        loaded.update(members.load(found, load_as, supported))
        return loaded


def _unpickled(data: dict[str, Any]) -> dict[str, Any]:
    """What fails is left out, as there."""
    objects: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, bytes):
            with contextlib.suppress(RuntimeError, TypeError):
                objects[key] = unpickler.load(io.BytesIO(value))
    return objects


def is_folder(entry: zipfile.ZipInfo) -> bool:
    """One with content is a file to whoever reads it by its name."""
    return entry.is_dir() and not entry.file_size


def inflated(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, place: Place) -> bytes:
    """A record's bytes. Raises BoundError for what would be too many."""
    if entry.compress_type != zipfile.ZIP_STORED:
        place.session.spend_inflated(entry.file_size, entry.file_size, entry.compress_size)
    return archive.read(entry)
