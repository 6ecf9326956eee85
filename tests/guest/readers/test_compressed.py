"""Compressed files are what they hold, within bounds; whatever is odd about the packing is said."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import pickle
import zlib
from collections.abc import Callable

import numpy as np
import pytest
import torch
from guest.readers.session import Bounds

from tests.guest.readers.reading_results import Result
from tests.guest.readers.test_pickles import Calls
from tests.zoo import expected
from tests.zoo_archives import PACKERS as ARCHIVE_PACKERS

Read = Callable[..., Result]
WEIGHTS = torch.arange(3000.0)
PAYLOAD = pickle.dumps(Calls(os.system, "x"), 2)
SMALL = Bounds(inflated_base=1 << 16, inflated_per_byte=50)

PACKERS = {name: pack for name, (_, pack) in ARCHIVE_PACKERS.items()}


def saved(**options: bool) -> bytes:
    held = io.BytesIO()
    torch.save({"w": WEIGHTS}, held, **options)
    return held.getvalue()


CONTENTS = {
    "torch-zip": saved(),
    "torch-legacy": saved(_use_new_zipfile_serialization=False),
    "pickle": pickle.dumps({"w": WEIGHTS.numpy()}, 4),
}


@pytest.mark.parametrize("form", CONTENTS)
@pytest.mark.parametrize("packer", PACKERS)
def test_a_compressed_file_is_its_content(packer: str, form: str, read: Read) -> None:
    content = PACKERS[packer](CONTENTS[form])
    result = read(content, ".gz")
    assert (result.end.reason, result["ODDITY"]) == ("", [])
    assert [(row.name, row.supported, row.primary, row.by) for row in result["FORMAT"]] == [
        (packer, True, True, "content"),
        (form, True, False, "inside"),
    ]
    assert result.tensors(content) == {"w": expected(WEIGHTS)}
    (row,) = result["TENSOR"]
    assert (row.label, row.offset, row.length) == ("decoded", 0, len(content))


@pytest.mark.parametrize("packer", ["gzip", "bzip2", "xz", "lz4"])
def test_streams_in_a_row_are_one_content(packer: str, read: Read) -> None:
    whole, pack = CONTENTS["torch-zip"], PACKERS[packer]
    content = pack(whole[:999]) + pack(b"") + pack(whole[999:])
    result = read(content)
    assert (result.end.reason, result.oddities) == ("", set())
    assert result.tensors(content) == {"w": expected(WEIGHTS)}


def test_a_header_with_every_field(read: Read) -> None:
    packed = gzip.compress(CONTENTS["pickle"])
    fields = b"\x04\x00xtra" + b"model.pkl\0" + b"a comment\0"
    content = packed[:3] + b"\x1c" + packed[4:10] + fields + packed[10:]
    assert gzip.decompress(content) == CONTENTS["pickle"]
    result = read(content)
    assert (result.end.reason, result.oddities) == ("", set())


def test_a_payload_in_the_second_stream(read: Read) -> None:
    content = gzip.compress(CONTENTS["pickle"]) + gzip.compress(pickle.dumps(Calls(os.system, "x")))
    result = read(content)
    assert "reduce" in result.uses("posix.system")
    assert not result.oddities


@pytest.mark.parametrize("packer", PACKERS)
def test_what_lies_behind_is_odd(packer: str, read: Read) -> None:
    content = PACKERS[packer](CONTENTS["pickle"])
    result = read(content + b"something else")
    assert result.oddities == {"compressed.trailing"}
    assert result.tensors(content) == {"w": expected(WEIGHTS)}


@pytest.mark.parametrize("packer", ["gzip", "xz"])
def test_padding_with_zeros_is_usual(packer: str, read: Read) -> None:
    assert read(PACKERS[packer](CONTENTS["pickle"]) + bytes(512)).oddities == set()


@pytest.mark.parametrize("packer", PACKERS)
def test_a_bomb_is_named_and_nothing_of_it_is_planned(packer: str, read: Read) -> None:
    content = PACKERS[packer](pickle.dumps({"w": np.zeros(10 << 20, "u1")}, 4))
    assert len(content) < 1 << 17
    result = read(content, bounds=SMALL)
    assert result.oddities == {"compressed.bomb"}
    assert result.end.reason == "compressed data that inflates to more than 50 times its size"
    assert result["TENSOR"] == []


def test_what_is_merely_too_much_is_no_bomb(read: Read) -> None:
    content = gzip.compress(np.random.default_rng(0).bytes(1 << 18))
    result = read(content, bounds=Bounds(inflated_bytes=1 << 17))
    assert result.oddities == set()
    assert result.end.reason == "compressed data that inflates to more than 131072 bytes"


def test_files_in_files_are_read_to_a_depth(read: Read) -> None:
    content = CONTENTS["pickle"]
    for _ in range(4):
        content = gzip.compress(content)
    assert read(content, bounds=Bounds(archives=4)).end.complete
    result = read(content, bounds=Bounds(archives=3))
    assert result.end.reason == "files inside of files, more than 3 deep"
    assert result["TENSOR"] == []


@pytest.mark.parametrize("packer", PACKERS)
def test_cut_off_at_many_places(packer: str, read: Read) -> None:
    content = PACKERS[packer](CONTENTS["torch-zip"])
    for length in range(0, len(content), 97):
        assert not read(content[:length]).end.complete, length


def test_what_holds_no_model_says_so(read: Read) -> None:
    assert read(gzip.compress(b"hello world\n"), ".gz").end.reason == "there is no model in it"
    result = read(gzip.compress(b"GGUF" + bytes(64)), ".gz")
    assert result.end.reason == "there is no model in it; its content: GGUF file: not supported yet"


LZMA1 = {"id": lzma.FILTER_LZMA1}


@pytest.mark.parametrize(
    "filters",
    [LZMA1 | {"dict_size": 4352}, LZMA1 | {"lc": 0, "pb": 0, "dict_size": 1 << 16}, LZMA1 | {"lc": 1}],
)
def test_lzma_is_what_pythons_reader_takes(filters: dict[str, int], read: Read) -> None:
    content = lzma.compress(PAYLOAD, lzma.FORMAT_ALONE, filters=[filters])
    assert read(content, ".x").uses("posix.system") == {"reduce"}


@pytest.mark.parametrize("packer", ["zlib", "lzma"])
def test_an_empty_stream_in_front_hides_nothing(packer: str, read: Read) -> None:
    pack = {"zlib": zlib.compress, "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE)}[packer]
    result = read(pack(b"") + pack(PAYLOAD), ".x")
    assert (result.formats[:1], result.oddities) == ([packer], {"compressed.trailing"})


def test_lzma_that_asks_for_too_much_is_lzma_all_the_same(read: Read) -> None:
    result = read(b"\x5d\x00\x00\x00\x40" + lzma.compress(PAYLOAD, lzma.FORMAT_ALONE)[5:], ".x")
    assert (result.formats, result.end.complete) == (["lzma"], False)


def test_zeros_are_no_lzma(read: Read) -> None:
    for length in (18, 100, 5000):
        assert read(bytes(length), ".x").formats == []
