"""Cases 11 to 13: files that are small and become big, deep or very many when they are read."""

from __future__ import annotations

import pickle
import struct
import zlib
from functools import cache
from pathlib import Path
from typing import Any

from sandbox.facts import Report, Verdict
from tests.abuse.bench import Bench
from tests.abuse.case import Case, Evidence
from tests.abuse.memory import Growth

_GIB = 1 << 30
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_HOST_MAY_GROW = 96 << 20


def _local(name: bytes, data: bytes, method: int, size: int) -> bytes:
    return _LOCAL.pack(b"PK\3\4", 20, 0, method, 0, 0, 0, len(data), size, len(name), 0) + name + data


def _central(name: bytes, packed: int, method: int, size: int, at: int) -> bytes:
    head = _CENTRAL.pack(b"PK\1\2", 20, 20, 0, method, 0, 0, 0, packed, size, len(name), 0, 0, 0, 0, 0, at)
    return head + name


def _archive(records: bytes, central: bytes, count: int) -> bytes:
    count = min(count, 0xFFFF)
    return records + central + _END.pack(b"PK\5\6", 0, 0, count, count, len(central), len(records), 0)


@cache
def _inflating() -> bytes:
    """A data.pkl of 3 GiB that is 3 MiB in the file: one deflated piece over and over."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = packer.compress(bytes(1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH)
    data, size = piece * 192 + packer.flush(), 192 << 24
    name = b"m/data.pkl"
    return _archive(_local(name, data, 8, size), _central(name, len(data), 8, size, 0), 1)


@cache
def _many(count: int) -> bytes:
    """So many entries, all of them of the same bytes."""
    body = pickle.dumps({}, 2)
    first = _local(b"m/data.pkl", body, 0, len(body))
    entries = [_central(b"m/data.pkl", len(body), 0, len(body), 0)]
    entries += [_central(b"m/data/%d" % number, len(body), 0, len(body), 0) for number in range(count)]
    return _archive(first, b"".join(entries), count + 1)


def _lying() -> bytes:
    """A record that says, by zip64, that it holds 2^60 bytes."""
    body = pickle.dumps({}, 2)
    name = b"m/data/0"
    records = _local(b"m/data.pkl", body, 0, len(body))
    entry = bytearray(_central(name, 0xFFFFFFFF, 0, 0xFFFFFFFF, 0))
    extra = struct.pack("<2H3Q", 1, 24, 1 << 60, 1 << 60, len(records))
    entry[30:32] = struct.pack("<H", len(extra))
    entry[42:46] = b"\xff" * 4
    central = _central(b"m/data.pkl", len(body), 0, len(body), 0) + bytes(entry) + extra
    return _archive(records + _local(name, b"", 0, 0), central, 2)


def _deep() -> bytes:
    return b"\x80\x04" + b")" + b"\x85" * 1_000_000 + b"."


def _laughs() -> bytes:
    """A list of two lists that are one, sixty times over: small in memory, without end for whoever walks it."""
    return b"\x80\x04]" + b"".join(b"q%c](h%ch%ce" % (at, at, at) for at in range(60)) + b"."


def _evaluated(bench: Bench, name: str, content: bytes, **options: Any) -> Report:
    path = bench.folder() / name
    path.write_bytes(content)
    with Growth() as growth:
        report = bench.evaluate(path, write=True, memory=_GIB, **options)
    path.unlink()
    assert growth.peak < _HOST_MAY_GROW, growth.peak
    assert not list(Path(path.parent).iterdir())
    return report


def _bounded(report: Report) -> Evidence:
    """It was not read to its end, or is an alarm as what it is; the report says so and does not call it clean."""
    assert report.verdict in (Verdict.INCONCLUSIVE, Verdict.SUSPICIOUS), report.summary
    assert report.verdict is Verdict.SUSPICIOUS or not report.completeness.complete
    assert not report.outputs
    rules = sorted(row.rule for row in report.findings if row.verdict in (Verdict.INCONCLUSIVE, Verdict.SUSPICIOUS))
    return Evidence("read within bounds in the jail; the host stayed small", "findings " + ", ".join(rules))


def _zip_bomb(bench: Bench) -> Evidence:
    return _bounded(_evaluated(bench, "model.pt", _inflating(), static=True))


def _zip_many(bench: Bench) -> Evidence:
    return _bounded(_evaluated(bench, "model.pt", _many(1_000_000), static=True))


def _zip_lies(bench: Bench) -> Evidence:
    return _bounded(_evaluated(bench, "model.pt", _lying(), static=True))


def _recursion(bench: Bench) -> Evidence:
    return _bounded(_evaluated(bench, "model.pkl", _deep()))


def _billion(bench: Bench) -> Evidence:
    return _bounded(_evaluated(bench, "model.pkl", _laughs(), static=True))


# The same code reads in each jail, under the same bounds.
_ONE = ("bubblewrap",)

CASES = (
    Case("11", "Gigabytes out of megabytes: a deflated record", _zip_bomb, _ONE),
    Case("12", "A million entries that overlap", _zip_many, _ONE),
    Case("12", "A zip64 record of an exbibyte", _zip_lies, _ONE),
    Case("13", "A million levels of nesting", _recursion, _ONE),
    Case("13", "A billion laughs", _billion, _ONE),
)
