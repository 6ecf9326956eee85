"""The writer's file is what the official library would read from the same tensors, and its digests are right."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from blake3 import blake3
from safetensors import deserialize

from sandbox.errors import HostError, HostileError
from sandbox.facts import Label, Tensor
from sandbox.weights import writer as writer_module
from sandbox.weights.writer import Digests, WeightsWriter, Written
from tests.weights.rows import plan, row, whole

ROWS = [
    row(0, name="bytes", dtype="U8", shape=(7,), strides=(1,), offset=3, length=7),
    row(1, name="transposed", label="gathered", strides=(1, 2), offset=100),
    row(2, name="plain", offset=1000),
    row(3, name="inflated", label="decoded", dtype="I64", shape=(3,), strides=(1,), offset=50, length=5),
    row(4, name="empty", label="gathered", shape=(0,), strides=(1,), length=0),
    row(5, name="same", offset=1000),
    row(6, name="none", dtype="F64", shape=(0, 2), strides=(2, 1), length=0),
]
SENT = {1: os.urandom(16), 3: os.urandom(24)}


@pytest.fixture
def output_fd(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path / "out", os.O_RDWR | os.O_CREAT)
    yield fd
    os.close(fd)


def content(fd: int) -> bytes:
    return os.pread(fd, 1 << 24, 0)


def expected(tensors: tuple[Tensor, ...], source: bytes) -> dict[str, bytes]:
    return {
        tensor.name: SENT.get(tensor.index, b"")
        if tensor.label in (Label.GATHERED, Label.DECODED)
        else source[tensor.offset : tensor.offset + tensor.length]
        for tensor in tensors
    }


def test_copied_gathered_and_decoded_tensors_end_in_one_file(source: Path, source_fd: int, output_fd: int) -> None:
    tensors = plan(ROWS, 5000)
    progress: list[int] = []
    with WeightsWriter(tensors, {Label.COPIED: (source_fd,)}, whole(tensors, output_fd), progress.append) as writer:
        writer.start()
        writer.data(1, SENT[1][:5])
        writer.data(1, SENT[1][5:])
        writer.data(3, SENT[3])
        digests = writer.finish()
    data = content(output_fd)
    bodies = expected(tensors, source.read_bytes())
    assert {name: bytes(entry["data"]) for name, entry in deserialize(data)} == bodies
    assert digests == Digests(
        (Written(len(data), sha256(data).hexdigest()),),
        tuple(blake3(bodies[tensor.name]).hexdigest() for tensor in tensors),
    )
    assert max(progress) == writer.size == len(data)


def test_without_a_file_the_tensors_have_the_same_digests(source: Path, source_fd: int) -> None:
    tensors = plan(ROWS, 5000)
    with WeightsWriter(tensors, {Label.COPIED: (source_fd,)}, ()) as writer:
        writer.start()
        writer.data(1, SENT[1])
        writer.data(3, SENT[3])
        digests = writer.finish()
    bodies = expected(tensors, source.read_bytes())
    assert digests.tensors == tuple(blake3(bodies[tensor.name]).hexdigest() for tensor in tensors)
    assert digests.files == ()


def test_tensors_larger_than_a_chunk_are_whole(tmp_path: Path, output_fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "CHUNK", 1000)
    monkeypatch.setattr(writer_module, "FLUSH", 2500)
    source = os.urandom(50_000)
    (tmp_path / "big").write_bytes(source)
    rows = [
        row(0, dtype="U8", shape=(20_001,), strides=(1,), offset=5, length=20_001),
        row(1, dtype="F16", shape=(10_000,), strides=(1,), offset=20_006, length=20_000),
    ]
    fd = os.open(tmp_path / "big", os.O_RDONLY)
    with WeightsWriter(plan(rows, 50_000), {Label.COPIED: (fd,)}, whole(plan(rows, 50_000), output_fd)) as writer:
        writer.start()
        digests = writer.finish()
    os.close(fd)
    assert {name: bytes(entry["data"]) for name, entry in deserialize(content(output_fd))} == {
        "t0": source[5:20_006],
        "t1": source[20_006:40_006],
    }
    assert digests.files[0].sha256 == sha256(content(output_fd)).hexdigest()


def test_an_empty_plan_makes_an_empty_safetensors_file(source_fd: int, output_fd: int) -> None:
    with WeightsWriter((), {Label.COPIED: (source_fd,)}, whole((), output_fd)) as writer:
        writer.start()
        digests = writer.finish()
    assert list(deserialize(content(output_fd))) == []
    assert digests == Digests((Written(writer.size, sha256(content(output_fd)).hexdigest()),), ())


@pytest.mark.parametrize(
    "pieces",
    [
        [(3, SENT[3])],
        [(0, b"1234567")],
        [(9, b"1")],
        [(1, SENT[1] + b"x")],
        [(1, b"")],
        [(1, SENT[1][:9]), (3, SENT[3])],
        [(1, SENT[1]), (1, b"x")],
        [(1, SENT[1]), (3, SENT[3]), (3, b"x")],
        [(1, SENT[1]), (3, SENT[3]), (4, b"")],
    ],
)
def test_bytes_out_of_order_or_of_the_wrong_length_are_refused(
    pieces: list[tuple[int, bytes]], source_fd: int, output_fd: int
) -> None:
    with WeightsWriter(plan(ROWS, 5000), {Label.COPIED: (source_fd,)}, whole(plan(ROWS, 5000), output_fd)) as writer:
        writer.start()
        for piece in pieces[:-1]:
            writer.data(*piece)
        with pytest.raises(HostileError):
            writer.data(*pieces[-1])


def test_missing_bytes_are_refused_at_the_end(source_fd: int, output_fd: int) -> None:
    with WeightsWriter(plan(ROWS, 5000), {Label.COPIED: (source_fd,)}, whole(plan(ROWS, 5000), output_fd)) as writer:
        writer.start()
        writer.data(1, SENT[1])
        with pytest.raises(HostileError, match="tensor 3 got 0 of its 24"):
            writer.finish()


def test_an_input_that_shrinks_is_the_hosts_trouble(source: Path, source_fd: int, output_fd: int) -> None:
    tensors = plan([row(offset=4000)], 5000)
    os.truncate(source, 4008)
    with WeightsWriter(tensors, {Label.COPIED: (source_fd,)}, whole(tensors, output_fd)) as writer:
        writer.start()
        with pytest.raises(HostError, match="became shorter"):
            writer.finish()


def test_an_output_that_can_not_grow_is_the_hosts_trouble(tmp_path: Path, output_fd: int) -> None:
    """A file-size limit stands for a full disk: both come as an OSError from the write."""
    size = 1 << 16
    (tmp_path / "big").write_bytes(bytes(size))
    fd = os.open(tmp_path / "big", os.O_RDONLY)
    tensors = plan([row(dtype="U8", shape=(size,), strides=(1,), length=size)], size)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with WeightsWriter(tensors, {Label.COPIED: (fd,)}, whole(tensors, output_fd)) as writer:
            writer.start()
            with pytest.raises(HostError, match="File too large"):
                writer.finish()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        os.close(fd)


def test_what_the_progress_callback_raises_is_not_lost(source_fd: int, output_fd: int) -> None:
    def stop(_done: int) -> None:
        raise RuntimeError("stop")

    with WeightsWriter(
        plan([row()], 5000), {Label.COPIED: (source_fd,)}, whole(plan([row()], 5000), output_fd), stop
    ) as writer:
        writer.start()
        with pytest.raises(RuntimeError, match="stop"):
            writer.finish()


def test_leaving_early_ends_the_threads(source_fd: int, output_fd: int) -> None:
    with WeightsWriter(plan(ROWS, 5000), {Label.COPIED: (source_fd,)}, whole(plan(ROWS, 5000), output_fd)) as writer:
        writer.start()
    assert not any(thread.is_alive() for thread in writer._threads)
    with WeightsWriter(plan(ROWS, 5000), {Label.COPIED: (source_fd,)}, whole(plan(ROWS, 5000), output_fd)):
        pass
