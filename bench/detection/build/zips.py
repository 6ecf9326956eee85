"""Zip archives whose every header may say something else than is so."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.malicious.pickles import FLOATS, Opcodes, call, literal, model, stream, tensor

_DATE = 0x21  # 1 January 1980, which is as early as DOS goes
SYSTEM = call("posix", "system", "id")


@dataclass(frozen=True)
class Row:
    """A record. What is None is as it should be; `local` and `listed` are what either header says instead.

    `hidden`: it has a local header, and the directory doesn't list it. `before`: bytes in front of it.
    `at`: where the directory says that it begins, if that is elsewhere.
    """

    name: str | bytes
    data: bytes = b""
    method: int = 0
    packed: bytes | None = None
    flags: int = 0
    local: dict[str, int | bytes] = field(default_factory=dict)
    listed: dict[str, int | bytes] = field(default_factory=dict)
    extra: bytes = b""
    comment: bytes = b""
    before: bytes = b""
    hidden: bool = False
    unwritten: bool = False
    at: int | None = None


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def archive(rows: Sequence[Row], comment: bytes = b"", *, count: int | None = None, shift: int = 0) -> bytes:
    """The whole archive. `count`: of records, in the end record. `shift`: what is added to every offset."""
    body, listed = bytearray(), []
    for row in rows:
        body += row.before
        start = len(body) if row.at is None else row.at
        if not row.unwritten:
            body += _local(row)
        if not row.hidden:
            listed.append(_listed(row, start + shift))
    directory = b"".join(listed)
    total = len(listed) if count is None else count
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, total, total, len(directory), len(body) + shift, len(comment))
    return bytes(body) + directory + end + comment


def _said(row: Row, instead: dict[str, int | bytes]) -> dict[str, int | bytes]:
    packed = row.data if row.packed is None else row.packed
    name = row.name.encode() if isinstance(row.name, str) else row.name
    said = {"name": name, "flags": row.flags, "method": row.method, "crc": zlib.crc32(row.data)}
    return said | {"packed": len(packed), "size": len(row.data), "extra": row.extra} | instead


def _local(row: Row) -> bytes:
    said = _said(row, row.local)
    head = struct.pack(
        "<4s5H3I2H", b"PK\3\4", 20, said["flags"], said["method"], 0, _DATE, said["crc"], said["packed"], said["size"],
        len(said["name"]), len(said["extra"]),
    )  # fmt: skip
    return head + said["name"] + said["extra"] + (row.data if row.packed is None else row.packed)


def _listed(row: Row, start: int) -> bytes:
    said = _said(row, row.listed)
    head = struct.pack(
        "<4s6H3I5H2I", b"PK\1\2", 20, 20, said["flags"], said["method"], 0, _DATE, said["crc"], said["packed"],
        said["size"], len(said["name"]), len(said["extra"]), len(row.comment), 0, 0, 0, start,
    )  # fmt: skip
    return head + said["name"] + said["extra"] + row.comment


HONEST = stream({"weight": tensor("0", (2, 3), (3, 1), 6)}, 2)
HOSTILE = stream(model(SYSTEM, weight=tensor("0", (2, 3), (3, 1), 6)), 2)


def hostile(payload: Opcodes) -> bytes:
    """data.pkl with a payload of choice."""
    return stream(model(payload, weight=tensor("0", (2, 3), (3, 1), 6)), 2)


def torch_rows(*first: Row, root: str = "archive", data: bytes = HONEST) -> list[Row]:
    """A PyTorch archive's own records, behind the given ones; data.pkl is left out where those have it."""
    has = any(row.name == f"{root}/data.pkl" for row in first)
    pickled = [] if has else [Row(f"{root}/data.pkl", data)]
    rest = [Row(f"{root}/data/0", FLOATS), Row(f"{root}/byteorder", b"little"), Row(f"{root}/version", b"3\n")]
    return [*first, *pickled, *rest]


def written(path: Path, rows: Sequence[Row], comment: bytes = b"", count: int | None = None) -> None:
    path.write_bytes(archive(rows, comment, count=count))


__all__ = ["FLOATS", "HONEST", "HOSTILE", "SYSTEM", "Row", "archive", "deflated", "hostile", "literal", "torch_rows"]
