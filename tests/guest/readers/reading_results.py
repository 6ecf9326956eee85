"""Runs a reading in this process and collects its frames, decoded as the host decodes them."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import wire
from guest.readers.reading import Reading, Sink
from guest.readers.session import Bounds, Session
from guest.readers.source import File


@dataclass
class Result:
    """What a reader said of one file."""

    rows: dict[str, list[Any]] = field(default_factory=dict)
    data: dict[int, bytes] = field(default_factory=dict)
    metadata: bytes = b""
    kinds: list[wire.Kind] = field(default_factory=list)

    def __getitem__(self, kind: str) -> list[Any]:
        return self.rows.get(kind, [])

    @property
    def end(self) -> wire.ReadEnd:
        (end,) = self["READ_END"]
        return end  # type: ignore[no-any-return]

    @property
    def oddities(self) -> set[str]:
        return {row.id for row in self["ODDITY"]}

    @property
    def formats(self) -> list[str]:
        return [row.name for row in self["FORMAT"]]

    def uses(self, name: str) -> set[str]:
        return {row.use for row in self["GLOBAL"] if row.name == name}

    def tensors(self, content: bytes) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
        """Each tensor with its bytes, as the host would write it."""
        found = {}
        for row in self["TENSOR"]:
            copied = row.label == "copied"
            raw = content[row.offset : row.offset + row.length] if copied else self.data.get(row.index, b"")
            found[row.name] = (row.dtype, row.shape, raw)
        return found


def collect(frames: bytes) -> Result:
    """Decode everything that a reader sent; any frame that is not of the wire fails the test."""
    result = Result()
    decoder = wire.Decoder()
    for kind, payload in decoder.feed(frames):
        result.kinds.append(kind)
        if kind == wire.Kind.DATA:
            (index,) = wire.DATA_HEAD.unpack_from(payload)
            result.data[index] = result.data.get(index, b"") + payload[wire.DATA_HEAD.size :]
        elif kind == wire.Kind.META:
            result.metadata += payload
        else:
            result.rows.setdefault(kind.name, []).append(wire.decode(kind, payload))
    assert decoder.empty
    return result


def frames_of(path: Path, bounds: Bounds | None = None) -> bytes:
    """Everything that one reading sends."""
    descriptor = os.open(path, os.O_RDONLY)
    with tempfile.TemporaryFile() as frames:
        try:
            file = File(descriptor, os.fstat(descriptor).st_size)
            Reading(file, path.suffix, Session(bounds or Bounds()), Sink(frames.fileno())).run()
        finally:
            os.close(descriptor)
        frames.seek(0)
        return frames.read()


def read_file(path: Path, bounds: Bounds | None = None) -> Result:
    """One reading, whole, with what must hold of every reading checked."""
    result = collect(frames_of(path, bounds))
    _check_always(result, path.read_bytes())
    return result


def _check_always(result: Result, content: bytes) -> None:
    assert result.kinds[-1] == wire.Kind.READ_END
    assert result.kinds.count(wire.Kind.PLAN_END) == 1
    ranges = [pair for row in result["RANGES"] for pair in zip(row.offsets, row.lengths, strict=True)]
    assert all(offset + length <= len(content) for offset, length in ranges)
    digest = hashlib.sha256()
    for offset, length in ranges:
        digest.update(content[offset : offset + length])
    assert result.end.sha256 == digest.hexdigest()
    assert result.end.size == len(content)
    assert result.end.complete == (not result.end.reason)
    for row in result["TENSOR"]:
        assert row.offset + row.length <= len(content)
