"""Samples whose payload is a piece of a pickle: what they are written into, and the row that declares one."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.detection.sample import Part, Sample, rules
from tests.malicious.pickles import Opcodes, call, literal, model, named, stream, torch_legacy, torch_zip

SYSTEM = call("posix", "system", "id")
CALLED = "global.dangerous.called"
PROGRAM = "event.fork event.program"
Write = Callable[[bytes, Path], object]
Caught = tuple[tuple[str, str, str], ...]  # what reading finds, what a load adds, and the names of the samples


def text(value: str) -> Opcodes:
    """SHORT_BINUNICODE."""
    raw = value.encode()
    return Opcodes(b"\x8c" + bytes([len(raw)]) + raw)


def walked(module: str, name: str) -> Opcodes:
    """STACK_GLOBAL, which walks the dots of a name in a pickle of protocol 4."""
    return Opcodes(text(module) + text(name) + b"\x93")


def made(callee: Opcodes, *args: object) -> Opcodes:
    """NEWOBJ."""
    return Opcodes(callee + literal(args) + b"\x81")


def made_with(callee: Opcodes, args: tuple[object, ...], options: dict[str, object]) -> Opcodes:
    """NEWOBJ_EX."""
    return Opcodes(callee + literal(args) + literal(options) + b"\x92")


def built(target: Opcodes, state: object) -> Opcodes:
    """BUILD."""
    return Opcodes(target + literal(state) + b"b")


def extended(target: Opcodes, *items: object) -> Opcodes:
    """APPENDS."""
    return Opcodes(target + b"(" + b"".join(map(literal, items)) + b"e")


def added(target: Opcodes, *items: object) -> Opcodes:
    """ADDITEMS."""
    return Opcodes(target + b"(" + b"".join(map(literal, items)) + b"\x90")


def stored(target: Opcodes, key: object, value: object) -> Opcodes:
    """SETITEM."""
    return Opcodes(target + literal(key) + literal(value) + b"s")


def dropped(value: Opcodes, then: object = None) -> Opcodes:
    """POP: the value's last reference, and what stands in its place."""
    return Opcodes(value + b"0" + literal(then))


def printed(*args: object) -> Opcodes:
    """A partial of print, for what calls it in its own time."""
    return call("functools", "partial", named("builtins", "print"), *args)


class _Reduced:
    """Pickles as a call."""

    def __init__(self, function: Callable[..., object], *args: object) -> None:
        self._made = function, args

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self._made


def by_pickler(protocol: int, function: Callable[..., object], *args: object) -> bytes:
    """A call as Python's own pickler of a protocol writes it, among a model's values."""
    return pickle.dumps({"epoch": 3, "hook": _Reduced(function, *args)}, protocol)


def _plain(content: bytes, path: Path) -> None:
    path.write_bytes(content)


def _gzipped(content: bytes, path: Path) -> None:
    path.write_bytes(gzip.compress(content, mtime=0))


def _compressed(compress: Callable[[bytes], bytes]) -> Write:
    return lambda content, path: path.write_bytes(compress(content))


def _tarred(content: bytes, path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        member = tarfile.TarInfo("model/data.pkl")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))


def _zipped(content: bytes, path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("model/data.pkl"), content)


def _npy(content: bytes) -> bytes:
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (), }"
    padded = header + b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(padded)) + padded + content


def _in_npy(content: bytes, path: Path) -> None:
    path.write_bytes(_npy(content))


def _in_npz(content: bytes, path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("weights.npy"), _npy(content))


# What a pickle is written into: the suffix, and how.
FORMS: dict[str, tuple[str, Write]] = {
    "pickle": (".pkl", _plain),
    "bin": (".bin", _plain),
    "joblib": (".joblib", _plain),
    "joblib-zlib": (".joblib", _compressed(partial(zlib.compress, level=3))),
    "gzip": (".pkl.gz", _gzipped),
    "bzip2": (".pkl.bz2", _compressed(bz2.compress)),
    "xz": (".pkl.xz", _compressed(lzma.compress)),
    "tar": (".tar", _tarred),
    "zip": (".zip", _zipped),
    "npy": (".npy", _in_npy),
    "npz": (".npz", _in_npz),
}


def sample(
    name: str,
    technique: str,
    source: str,
    content: bytes,
    static: str = CALLED,
    watched: str = "",
    form: str = "pickle",
) -> Sample:
    """One row. `content`: a whole pickle, or a piece of one, which is then a value among a model's."""
    suffix, write = FORMS[form]
    whole = stream(model(content), 4) if isinstance(content, Opcodes) else content
    return _row(name, technique, source, f"model{suffix}", partial(write, whole), static, watched)


def declared(samples: Iterable[Sample], caught: Caught) -> tuple[Sample, ...]:
    """With what must catch them: those that `caught` doesn't name keep what they say. Raises ValueError for no sample's
    name."""
    found = {sample.name: sample for sample in samples}
    for static, watched, names in caught:
        for name in names.split():
            if name not in found:
                raise ValueError(f"no sample is called {name}")
            found[name] = replace(found[name], static=rules(static), watched=rules(watched))
    return tuple(found.values())


def caught(rows: Iterable[tuple[str, str, str, bytes]], by: Caught) -> tuple[Sample, ...]:
    """Rows of name, technique, source and content, called by their names where `by` doesn't say otherwise."""
    return declared((sample(*row) for row in rows), by)


def in_torch_zip(
    name: str, technique: str, source: str, payload: Opcodes, static: str = CALLED, watched: str = ""
) -> Sample:
    """In a PyTorch archive, behind a tensor."""
    return _row(name, technique, source, "model.pt", partial(torch_zip, payload), static, watched)


def in_torch_legacy(
    name: str, technique: str, source: str, payload: Opcodes, static: str = CALLED, watched: str = ""
) -> Sample:
    """In the format before 1.6."""
    return _row(name, technique, source, "model.pth", partial(torch_legacy, payload), static, watched)


def _row(
    name: str, technique: str, source: str, file: str, build: Callable[[Path], object], static: str, watched: str
) -> Sample:
    return Sample(name, Part.MALICIOUS, technique, source, file, build, rules(static), rules(watched))
