"""Benign archives and compressed files, each with what it must become, as in `zoo`.

What no library writes any more is put together by hand; torch.load is the oracle for torch's own.
"""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.zoo import Build, Expected, expected, flat, ramp, strided, tied

ARCHIVES: dict[str, Build] = {}
SUFFIXES: dict[str, str] = {}


def lz4_frame(content: bytes) -> bytes:
    """As the format's description has it, without its library: runs of one byte are packed, anything else is stored."""
    frame = b"\x04\x22\x4d\x18\x60\x40\x82"
    for at in range(0, len(content), 1 << 16):
        block = content[at : at + (1 << 16)]
        packed = _run(block) if len(block) > 300 and block == block[:1] * len(block) else b""
        frame += struct.pack("<I", len(packed) or len(block) | 1 << 31) + (packed or block)
    return frame + bytes(4)


def _run(block: bytes) -> bytes:
    """One literal, a match of all but the last five bytes with the byte before it, five literals."""
    more = len(block) - 1 - 5 - 4 - 15
    return b"\x1f" + block[:1] + b"\1\0" + b"\xff" * (more // 255) + bytes([more % 255]) + b"\x50" + block[:5]


PACKERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": (".gz", gzip.compress),
    "bzip2": (".bz2", bz2.compress),
    "xz": (".xz", lzma.compress),
    "lzma": (".lzma", lambda content: lzma.compress(content, lzma.FORMAT_ALONE)),
    "zlib": (".z", zlib.compress),
    "lz4": (".lz4", lz4_frame),
}


def archive(name: str, suffix: str) -> Callable[[Callable[[], tuple[bytes, dict[str, Any]]]], Any]:
    """A layout that a function makes: its bytes, and its tensors by name."""

    def add(make: Callable[[], tuple[bytes, dict[str, Any]]]) -> Any:
        def build(path: Path) -> Expected:
            torch.manual_seed(0)
            content, tensors = make()
            path.write_bytes(content)
            return {name: expected(value) for name, value in tensors.items()}

        ARCHIVES[name], SUFFIXES[name] = build, suffix
        return make

    return add


def saved(model: Any, **options: Any) -> bytes:
    held = io.BytesIO()
    torch.save(model, held, **options)
    return held.getvalue()


def tarred(members: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=form) as new:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            if name.endswith("/"):
                entry.type = tarfile.DIRTYPE
            new.addfile(entry, io.BytesIO(content))
    return held.getvalue()


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as new:
        for name, content in members.items():
            new.writestr(name, content)
    return held.getvalue()


def _packed(pack: Callable[[bytes], bytes], content: Callable[[Any], bytes]) -> Any:
    def make() -> tuple[bytes, dict[str, Any]]:
        model, tensors = flat()
        return pack(content(model)), tensors

    return make


for _name, (_suffix, _pack) in PACKERS.items():
    archive(f"{_name}_torch", f".pt{_suffix}")(_packed(_pack, saved))
archive("gzip_legacy", ".pt.gz")(_packed(gzip.compress, lambda it: saved(it, _use_new_zipfile_serialization=False)))
archive("gzip_streams", ".gz")(_packed(lambda it: gzip.compress(it[:99]) + gzip.compress(it[99:]), saved))


@archive("gzip_pickle", ".pkl.gz")
def _gzip_pickle() -> tuple[bytes, dict[str, Any]]:
    model = {"a": np.arange(6, dtype="f4").reshape(2, 3), "b": [np.arange(3, dtype=">i2")]}
    return gzip.compress(pickle.dumps(model, 4)), {"a": model["a"], "b.0": model["b"][0]}


_VOCABULARY = {"config.json": b'{"model": {"type": "x"}}\n', "./vocabulary/": b"", "vocabulary/tokens.txt": b"the\na\n"}


def model_archive(form: int = tarfile.PAX_FORMAT) -> tuple[bytes, dict[str, Any]]:
    """As AllenNLP writes them: the weights of one model, and text beside."""
    model, tensors = tied()
    return tarred({"weights.th": saved(model), **_VOCABULARY}, form), tensors


archive("tar_ustar", ".tar")(lambda: model_archive(tarfile.USTAR_FORMAT))
archive("tar_gnu", ".tar")(lambda: model_archive(tarfile.GNU_FORMAT))
for _name, (_suffix, _pack) in PACKERS.items():
    if _name in ("gzip", "bzip2", "xz"):
        archive(f"tar_{_name}", f".tar{_suffix}")(lambda pack=_pack: (pack(model_archive()[0]), model_archive()[1]))


@archive("tar_of_two", ".tar")
def _tar_of_two() -> tuple[bytes, dict[str, Any]]:
    long = "a/" * 60 + "model.pkl"
    members = {"./one.pt": saved({"w": ramp(3)}), long: pickle.dumps({"w": np.arange(4.0)}, 4), "notes.txt": b"none\n"}
    return tarred(members), {"one.pt.w": ramp(3), f"{long}.w": np.arange(4.0)}


def _several(method: int) -> tuple[bytes, dict[str, Any]]:
    model, tensors = strided()
    inner = tarred({"b.th": saved({"w": ramp(5)})})
    members = {"a/model.pt": saved(model), "inner.tar": inner, "a/readme.md": b"# none\n"}
    found = {f"a/model.pt.{name}": value for name, value in tensors.items()}
    return zipped(members, method), found | {"inner.tar.w": ramp(5)}


archive("zip_stored", ".zip")(lambda: _several(zipfile.ZIP_STORED))
archive("zip_deflated", ".zip")(lambda: _several(zipfile.ZIP_DEFLATED))


def stable_baselines(extra: bytes | None = None) -> tuple[bytes, dict[str, Any]]:
    """`extra`: one more pickle among the settings."""
    seen = np.arange(3, dtype="f4")
    pickled = {"_last_obs": pickle.dumps(seen, 4), **({} if extra is None else {"extra": extra})}
    data: dict[str, Any] = {"gamma": 0.99, "n_steps": 2048, "nested": {"lists": [1, [2]]}}
    for key, value in pickled.items():
        data[key] = {":type:": "<class 'x'>", ":serialized:": base64.b64encode(value).decode()}
    policy = {"net.weight": ramp(2, 3), "net.bias": ramp(2)}
    optimizer = {"state": {0: {"step": 3, "exp_avg": ramp(2, 3)}}, "param_groups": [{"lr": 0.1}]}
    members = {
        "data": json.dumps(data).encode(),
        "pytorch_variables.pth": saved(None),
        "policy.pth": saved(policy),
        "policy.optimizer.pth": saved(optimizer),
        "_stable_baselines3_version": b"1.0",
    }
    tensors = {"data._last_obs": seen, **{f"policy.pth.{name}": value for name, value in policy.items()}}
    return zipped(members, zipfile.ZIP_STORED), tensors | {"policy.optimizer.pth.state.0.exp_avg": ramp(2, 3)}


archive("stable_baselines", ".zip")(stable_baselines)


class _Key:
    """An object that old torch's pickle names by its key."""

    def __init__(self, key: int) -> None:
        self.key = key


class _Pickler(pickle.Pickler):
    def persistent_id(self, item: Any) -> str | None:
        return str(item.key) if isinstance(item, _Key) else None


Storages = dict[int, tuple[type, bytes]]  # key: class, bytes
Tensors = dict[int, tuple[int, tuple[int, ...], tuple[int, ...], int]]  # key: storage, shape, strides, offset
Views = list[tuple[int, int, int, int]]  # key, storage, offset, elements


def torch_tar(storages: Storages, views: Views, tensors: Tensors, root: bytes) -> dict[str, bytes]:
    """The members of an archive as torch.save wrote it before 0.1.10."""
    held, named = io.BytesIO(), io.BytesIO()
    pickle.dump(len(storages), held, 2)
    for key, (kind, raw) in storages.items():
        pickle.dump((key, "cpu", kind), held, 2)
        held.write(struct.pack("<q", len(raw) // kind._dtype.itemsize) + raw)  # type: ignore[attr-defined]
    pickle.dump(views, held, 2)
    pickle.dump(len(tensors), named, 2)
    for key, (storage, shape, strides, offset) in tensors.items():
        pickle.dump((key, storage, torch.FloatTensor), named, 2)
        named.write(struct.pack(f"<i4x{2 * len(shape) + 1}q", len(shape), *shape, *strides, offset))
    sizes = {"protocol_version": 1000, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    return {
        "sys_info": pickle.dumps(sizes, 2),
        "pickle": root,
        "tensors": named.getvalue(),
        "storages": held.getvalue(),
    }


def with_keys(model: Any) -> bytes:
    held = io.BytesIO()
    _Pickler(held, 2).dump(model)
    return held.getvalue()


@archive("torch_tar", ".pt")
def old_torch() -> tuple[bytes, dict[str, Any]]:
    big, small = ramp(12), torch.arange(5)
    members = torch_tar(
        {101: (torch.FloatStorage, big.numpy().tobytes()), 102: (torch.LongStorage, small.numpy().tobytes())},
        [(103, 101, 4, 6)],
        {
            201: (101, (3, 4), (4, 1), 0),
            202: (101, (4, 3), (1, 4), 0),
            203: (102, (5,), (1,), 0),
            204: (103, (2, 3), (3, 1), 0),
            205: (102, (), (), 4),
        },
        with_keys(
            {"w": _Key(201), "t": _Key(202), "tied": _Key(201), "n": [_Key(203)], "view": _Key(204), "s": _Key(205)}
        ),
    )
    tensors = {
        "w": big.view(3, 4),
        "t": big.view(3, 4).t(),
        "tied": big.view(3, 4),
        "n.0": small,
        "view": big[4:10].view(2, 3),
        "s": small[4],
    }
    return tarred(members), tensors
