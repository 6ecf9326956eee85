"""Byte-code of the guest's code, made once by the jail's interpreter: a jail can't write any, and has many processes.

It is kept beside the packages, in <cache>/sandbox-load/bytecode-<digest of the code>: one file, which appears by a
rename, begins with a checksum that covers the code's digest, and counts only where nobody but this user can write.
Every evaluation gets copies of what is in it. Unchecked, because other code has another digest. Without it, because
it can't be kept or the interpreter is not here, a jail compiles for itself as it starts.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from sandbox.jail.bubblewrap_flags import PYTHON
from sandbox.jail.installer import run
from sandbox.jail.interface import CODE
from sandbox.jail.packages import BYTECODE, cache_base, make_folder

# A user may have more than one release or checkout in use.
_KEPT_ENTRIES = 4


def add(code: Path, digest: str, cache: Path | None = None) -> None:
    """Put byte-code beside the code of that digest, which lies in a private folder. Raises OSError for that folder."""
    entry = cache_base(cache) / f"{BYTECODE}{digest}"
    kept = _kept(entry, digest)
    if kept is None:
        with suppress(OSError):
            _make(code, digest, entry)
        return
    for name, content in kept.items():
        target = code / name
        target.parent.mkdir(exist_ok=True)
        target.parent.chmod(0o755)
        target.write_bytes(content)
        target.chmod(0o644)


def _kept(entry: Path, digest: str) -> dict[str, bytes] | None:
    """What the entry holds by its name beneath the code; None when there is none that is whole and ours alone."""
    try:
        with entry.open("rb") as file:
            if not (_is_ours(entry.parent.stat()) and _is_ours(os.fstat(file.fileno()))):
                return None
            checksum, _, body = file.read().partition(b"\n")
    except OSError:
        return None
    if checksum != _checksum(digest, body):
        return None
    table, _, rest = body.partition(b"\n")
    found, at = {}, 0
    for name, size in json.loads(table).items():
        found[name] = rest[at : at + size]
        at += size
    return found


def _make(code: Path, digest: str, entry: Path) -> None:
    """Compile in place, and keep that. Raises OSError when it can't be kept, mostly before anything is compiled."""
    base = entry.parent
    if not base.is_dir():
        make_folder(base)
    if not (_is_ours(base.stat()) and Path(PYTHON).exists()):
        return
    with tempfile.NamedTemporaryFile(prefix=f"{BYTECODE}tmp-", dir=base, delete=False) as scratch:
        try:
            where = ["-s", str(code), "-p", CODE, str(code)]
            failed, _ = run([PYTHON, "-I", "-m", "compileall", "-qq", "--invalidation-mode", "unchecked-hash", *where])
            if not failed:
                scratch.write(_packed(code, digest))
                scratch.flush()
                Path(scratch.name).rename(entry)
        finally:
            Path(scratch.name).unlink(missing_ok=True)
    for old in sorted(base.glob(f"{BYTECODE}*"), key=lambda path: path.stat().st_mtime)[:-_KEPT_ENTRIES]:
        old.unlink(missing_ok=True)


def _packed(code: Path, digest: str) -> bytes:
    made = {path.relative_to(code).as_posix(): path.read_bytes() for path in code.rglob("*.pyc")}
    table = json.dumps({name: len(content) for name, content in made.items()}).encode("ascii")
    body = table + b"\n" + b"".join(made.values())
    return _checksum(digest, body) + b"\n" + body


def _checksum(digest: str, body: bytes) -> bytes:
    return hashlib.sha256(digest.encode("ascii") + body).hexdigest().encode("ascii")


def _is_ours(found: os.stat_result) -> bool:
    """Whether this user alone can write there (root can anywhere)."""
    return found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
