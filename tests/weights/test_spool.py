"""Returned tensors wait in a bounded file, and then are written like copied ones."""

from __future__ import annotations

import os
from collections.abc import Iterator
from tempfile import TemporaryFile

import pytest
from safetensors import deserialize

from sandbox.errors import HostileError
from sandbox.facts import Label
from sandbox.untrusted import wire
from sandbox.weights.plan import Caps
from sandbox.weights.spool import ReturnedSpool, contiguous_strides
from sandbox.weights.writer import WeightsWriter
from tests.weights.rows import CAPS, plan, row, whole


@pytest.fixture
def fd() -> Iterator[int]:
    with TemporaryFile() as file:
        yield file.fileno()


def returned(index: int, shape: tuple[int, ...], name: str = "") -> wire.Returned:
    return wire.Returned(index, name or f"r{index}", "U8", shape)


def test_returned_tensors_are_written_after_the_plans(fd: int, source_fd: int) -> None:
    copied = plan([row()], 5000)
    spool = ReturnedSpool(fd, CAPS, copied)
    spool.add(returned(0, (2, 3)))
    spool.data(0, b"abc")
    spool.data(0, b"def")
    spool.add(returned(1, (0,)))
    spool.add(returned(2, ()))
    spool.data(2, b"g")
    made = spool.finish()
    assert [(tensor.index, tensor.label, tensor.strides) for tensor in made] == [
        (1, Label.RETURNED, (3, 1)),
        (2, Label.RETURNED, (1,)),
        (3, Label.RETURNED, ()),
    ]
    out = os.memfd_create("out")
    with WeightsWriter(
        (*copied, *made), {Label.COPIED: (source_fd,), Label.RETURNED: (fd,)}, whole((*copied, *made), out)
    ) as writer:
        writer.start()
        writer.finish()
    written = {name: bytes(entry["data"]) for name, entry in deserialize(os.pread(out, 10_000, 0))}
    assert written == {"t0": os.pread(source_fd, 16, 0), "r0": b"abcdef", "r1": b"", "r2": b"g"}
    os.close(out)


def test_rows_and_bytes_out_of_order_are_refused(fd: int) -> None:
    spool = ReturnedSpool(fd, CAPS)
    with pytest.raises(HostileError):
        spool.data(0, b"a")
    with pytest.raises(HostileError, match="came where 0 was due"):
        spool.add(returned(1, (1,)))
    spool.add(returned(0, (2,)))
    with pytest.raises(HostileError):
        spool.data(1, b"a")
    with pytest.raises(HostileError):
        spool.data(0, b"abc")
    with pytest.raises(HostileError, match="0 of its 2"):
        spool.add(returned(1, (2,)))
    with pytest.raises(HostileError, match="0 of its 2"):
        spool.finish()


@pytest.mark.parametrize(
    "bad",
    [
        returned(0, (101,)),
        returned(0, (1,), "t0"),
        returned(0, (1,), "__metadata__"),
        wire.Returned(0, "r", "U7", (1,)),
    ],
)
def test_the_plans_caps_and_names_bind_returned_tensors_too(bad: wire.Returned, fd: int, source_fd: int) -> None:
    spool = ReturnedSpool(fd, Caps(total_bytes=116), plan([row()], 5000))
    with pytest.raises(HostileError):
        spool.add(bad)


def test_strides_are_row_major() -> None:
    assert contiguous_strides((2, 3, 4)) == (12, 4, 1)
    assert contiguous_strides(()) == ()
