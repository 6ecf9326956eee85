"""Fields at their extremes, records in any order, structures without end: each reading is bounded, and what it can't
vouch for it says."""

from __future__ import annotations

import io
import pickle
import random
import struct
import zipfile
from collections.abc import Callable, Iterator

import pytest
import torch
from guest.readers.session import Bounds

from tests.guest.readers.reading_results import Result
from tests.made import CONTAINERS, make

Read = Callable[..., Result]
SMALL = Bounds(nodes=100_000, pickle_bytes=1 << 22, output_bytes=1 << 22, metadata_bytes=1 << 17)
MODEL = {"w": torch.arange(6.0).reshape(2, 3).t(), "b": torch.arange(4), "tied": torch.arange(4)}


def saved(**options: bool) -> bytes:
    held = io.BytesIO()
    torch.save(MODEL, held, **options)
    return held.getvalue()


ZIP, LEGACY = saved(), saved(_use_new_zipfile_serialization=False)


def vouched(read: Read, content: bytes, right: bytes) -> bool:
    """Whether the reading is complete and found nothing odd; then the tensors must be those of the sound file."""
    result = read(content, bounds=SMALL)
    assert result.end.complete or result.end.reason
    if result.end.complete and not result.oddities:
        assert result.tensors(content) == read(right).tensors(right)
        return True
    return False


def extremes(size: int, old: int) -> Iterator[int]:
    most = (1 << (8 * size)) - 1
    return (value & most for value in (0, 1, old + 1, old - 1, most, most - 1, most >> 1, (most >> 1) + 1))


# Offset and size of each field. IDLE: what a reader may go by without a word.
LOCAL = {"version": (4, 2), "flags": (6, 2), "method": (8, 2), "time": (10, 2), "date": (12, 2), "crc": (14, 4)}
LOCAL |= {"compressed": (18, 4), "size": (22, 4), "name length": (26, 2), "extra length": (28, 2)}
CENTRAL = {"made by": (4, 2), "version": (6, 2), "flags": (8, 2), "method": (10, 2), "time": (12, 2), "date": (14, 2)}
CENTRAL |= {"crc": (16, 4), "compressed": (20, 4), "size": (24, 4), "name length": (28, 2), "extra length": (30, 2)}
CENTRAL |= {"comment length": (32, 2), "disk": (34, 2), "internal": (36, 2), "external": (38, 4), "offset": (42, 4)}
END = {"disk": (4, 2), "first disk": (6, 2), "entries here": (8, 2), "entries": (10, 2), "size": (12, 4)}
END |= {"offset": (16, 4), "comment length": (20, 2)}
IDLE = {"version", "time", "date", "made by", "internal", "external"}
HEADERS = {"local": (b"PK\x03\x04", LOCAL), "central": (b"PK\x01\x02", CENTRAL), "end": (b"PK\x05\x06", END)}
FIELDS = [(kind, field) for kind, (_, fields) in HEADERS.items() for field in fields]


def places(kind: str, record: bytes) -> int:
    """Where the header of that record stands; of the end, there is one."""
    magic = HEADERS[kind][0]
    if kind == "end":
        return ZIP.rindex(magic)
    return ZIP.rindex(magic, 0, ZIP.index(record) if kind == "local" else ZIP.rindex(record))


@pytest.mark.parametrize(("kind", "field"), FIELDS, ids=str)
def test_a_field_of_an_archive_at_its_extremes(kind: str, field: str, read: Read) -> None:
    at, size = HEADERS[kind][1][field]
    for record in (b"archive/data.pkl", b"archive/data/0"):
        start = places(kind, record) + at
        old = int.from_bytes(ZIP[start : start + size], "little")
        for value in extremes(size, old):
            content = ZIP[:start] + value.to_bytes(size, "little") + ZIP[start + size :]
            fine = vouched(read, content, ZIP)
            elsewhere = value == (1 << 8 * size) - 1 and (kind == "end" or field == "disk")  # in a 64-bit record
            assert not fine or field in IDLE | {"flags", "crc"} or value == old or elsewhere, (record, value)


WIDE = [
    (size, compressed, offset)
    for size in (0, 24, 1 << 40, (1 << 64) - 1)
    for compressed in (24, 1 << 63)
    for offset in (0, 1 << 62)
]


@pytest.mark.parametrize("wide", WIDE, ids=str)
def test_a_record_whose_64_bit_field_lies(wide: tuple[int, int, int], read: Read) -> None:
    start = places("central", b"archive/data/0")
    name_length = int.from_bytes(ZIP[start + 28 : start + 30], "little")
    extra = struct.pack("<HHQQQ", 1, 24, *wide)
    behind = start + 46 + name_length
    header = bytearray(ZIP[start : start + 46])
    header[20:28] = b"\xff" * 8
    header[30:32] = struct.pack("<H", len(extra) + int.from_bytes(ZIP[start + 30 : start + 32], "little"))
    header[42:46] = b"\xff" * 4
    grown = ZIP[:start] + bytes(header) + ZIP[start + 46 : behind] + extra + ZIP[behind:]
    end = grown.rindex(b"PK\x05\x06") + 12
    (size,) = struct.unpack_from("<I", grown, end)
    content = grown[:end] + struct.pack("<I", size + len(extra)) + grown[end + 4 :]
    assert not vouched(read, content, ZIP)


def repacked(names: list[str], rename: Callable[[str], str] = str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(ZIP)) as old, zipfile.ZipFile(held, "w") as new:
        for name in names:
            new.writestr(rename(name), old.read(name) if not name.endswith("/") else b"")
    return held.getvalue()


NAMES = zipfile.ZipFile(io.BytesIO(ZIP)).namelist()


@pytest.mark.parametrize("seed", range(6))
def test_the_order_of_records_does_not_matter(seed: int, read: Read) -> None:
    names = random.Random(seed).sample(NAMES, len(NAMES))
    content = repacked(names)
    result = read(content)
    assert (result.end.reason, result.oddities) == ("", set())
    right = read(ZIP).tensors(ZIP)
    assert result.tensors(content) == right


@pytest.mark.parametrize("missing", NAMES)
def test_a_record_that_is_not_there(missing: str, read: Read) -> None:
    needed = missing.endswith("data.pkl") or "/data/" in missing
    assert vouched(read, repacked([name for name in NAMES if name != missing]), ZIP) is not needed


TRICKS = [
    "../up.pkl",
    "/etc/passwd",
    "archive/../../up",
    "archive/DATA.PKL",
    "archive/data/0/",
    "archive/data\\0",
    "C:\\x",
]


@pytest.mark.parametrize("trick", TRICKS)
def test_names_of_records_lead_nowhere(trick: str, read: Read) -> None:
    """Records are looked up by name and never written anywhere; a twin by case is what two readers differ in."""
    held = io.BytesIO(ZIP)
    with zipfile.ZipFile(held, "a") as new:
        new.writestr(trick, b"N." if trick.lower().endswith("pkl") else b"")
    content = held.getvalue()
    result = read(content)
    assert result.tensors(content) == read(ZIP).tensors(ZIP)
    assert result.end.complete is (trick != "archive/DATA.PKL")


@pytest.mark.parametrize("value", [0, 1, -1, 5, 7, (1 << 63) - 1, -(1 << 63)])
def test_the_size_of_a_legacy_storage_at_its_extremes(value: int, read: Read) -> None:
    stop = LEGACY.index(b".", LEGACY.rindex(b"]q")) + 1
    content = LEGACY[:stop] + struct.pack("<q", value) + LEGACY[stop + 8 :]
    assert not vouched(read, content, LEGACY)


KEYS: dict[str, object] = {
    "none": None, "a dict": {}, "nothing": [], "numbers": [1, 2, 3], "twice": ["0", "0", "0"], "unhashable": [[]],
    "deep": [[[[[]]]]], "text": "012", "too many": [str(number) for number in range(1000)],
}  # fmt: skip


@pytest.mark.parametrize("keys", KEYS)
def test_keys_of_legacy_storages_that_are_none(keys: str, read: Read) -> None:
    start = LEGACY.rindex(b"\x80\x02]q")
    stop = LEGACY.index(b".", start) + 1
    content = LEGACY[:start] + pickle.dumps(KEYS[keys], 2) + LEGACY[stop:]
    assert not vouched(read, content, LEGACY)


@pytest.mark.parametrize("order", [(0, 1, 2, 4, 3), (1, 0, 2, 3, 4), (0, 2, 1, 3, 4), (3, 0, 1, 2, 4)], ids=str)
def test_the_pickles_of_a_legacy_file_in_another_order(order: tuple[int, ...], read: Read) -> None:
    held, parts = io.BytesIO(LEGACY), []
    for _ in range(5):
        start = held.tell()
        Skipping(held).load()
        parts.append(LEGACY[start : held.tell()])
    content = b"".join(parts[number] for number in order) + LEGACY[held.tell() :]
    assert not vouched(read, content, LEGACY)


class Skipping(pickle._Unpickler):
    """Only to find where a pickle ends."""

    def find_class(self, module: str, name: str) -> object:
        return lambda *_: []

    def persistent_load(self, pid: object) -> object:
        return []


MILLION, MANY = 200_000, 40_000
DEEP = {
    "lists": b"\x80\x02" + b"]" * MILLION + b"a" * (MILLION - 1) + b".",
    "tuples": b"\x80\x02)" + b"\x85" * MANY + b".",
    "marks": b"\x80\x02" + b"(" * MANY + b"t" * MANY + b".",
    "dictionaries": b"\x80\x02}" + b"K\x00}" * MANY + b"s" * MANY + b".",
    "calls": b"\x80\x02cpkg\nf\n" + b")R" * MANY + b".",
    "states": b"\x80\x02cpkg\nf\n)\x81" + b"q\x00h\x00h\x00b" * MANY + b".",
    "copies": b"\x80\x02N" + b"2" * MANY + b".",
    "lines": b"\x80\x02" + b"c" + b"a" * MILLION + b"\nb\n.",
}


@pytest.mark.parametrize("what", DEEP)
def test_very_many_levels(what: str, read: Read) -> None:
    result = read(DEEP[what], ".pkl", Bounds(metadata_bytes=1 << 17))
    assert result["TENSOR"] == []
    assert len(result.metadata) <= 1 << 17


SELVES = {
    "a list": b"]q\x00h\x00a.",
    "a dictionary": b"}q\x00K\x01h\x00s.",
    "a tuple by way of a list": b"]q\x00h\x00\x85q\x01a0h\x01.",
    "an object by its state": b"cpkg\nThing\n)\x81q\x00}q\x01K\x01h\x00sb.",
    "an object by its items": b"cpkg\nThing\n)\x81q\x00h\x00a.",
    "an object by its own state": b"cpkg\nThing\n)\x81q\x00h\x00b.",
    "a mapping": b"ccollections\nOrderedDict\n)Rq\x00K\x01h\x00s.",
    "a key": b"}cpkg\nThing\n)\x81q\x00}q\x01h\x00h\x01sbh\x00s.",
}


@pytest.mark.parametrize("what", SELVES)
def test_what_contains_itself(what: str, read: Read) -> None:
    result = read(b"\x80\x02" + SELVES[what], ".pkl", SMALL)
    assert result.end.complete
    assert b"it contains itself" in result.metadata or what == "a key"


EXPLODING = {
    "lists": b"](h%ch%ce",
    "tuples": b"h%ch%c\x86",
    "dictionaries": b"(K\x01h%cK\x02h%cd",
    "objects": b"cpkg\nf\n(h%ch%ctR",
    "states": b"cpkg\nT\n)\x81(K\x01h%cK\x02h%cdb",
}


@pytest.mark.parametrize("what", EXPLODING)
def test_what_is_twice_as_much_with_each_level(what: str, read: Read) -> None:
    levels = b"".join(EXPLODING[what] % (at, at) + b"q%c" % (at + 1) for at in range(100))
    result = read(b"\x80\x02]q\x00" + levels + b".", ".pkl", SMALL)
    assert result["TENSOR"] == []
    assert len(result.metadata) <= SMALL.metadata_bytes


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
@pytest.mark.parametrize("container", CONTAINERS)
def test_cut_off_or_changed_anywhere(container: str, packed: bool, read: Read) -> None:
    """What is cut off is never taken for whole; what is changed at least ends in a word."""
    made, chance = make(7, container, packed=packed), random.Random(container)
    for _ in range(10):
        cut = made.content[: chance.randrange(len(made.content))]
        result = read(cut, made.suffix, SMALL)
        assert not result.end.complete or result.oddities or result.tensors(cut) == made.tensors, len(cut)
        changed = bytearray(made.content)
        for _ in range(chance.choice((1, 1, 5))):
            changed[chance.randrange(len(changed))] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        result = read(bytes(changed), made.suffix, SMALL)
        assert result.end.complete or result.end.reason
