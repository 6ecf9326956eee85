"""Private folders that are gone afterwards; those that a killed run left are taken away by the next one."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "sandbox-load-"
# Stands in every folder made here. What a user calls by a like name doesn't hold it, and is never touched.
_MARKER = ".made-by-sandbox-load-and-swept-when-left"
# Between its making and its lock a folder is nobody's; no run takes that long.
_SETTLED_SECONDS = 60


@contextmanager
def scratch() -> Iterator[Path]:
    """A new folder that only this user can enter."""
    _sweep(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as name:
        Path(name, _MARKER).touch(exist_ok=False)
        held = -1
        with suppress(OSError):  # a file system without locks: then no sweep can get one either
            held = _held(Path(name))
        try:
            yield Path(name)
        finally:
            if held >= 0:
                os.close(held)


def _held(folder: Path) -> int:
    """A descriptor that holds the folder's lock until it is closed or this process ends. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _sweep(place: Path) -> None:
    for folder in place.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # in use, or another run was faster
            found = folder.lstat()
            ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and (folder / _MARKER).is_file()
            if ours and time.time() - found.st_mtime > _SETTLED_SECONDS:
                os.close(_held(folder))
                shutil.rmtree(folder, ignore_errors=True)
