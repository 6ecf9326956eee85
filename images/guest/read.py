"""The reader's process: turns a hostile file into a plan, under a filter, without importing or calling anything of it.

Standard input holds the order, one JSON object; frames go to descriptor 3.
"""

from __future__ import annotations

import sys
from pathlib import Path, PurePosixPath

# -I leaves the script's folder out; the code's folder and the environment with the filter's library are named here.
sys.path[:0] = [str(Path(__file__).resolve().parent.parent), "/env"]

import ast  # noqa: E402
import codecs  # noqa: E402
import gc  # noqa: E402
import hashlib  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import zlib  # noqa: E402

from guest import processes  # noqa: E402
from guest.readers.folder import FolderReading  # noqa: E402
from guest.readers.reading import Reading, Sink  # noqa: E402
from guest.readers.session import Bounds, Session  # noqa: E402
from guest.readers.source import File, Ledger  # noqa: E402

# Under the filter nothing can be opened, so nothing may be imported late: not even a codec.
_CODECS = ("ascii", "latin-1", "utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "raw_unicode_escape",
           "unicode_escape", "idna", "punycode", "cp437", "utf-8-sig")  # fmt: skip


def main() -> None:
    """Read the order, lock up, read the model, say what it is."""
    order = json.loads(sys.stdin.buffer.read())
    processes.become(order["uid"], order["gid"])
    files = _opened(order["files"])
    session = Session(Bounds.of(order["bounds"]))
    sink = Sink(processes.FRAMES)
    warm_up()
    gc.disable()
    from guest.filters import confine  # noqa: PLC0415 - needs the jail's library; the readers' tests don't

    confine(order["syscalls"])
    if order["folder"]:
        FolderReading(files, session, sink).run()
    else:
        Reading(files[0], PurePosixPath(files[0].name).suffix.lower(), session, sink).run()
    # No destructors, no flushing of what hostile bytes may have made enormous: the frames have left.
    os._exit(0)


def _opened(named: list[tuple[str, str]]) -> list[File]:
    """All of them, now: under the filter nothing can be opened."""
    ledger, files = Ledger(), []
    for index, (path, name) in enumerate(named):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        files.append(File(descriptor, os.lseek(descriptor, 0, os.SEEK_END), name, index, ledger))
    return files


def warm_up() -> None:
    """Have everything that a reading needs."""
    for name in _CODECS:
        codecs.lookup(name)
        codecs.getincrementaldecoder(name if name not in ("idna", "punycode") else "utf-8")
    hashlib.sha256(b"").hexdigest()
    json.loads('{"name": [1, 2.5, null]}')
    ast.parse("\u00e9 = '\\N{BULLET}'")  # names and letters by their names: unicodedata
    zlib.decompressobj(-zlib.MAX_WBITS).decompress(zlib.compress(b"", wbits=-zlib.MAX_WBITS))


if __name__ == "__main__":
    main()
