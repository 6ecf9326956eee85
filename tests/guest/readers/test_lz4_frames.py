"""LZ4 frames inflate to what the official program packed, and broken ones raise ValueError and nothing else."""

from __future__ import annotations

import base64

import pytest
from guest.readers.lz4_frames import Lz4Decompressor, inflate_block
from hypothesis import given, settings
from hypothesis import strategies as st

PLAIN = b"weights, weights, weights: " * 40 + bytes(range(256))
# What `lz4 -BD -B4 -BX` made of it: matches, linked blocks, a checksum for each.
OFFICIAL = base64.b64decode(
    "BCJNGHRAvRwBAACcd2VpZ2h0cywgCQAdOhIABSQADxsA////9PDxAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKiss"
    "LS4vMDEyMzQ1Njc4OTo7PD0+P0BBQkNERUZHSElKS0xNTk9QUVJTVFVWV1hZWltcXV5fYGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn+A"
    "gYKDhIWGh4iJiouMjY6PkJGSk5SVlpeYmZqbnJ2en6ChoqOkpaanqKmqq6ytrq+wsbKztLW2t7i5uru8vb6/wMHCw8TFxsfIycrLzM3Oz9DR0tPU"
    "1dbX2Nna29zd3t/g4eLj5OXm5+jp6uvs7e7v8PHy8/T19vf4+fr7/P3+/3cbgrQAAAAA0wDMWA=="
)


def inflated(frame: bytes, piece: int = 1 << 20, most: int = 1 << 20) -> tuple[bytes, bool, bytes]:
    inflater, made = Lz4Decompressor(), b""
    for at in range(0, len(frame), piece):
        data = frame[at : at + piece]
        while True:
            more = inflater.decompress(data, most)
            assert len(more) <= most
            made, data = made + more, b""
            if len(more) < most:
                break
    return made, inflater.eof, inflater.unused_data


@pytest.mark.parametrize("piece", [1, 7, 1000])
@pytest.mark.parametrize("most", [1, 100, 1 << 20])
def test_what_the_official_program_packed(piece: int, most: int) -> None:
    assert inflated(OFFICIAL + b"behind", piece, most)[:2] == (PLAIN, True)


def test_what_lies_behind_is_not_used() -> None:
    assert inflated(OFFICIAL + b"behind") == (PLAIN, True, b"behind")


def test_a_block_may_reach_into_the_one_before_it() -> None:
    assert inflate_block(b"\x04\x03\x00", b"abc", 100) == b"abcabcab"
    assert inflate_block(b"\x12d\x01\x00", b"abc", 100) == b"d" + b"d" * 6


@pytest.mark.parametrize(
    "frame",
    [
        b"\x04\x22\x4d\x18\x00\x40\x00",  # its version
        b"\x04\x22\x4d\x18\x61\x40\x00",  # a dictionary
        b"\x04\x22\x4d\x18\x60\x00\x00",  # a size of blocks that there isn't
        b"\x04\x22\x4d\x18\x60\x40\x82\x01\x00\x01\x00",  # a block that is too long
        b"\x04\x22\x4d\x18\x60\x40\x82\x03\x00\x00\x00\x00\x01\x00",  # a match of what there isn't
        b"\x04\x22\x4d\x18\x60\x40\x82\x01\x00\x00\x00\xf0",  # a length without its end
        b"\x04\x22\x4d\x18\x60\x40\x82\x08\x01\x00\x00\x1fx\x01\x00" + b"\xff" * 260,  # more than a block holds
    ],
)
def test_broken_frames_are_refused(frame: bytes) -> None:
    with pytest.raises(ValueError, match="a "):
        inflated(frame)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40), st.integers(0, len(OFFICIAL)))
def test_whatever_the_bytes_it_is_bounded(noise: bytes, at: int) -> None:
    try:
        made, _, _ = inflated(OFFICIAL[:at] + noise + OFFICIAL[at + len(noise) :])
    except ValueError:
        return
    assert len(made) <= (len(OFFICIAL) // 4 + 1) << 16
