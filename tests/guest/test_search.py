"""Secrets are found however they are spelled, packed and nested; bombs are bounded; noise holds nothing."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import math
import random
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import pytest
from guest.search import MOST_EACH, Budget, Needles, search, spellings

ENDLESS = math.inf  # no deadline: how fast the machine is makes no difference
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
OTHER = "hf_abcdefghijklmnopqrstuvwx"
VALUES = {"AWS credentials": SECRET, "Hugging Face token": OTHER}
NEEDLES = Needles(VALUES)
FILE = f"[default]\naws_access_key_id = AKIA4XQ7TLC2NWZ5VDRP\naws_secret_access_key = {SECRET}\n".encode()


def found(blob: bytes, needles: Needles = NEEDLES) -> dict[str, str]:
    budget = Budget(ENDLESS)
    hits = dict(search(blob, needles, budget))
    assert budget.why == set()
    return hits


def tarred(content: bytes) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        row = tarfile.TarInfo("home/user/.aws/credentials")
        row.size = len(content)
        archive.addfile(row, io.BytesIO(content))
    return held.getvalue()


def zipped(content: bytes, how: int = zipfile.ZIP_DEFLATED) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", how) as archive:
        archive.writestr("empty", "")
        archive.writestr("credentials", content)
    return held.getvalue()


def raw_deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(content) + packer.flush()


def name_of_labels(content: bytes) -> bytes:
    """As a DNS query holds a long name: labels with their lengths in front."""
    text = base64.b32encode(content).rstrip(b"=").lower()
    return b"".join(bytes([len(text[at : at + 60])]) + text[at : at + 60] for at in range(0, len(text), 60)) + b"\0"


Encode = Callable[[bytes], bytes]
SPELLED: dict[str, tuple[Encode, str]] = {
    "plain": (bytes, "plain"),
    "lower": (bytes.lower, "plain"),
    "upper": (bytes.upper, "plain"),
    "reversed": (lambda raw: raw[::-1], "reversed"),
    "hex": (lambda raw: raw.hex().encode(), "hex"),
    "HEX": (lambda raw: raw.hex().upper().encode(), "hex"),
    "hex with colons": (lambda raw: raw.hex(":").encode(), "hex, split"),
    "base32": (base64.b32encode, "base32"),
    "base64": (base64.b64encode, "base64"),
    "base64, wrapped": (base64.encodebytes, "base64"),
    "base64, for URLs": (base64.urlsafe_b64encode, "base64"),
    "percents": (lambda raw: "".join(f"%{byte:02X}" for byte in raw).encode(), "url"),
    "a form": (lambda raw: urlencode({"d": raw}).encode(), "url"),
    "a path": (lambda raw: quote(raw).encode(), "url"),
    "UTF-16": (lambda raw: raw.decode().encode("utf-16"), "utf-16"),
    "UTF-16, big": (lambda raw: raw.decode().encode("utf-16-be"), "utf-16"),
    "JSON": (lambda raw: json.dumps({"d": raw.decode()}).replace("/", "\\/").encode(), "escapes"),
    "JSON, all escaped": (lambda raw: "".join(f"\\u{byte:04x}" for byte in raw).encode(), "escapes"),
    "Python's": (lambda raw: "".join(f"\\x{byte:02x}" for byte in raw).encode(), "escapes"),
    "labels of a name": (name_of_labels, "base32, split"),
    "letters with spaces": (lambda raw: " ".join(raw.decode()).encode(), "split"),
}


@pytest.mark.parametrize("way", SPELLED)
@pytest.mark.parametrize("shift", range(4))
def test_every_spelling_at_every_place(way: str, shift: int) -> None:
    encode, how = SPELLED[way]
    blob = b"#" * shift + encode(b"x" * shift + SECRET.encode() + b"y" * (7 - shift)) + b"\n"
    hits = found(blob)
    assert hits.keys() == {"AWS credentials"}
    if not how.endswith("split"):
        assert hits["AWS credentials"] == how


PACKED: dict[str, Encode] = {
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "zlib, fast": lambda raw: zlib.compress(raw, 1),
    "zlib, best": lambda raw: zlib.compress(raw, 9),
    "deflate": raw_deflated,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "xz, best": lambda raw: lzma.compress(raw, preset=9),
    "lzma": lambda raw: lzma.compress(raw, format=lzma.FORMAT_ALONE),
    "zip": zipped,
    "zip, stored": lambda raw: zipped(raw, zipfile.ZIP_STORED),
    "tar": tarred,
}


@pytest.mark.parametrize("way", PACKED)
def test_every_packing(way: str) -> None:
    hits = found(PACKED[way](FILE))
    assert hits == {"AWS credentials": "plain" if way in ("tar", "zip, stored") else way.partition(",")[0]}


@pytest.mark.parametrize("way", sorted(PACKED.keys() - {"deflate"}))
def test_packed_things_are_found_wherever_they_begin(way: str) -> None:
    noise = random.Random(1).randbytes(50_000)
    assert "AWS credentials" in found(noise + PACKED[way](FILE) + noise)


NESTED: dict[str, tuple[Encode, str]] = {
    "tar.gz": (lambda raw: gzip.compress(tarred(raw)), "gzip"),
    "base64 of tar.gz": (lambda raw: base64.b64encode(gzip.compress(tarred(raw))), "gzip, base64"),
    "the same, wrapped": (lambda raw: base64.encodebytes(gzip.compress(tarred(raw))), "gzip, base64"),
    "hex of zlib": (lambda raw: zlib.compress(raw).hex().encode(), "zlib, hex"),
    "base32 of bz2": (lambda raw: base64.b32encode(bz2.compress(raw)), "bz2, base32"),
    "zip in xz": (lambda raw: lzma.compress(zipped(raw)), "zip, xz"),
    "base64 twice": (lambda raw: base64.b64encode(base64.b64encode(raw)), "base64, base64"),
    "hex in gzip": (lambda raw: gzip.compress(raw.hex().encode()), "hex, gzip"),
    "UTF-16 in base64": (lambda raw: base64.b64encode(raw.decode().encode("utf-16-le")), "utf-16, base64"),
    "base64 backwards": (lambda raw: base64.b64encode(raw)[::-1], "base64, reversed"),
    "deflate in base64 in a form": (
        lambda raw: b"POST / HTTP/1.1\r\n\r\n" + urlencode({"d": base64.b64encode(raw_deflated(raw))}).encode(),
        "deflate, base64, url",
    ),
    "three layers": (lambda raw: gzip.compress(base64.b64encode(bz2.compress(raw))), "bz2, base64, gzip"),
    "base64 of gzip in JSON": (
        lambda raw: json.dumps({"data": base64.b64encode(gzip.compress(raw)).decode()}).encode(),
        "gzip, base64",
    ),
}


@pytest.mark.parametrize("way", NESTED)
def test_nested(way: str) -> None:
    encode, how = NESTED[way]
    assert found(encode(FILE)) == {"AWS credentials": how}


def test_what_was_cut_off_is_searched_as_far_as_it_goes() -> None:
    """A conversation is kept to its first bytes."""
    noise = random.Random(2).randbytes(50_000).hex().encode()
    assert found(gzip.compress(FILE + noise)[:30_000]) == {"AWS credentials": "gzip"}
    assert found(base64.b64encode(gzip.compress(FILE + noise))[:30_001]) == {"AWS credentials": "gzip, base64"}


def test_all_that_is_there_is_found_once_and_the_simplest_way() -> None:
    both = gzip.compress(FILE + OTHER.encode()) + FILE + base64.b64encode(FILE)
    assert found(both) == {"AWS credentials": "plain", "Hugging Face token": "gzip"}


def test_a_big_text_is_searched_to_its_end() -> None:
    blob = random.Random(3).randbytes((9 << 20) + 5) + SECRET.encode()
    assert found(blob) == {"AWS credentials": "plain"}


def test_ten_megabytes_of_noise_hold_nothing() -> None:
    assert found(random.Random(4).randbytes(10 << 20)) == {}


@pytest.mark.parametrize("encode", [base64.b64encode, base64.b32encode, lambda raw: raw.hex().encode()])
def test_nor_does_noise_that_is_encoded(encode: Encode) -> None:
    assert found(encode(random.Random(5).randbytes(1 << 20))) == {}


def test_a_short_value_is_found_too() -> None:
    assert found(b"so it is swordfish9 then", Needles({"password": "Swordfish9"})) == {"password": "plain"}


def test_every_spelling_is_in_lower_case() -> None:
    assert all(spelling == spelling.lower() for spelling, _ in spellings(SECRET))


def nested_zeros(layers: int, size: int = 64 << 20) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    blob = b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packer.flush()
    for _ in range(layers - 1):
        blob = gzip.compress(blob)
    return blob


BOMBS: dict[str, Callable[[], bytes]] = {
    "gzip": lambda: nested_zeros(1),
    "gzip, nested": lambda: nested_zeros(3),
    "many": lambda: nested_zeros(1, 8 << 20) * 300,
    "bz2": lambda: bz2.compress(bytes(16 << 20)),
    "xz": lambda: lzma.compress(bytes(16 << 20)),
    "heads only": lambda: b"\x78\x9c" * 500_000,
    "heads of bz2": lambda: b"BZh91AY&SY" * 100_000,
    "heads of xz": lambda: lzma.compress(b"")[:24] * 40_000,
    "escapes": lambda: b"\\u0041%25" * 400_000,
    "backslashes": lambda: b"\\" * (4 << 20),
    "one letter": lambda: b"a" * (4 << 20),
    "words": lambda: b"abcdefghijklmnopqrstuvwx " * 160_000,
    "blocks": lambda: b"".join(spelling[at : at + 8] for spelling, _ in spellings(SECRET) for at in range(20)) * 100,
}


@dataclass
class Counted(Budget):
    """Out of time at the so-manieth look at the clock, on any machine; and how much was taken between two looks."""

    looks: int = 24
    since: int = 0
    most: int = 0

    def takes(self, size: int) -> bool:
        self.since += size
        self.most = max(self.most, self.since)
        return super().takes(size)

    @property
    def late(self) -> bool:
        self.since, self.looks = 0, self.looks - 1
        if self.looks < 0:
            self.deadline = -math.inf
        return super().late


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_are_bounded_and_said(bomb: str) -> None:
    budget = Counted(ENDLESS)
    assert dict(search(BOMBS[bomb](), NEEDLES, budget)) == {}
    assert budget.most <= MOST_EACH
    assert budget.looks >= -8  # one for each loop that it is in
    if bomb in ("gzip", "gzip, nested", "bz2", "xz", "many"):
        assert budget.why


@pytest.mark.parametrize("bomb", ["gzip, nested", "many", "words"])
def test_bombs_are_bounded_in_memory(bomb: str) -> None:
    blob = BOMBS[bomb]()
    tracemalloc.start()
    assert dict(search(blob, NEEDLES, Counted(ENDLESS, looks=6))) == {}
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 160 << 20


def test_what_lies_behind_a_bomb_s_bound_is_said_to_be_unsearched() -> None:
    budget = Budget(ENDLESS)
    assert dict(search(gzip.compress(bytes(MOST_EACH) + FILE), NEEDLES, budget)) == {}
    assert budget.why == {"something that becomes more than 4 MiB"}


def test_out_of_time() -> None:
    budget = Budget(-math.inf)
    assert dict(search(FILE, NEEDLES, budget)) == {}
    assert budget.why == {"out of time"}
