"""Models whose load changes their weights: a tensor or an array, kept in the memo, and what is done to it."""

from __future__ import annotations

import struct
import textwrap
from pathlib import Path

from bench.detection.build.containers import joblib_array, legacy, torch_tar
from bench.detection.build.zips import FLOATS, Row, archive
from tests.malicious.pickles import Opcodes, called, literal, named, run, stream, tensor

DICT, WEIGHT, OTHER = 1, 2, 3  # places of the memo
_OTHERS = struct.pack("<6f", 9.0, 8.0, 7.0, 6.0, 5.0, 4.0)
# A NaN with bits of its own, and a zero: values by which == tells no change.
UNTOLD = struct.pack("<2I4f", 0x7FC00001, 0x00000000, 2.0, 3.0, 4.0, 5.0)

FIND = """
import gc, sys
import torch
def weights():
    return [thing for thing in gc.get_objects() if type(thing) is torch.Tensor and tuple(thing.shape) == (2, 3)]
"""


def source(text: str) -> Opcodes:
    """Python that finds the weights by itself."""
    return run(FIND + textwrap.dedent(text))


def kept(value: Opcodes, place: int) -> Opcodes:
    """BINPUT."""
    return Opcodes(value + b"q" + bytes([place]))


def get(place: int) -> Opcodes:
    """BINGET."""
    return Opcodes(b"h" + bytes([place]))


def dotted(module: str, name: str) -> Opcodes:
    """STACK_GLOBAL, which walks dots under protocol 4."""
    return Opcodes(b"".join(b"\x8c" + bytes([len(text)]) + text.encode() for text in (module, name)) + b"\x93")


def method(module: str, name: str, *args: object) -> Opcodes:
    """A method, called by its class's name with the object in front."""
    return called(dotted(module, name), *args)


def _pairs(pairs: dict[str, object]) -> Opcodes:
    """A dictionary that is in the memo before its items come."""
    items = b"".join(literal(key) + literal(item) + b"s" for key, item in pairs.items())
    return Opcodes(b"}q" + bytes([DICT]) + items)


def torch_zip(path: Path, payload: Opcodes, *, first: bool = False, data: bytes = FLOATS) -> None:
    """Two tensors of one form, and a payload behind them or before them."""
    weights: dict[str, object] = {
        "weight": kept(tensor("0", (2, 3), (3, 1), 6), WEIGHT),
        "other": kept(tensor("1", (2, 3), (3, 1), 6), OTHER),
    }
    hook: dict[str, object] = {"hook": payload}
    body = stream(_pairs(hook | weights if first else weights | hook), 4)
    rows = [Row("archive/data.pkl", body), Row("archive/data/0", data), Row("archive/data/1", _OTHERS)]
    path.write_bytes(archive([*rows, Row("archive/version", b"3\n")]))


def torch_legacy(path: Path, payload: Opcodes) -> None:
    weight = kept(tensor("0", (2, 3), (3, 1), 6, legacy=True), WEIGHT)
    path.write_bytes(legacy(_pairs({"weight": weight, "hook": payload})))


def torch_archive_of_tar(path: Path, payload: Opcodes) -> None:
    weight = kept(Opcodes(literal("2") + b"Q"), WEIGHT)
    path.write_bytes(torch_tar(pickled=_pairs({"weight": weight, "hook": payload})))


def array() -> Opcodes:
    """numpy's array of six floats."""
    made = called(named("numpy._core.multiarray", "_reconstruct"), named("numpy", "ndarray"), (0,), b"b")
    dtype = Opcodes(called(named("numpy", "dtype"), "f4", False, True) + literal((3, "<", None, None, None, -1, -1, 0)))
    state = literal((1, (2, 3), Opcodes(dtype + b"b"), False, FLOATS))
    return Opcodes(made + state + b"b")


def arrays(path: Path, payload: Opcodes) -> None:
    """A plain pickle."""
    weights: dict[str, object] = {"weight": kept(array(), WEIGHT), "other": kept(array(), OTHER), "hook": payload}
    path.write_bytes(stream(_pairs(weights), 4))


def by_joblib(path: Path, payload: Opcodes) -> None:
    weight = kept(joblib_array(b"\1\2\3\4\5\6"), WEIGHT)
    path.write_bytes(stream(_pairs({"weight": weight, "hook": payload}), 4))
