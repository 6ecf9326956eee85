"""Tricks of zip archives: what a scanner finds in them is not what a loader does."""

from __future__ import annotations

import struct
from functools import partial
from pathlib import Path

from bench.detection.build.zips import (
    FLOATS,
    HONEST,
    HOSTILE,
    Row,
    archive,
    deflated,
    torch_rows,
    written,
)
from bench.detection.sample import Part, Sample, rules
from tests.malicious.pickles import call, stream

_PICKLED = "archive/data.pkl"
_LATER = stream({"later": call("posix", "system", "id")}, 2)  # a second stage, in a place that torch doesn't read
_ZIP = "what zip archives let a writer do"
_PICKLESCAN = "picklescan's advisories on archives it can't open as torch does"
_MINIZ = "differences between miniz, which torch reads with, and Python's zipfile"
_MAIN = Row(_PICKLED, HOSTILE)
_RUN = "event.fork event.program"


def _packed(*rows: Row, comment: bytes = b"", count: int | None = None) -> partial[None]:
    return partial(written, rows=rows, comment=comment, count=count)


def _raw(make: partial[bytes]) -> partial[None]:
    return partial(_write, make)


def _write(make: partial[bytes], path: Path) -> None:
    path.write_bytes(make())


def _in_front(front: bytes, shift: int) -> bytes:
    """Offsets from the archive's beginning, or from the file's."""
    return front + archive(torch_rows(_MAIN), shift=shift)


def _two_ends() -> bytes:
    """An archive in the comment of an archive."""
    inner = archive(torch_rows(_MAIN))
    outer = archive(torch_rows())
    comment = len(inner)
    return outer[:-2] + struct.pack("<H", comment) + inner


def _led_aside() -> bytes:
    """The directory's data.pkl lies inside of another record."""
    inside = archive([Row(_PICKLED, HOSTILE)])
    start = 30 + len("archive/notes.txt")
    return archive(torch_rows(Row("archive/notes.txt", inside), Row(_PICKLED, HOSTILE, unwritten=True, at=start)))


def _wide() -> bytes:
    """A second end record of 64 bits, whose directory is another one."""
    rows = torch_rows(_MAIN)
    whole = archive(rows)
    at, end = len(whole) - 22, whole[-22:]
    (size, offset) = struct.unpack_from("<II", end, 12)
    wide = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, len(rows), len(rows), size, offset)
    return whole[:at] + wide + struct.pack("<4sIQI", b"PK\6\7", 0, at, 1) + end[:8] + b"\1\0\1\0" + end[12:]


def _sample(name: str, technique: str, source: str, build: partial[None], static: str, watched: str = "") -> Sample:
    return Sample(f"zip_{name}", Part.MALICIOUS, technique, source, "model.pt", build, rules(static), rules(watched))


SAMPLES = (
    _sample(
        "duplicate_first",
        "two data.pkl, the payload first: torch takes it",
        _MINIZ,
        _packed(*torch_rows(_MAIN), Row(_PICKLED, HONEST)),
        "global.dangerous.called oddity.duplicate reader.incomplete",
        _RUN,
    ),
    _sample(
        "duplicate_last",
        "two data.pkl, the payload last: zipfile takes it",
        _MINIZ,
        _packed(*torch_rows(Row(_PICKLED, HONEST)), _MAIN),
        "global.dangerous.called oddity.duplicate reader.incomplete",
    ),
    _sample(
        "case_first",
        "DATA.PKL before data.pkl: one record to torch",
        _MINIZ,
        _packed(Row("archive/DATA.PKL", HOSTILE), *torch_rows()),
        "global.dangerous.called oddity.case oddity.duplicate reader.incomplete",
        _RUN,
    ),
    _sample(
        "case_last",
        "DATA.pkl behind data.pkl",
        _MINIZ,
        _packed(*torch_rows(), Row("archive/DATA.pkl", HOSTILE)),
        "global.dangerous.called oddity.duplicate reader.incomplete",
    ),
    _sample(
        "upper",
        "only an upper-case DATA.PKL, which a search for data.pkl misses",
        _MINIZ,
        _packed(Row("archive/DATA.PKL", HOSTILE), *torch_rows()[1:]),
        "global.dangerous.called oddity.case",
        _RUN,
    ),
    _sample(
        "folders_first",
        "two folders, each with its data.pkl, the payload in the first",
        _PICKLESCAN,
        _packed(*torch_rows(_MAIN), *torch_rows(root="other")),
        "global.dangerous.called oddity.stranger reader.incomplete",
        "load.failed",
    ),
    _sample(
        "folders_last",
        "two folders, the payload in the second",
        _PICKLESCAN,
        _packed(*torch_rows(root="first"), *torch_rows(_MAIN)),
        "global.dangerous.called oddity.stranger reader.incomplete",
        "load.failed",
    ),
    _sample(
        "extra_pickle",
        "one more pickle that torch doesn't load",
        _PICKLESCAN,
        _packed(*torch_rows(), Row("archive/stranger.pkl", _LATER)),
        "global.dangerous.called oddity.stranger",
    ),
    _sample(
        "extra_named_otherwise",
        "one more pickle, under a name that is no pickle's",
        _PICKLESCAN,
        _packed(*torch_rows(), Row("archive/vocabulary.bin", _LATER)),
        "global.dangerous.called oddity.stranger",
    ),
    _sample(
        "outside_pickle",
        "a pickle beside the archive's folder",
        _PICKLESCAN,
        _packed(*torch_rows(), Row("notes.dat", _LATER)),
        "global.dangerous.called oddity.stranger",
        "load.failed",
    ),
    _sample(
        "unused_storage",
        "a second stage in a storage that no tensor views",
        _ZIP,
        _packed(*torch_rows(_MAIN), Row("archive/data/7", _LATER)),
        "global.dangerous.called oddity.stranger",
        _RUN,
    ),
    _sample(
        "library",
        "a library among the weights, for a payload to load",
        _ZIP,
        _packed(*torch_rows(_MAIN), Row("archive/data/libx.so", b"\x7fELF" + bytes(60))),
        "global.dangerous.called oddity.program",
        _RUN,
    ),
    _sample(
        "script",
        "a script among the weights, and a pickle that runs it",
        _ZIP,
        _packed(*torch_rows(_MAIN), Row("archive/setup.py", b"print('ran')\n")),
        "global.dangerous.called oddity.program",
        _RUN,
    ),
    _sample(
        "encrypted_listed",
        "marked as encrypted in the directory: scanners leave it, torch doesn't look",
        _PICKLESCAN,
        _packed(*torch_rows(Row(_PICKLED, HOSTILE, listed={"flags": 1}))),
        "global.dangerous.called oddity.headers",
        "load.failed",
    ),
    _sample(
        "encrypted_local",
        "marked as encrypted in its own header",
        _PICKLESCAN,
        _packed(*torch_rows(Row(_PICKLED, HOSTILE, local={"flags": 1}))),
        "global.dangerous.called oddity.headers",
        _RUN,
    ),
    _sample(
        "checksum",
        "a wrong checksum: zipfile raises, torch loads",
        "picklescan's advisory on CRC errors",
        _packed(*torch_rows(Row(_PICKLED, HOSTILE, local={"crc": 1}, listed={"crc": 1}))),
        "global.dangerous.called oddity.checksum",
        _RUN,
    ),
    _sample(
        "local_name",
        "its own header calls it otherwise: zipfile raises, torch loads",
        "picklescan's advisory on names in headers",
        _packed(*torch_rows(Row(_PICKLED, HOSTILE, local={"name": b"archive/data.txt"}))),
        "global.dangerous.called oddity.headers",
        _RUN,
    ),
    _sample(
        "local_size",
        "its own header has another size",
        _MINIZ,
        _packed(*torch_rows(Row(_PICKLED, HOSTILE, local={"size": 4, "packed": 4}))),
        "global.dangerous.called oddity.headers",
        _RUN,
    ),
    _sample(
        "local_method",
        "its own header says that it is compressed",
        _MINIZ,
        _packed(*torch_rows(Row(_PICKLED, HOSTILE, local={"method": 8}))),
        "global.dangerous.called oddity.headers",
        _RUN,
    ),
    _sample(
        "led_aside",
        "the directory leads to a record inside of another one",
        _ZIP,
        _raw(partial(_led_aside)),
        "format.disguised global.dangerous.called oddity.storage oddity.stranger oddity.unlisted reader.incomplete",
        _RUN,
    ),
    _sample(
        "unlisted",
        "a record that the directory doesn't list: whoever reads from the front finds it",
        _ZIP,
        _packed(*torch_rows(), Row("archive/more.pkl", _LATER, hidden=True)),
        "oddity.unlisted text.pickle.dangerous",
    ),
    _sample(
        "between",
        "a pickle between two records",
        _ZIP,
        _packed(_MAIN, Row("archive/data/0", FLOATS, before=_LATER), Row("archive/version", b"3\n")),
        "global.dangerous.called oddity.unlisted",
        _RUN,
    ),
    _sample(
        "count",
        "an end record that counts fewer records than the directory has",
        _MINIZ,
        _packed(*torch_rows(), Row("archive/more.pkl", _LATER), count=4),
        "oddity.headers oddity.unlisted text.pickle.dangerous",
    ),
    _sample(
        "prefix",
        "bytes in front of the archive",
        _ZIP,
        _raw(partial(_in_front, b"#!/bin/sh\nexit\n", 0)),
        "global.dangerous.called oddity.unlisted reader.incomplete",
        "load.failed",
    ),
    _sample(
        "prefix_counted",
        "bytes in front, and offsets that count them",
        _ZIP,
        _raw(partial(_in_front, b"#!/bin/sh\nexit\n", 15)),
        "global.dangerous.called oddity.unlisted",
        "load.failed",
    ),
    _sample(
        "two_ends",
        "an archive in the comment of an archive",
        _ZIP,
        _raw(partial(_two_ends)),
        "global.dangerous.called oddity.unlisted reader.incomplete",
        "load.failed",
    ),
    _sample(
        "wide",
        "a 64-bit end record that disagrees with the other",
        _ZIP,
        _raw(partial(_wide)),
        "global.dangerous.called oddity.headers",
        _RUN,
    ),
    _sample(
        "trailing",
        "a pickle behind the archive",
        _ZIP,
        _raw(partial(lambda: archive(torch_rows(_MAIN)) + _LATER)),
        "global.dangerous.called oddity.trailing",
        _RUN,
    ),
    _sample(
        "deflated",
        "a compressed data.pkl",
        _ZIP,
        _packed(*torch_rows(Row(_PICKLED, HOSTILE, 8, deflated(HOSTILE)))),
        "global.dangerous.called",
        _RUN,
    ),
    _sample(
        "deflated_more",
        "bytes behind the end of the compressed data",
        _ZIP,
        _packed(*torch_rows(Row(_PICKLED, HOSTILE, 8, deflated(HOSTILE) + _LATER))),
        "global.dangerous.called oddity.unlisted",
        _RUN,
    ),
    _sample(
        "method",
        "a compression that neither torch nor the standard library knows",
        _ZIP,
        _packed(*torch_rows(Row(_PICKLED, HOSTILE, 98, HOSTILE))),
        "reader.incomplete",
        "load.failed",
    ),
    _sample(
        "long_storage",
        "a second stage behind the bytes of a storage",
        _ZIP,
        _packed(_MAIN, Row("archive/data/0", FLOATS + _LATER), Row("archive/version", b"3\n")),
        "global.dangerous.called oddity.unlisted",
        "load.failed",
    ),
    _sample(
        "zero_name",
        "a zero byte in a name, where some readers end it",
        _ZIP,
        _packed(*torch_rows(_MAIN), Row(b"archive/data.pkl\0.txt", HONEST)),
        "format.disguised global.dangerous.called oddity.headers oddity.path oddity.stranger reader.incomplete",
        _RUN,
    ),
    _sample(
        "second_name",
        "a name in an extra field, which some readers take",
        _ZIP,
        _packed(*torch_rows(Row(_PICKLED, HOSTILE, extra=struct.pack("<HHBI", 0x7075, 9, 1, 0) + b"safe"))),
        "global.dangerous.called oddity.headers",
        _RUN,
    ),
    _sample(
        "leads_out",
        "a member whose path leads out of the folder",
        "zip slip",
        _packed(*torch_rows(_MAIN), Row("archive/../../.bashrc", b"id\n")),
        "global.dangerous.called oddity.path",
        _RUN,
    ),
    _sample(
        "in_comment",
        "a payload whose second stage is the archive's comment",
        _ZIP,
        _packed(*torch_rows(_MAIN), comment=b"import os\n"),
        "global.dangerous.called",
        _RUN,
    ),
    _sample(
        "shared_storage",
        "two storages that are the same bytes",
        _ZIP,
        _packed(*torch_rows(_MAIN), Row("archive/data/1", FLOATS, unwritten=True, at=0)),
        "global.dangerous.called oddity.headers oddity.stranger oddity.unlisted reader.incomplete",
        _RUN,
    ),
)
