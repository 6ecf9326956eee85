"""Collecting by strides, with numpy as the oracle, and pieces small enough that every path is taken."""

from __future__ import annotations

import numpy as np
import pytest
from guest.readers import gather
from guest.readers.source import Memory
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import as_strided

ELEMENTS = 4000
TYPES = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


@st.composite
def views(draw: st.DrawFn) -> tuple[int, int, tuple[int, ...], tuple[int, ...]]:
    """itemsize, offset, shape, strides of a view that lies within ELEMENTS."""
    shape: list[int] = []
    strides: list[int] = []
    left = ELEMENTS - 1
    for _ in range(draw(st.integers(0, 6))):
        size = draw(st.integers(1, 40 if len(shape) < 2 else 4))
        stride = draw(st.integers(0, max(left // max(size - 1, 1), 0))) if size > 1 else draw(st.integers(0, 9))
        left -= (size - 1) * stride
        shape.append(size)
        strides.append(stride)
    order = draw(st.permutations(range(len(shape))))
    return (
        draw(st.sampled_from([1, 2, 4, 8])),
        draw(st.integers(0, left)),
        tuple(shape[at] for at in order),
        tuple(strides[at] for at in order),
    )


@pytest.mark.parametrize(
    ("block", "piece", "asking"), [(32 << 20, 64 << 20, 8192), (64, 128, 0), (64, 128, 1 << 20), (1 << 20, 96, 8192)]
)
def test_against_numpy(block: int, piece: int, asking: int) -> None:
    @given(view=views())
    def check(view: tuple[int, int, tuple[int, ...], tuple[int, ...]]) -> None:
        itemsize, offset, shape, strides = view
        raw = np.random.default_rng(0).integers(0, 256, ELEMENTS * itemsize, dtype=np.uint8)
        base = raw.view(TYPES[itemsize])[offset:]
        wanted = as_strided(base, shape, [stride * itemsize for stride in strides])
        source = Memory(memoryview(raw.tobytes()), (0, 0))
        found = list(gather.blocks(source, itemsize, offset, shape, strides))
        assert b"".join(found) == wanted.tobytes()
        assert all(len(part) % itemsize == 0 and len(part) <= max(block, itemsize) for part in found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gather, "BLOCK", block)
        patch.setattr(gather, "_PIECE", piece)
        patch.setattr(gather, "_ASKING", asking)
        check()


@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_swap(width: int) -> None:
    values = np.arange(1, 17, dtype=np.uint8).view(TYPES[width])
    block = bytearray(values.tobytes())
    gather.swap(block, width)
    assert bytes(block) == values.byteswap().tobytes()


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_negate(kind: type) -> None:
    values = np.array([0.0, -1.5, np.nan, np.inf], dtype=kind)
    block = bytearray(values.tobytes())
    gather.negate(block, values.itemsize, 0, 1)
    assert bytes(block) == np.negative(values).tobytes()


def test_conjugate() -> None:
    values = np.array([1 + 2j, -3 - 0j, 0 + 5j], dtype=np.complex64)
    block = bytearray(values.tobytes())
    gather.negate(block, 4, 1, 2)
    assert bytes(block) == np.conjugate(values).tobytes()
