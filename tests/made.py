"""Checkpoints made by chance: structures, dtypes, views, protocols and containers, each with what it must become.

The names are put together while the structure is, by the rule that README states; bytes, dtypes and shapes are torch's
and numpy's own.
"""

from __future__ import annotations

import argparse
import collections
import io
import pickle
import random
import tarfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import joblib
import numpy as np
import torch

from tests.zoo import TORCH_DTYPES, Expected, expected
from tests.zoo_archives import PACKERS


@dataclass(frozen=True)
class Made:
    """One file: how it came about, what it is called, its bytes, and its tensors."""

    story: str
    suffix: str
    content: bytes
    tensors: Expected


# Tensors. Each way gives the object, and the tensors that it becomes by what is added to its name.

Leaf = tuple[Any, dict[str, Any]]


def _shape(chance: random.Random) -> tuple[int, ...]:
    return tuple(chance.choice((0, 1, 1, 2, 3, 5)) for _ in range(chance.randrange(4)))


def _base(chance: random.Random, dtype: torch.dtype, shape: tuple[int, ...]) -> torch.Tensor:
    """Random bits: NaNs with payloads, denormals, both zeros."""
    size = torch.empty(0, dtype=dtype).element_size()
    count = int(np.prod(shape, dtype=np.int64)) * size
    raw = torch.frombuffer(bytearray(chance.randbytes(count) or b"\0"), dtype=torch.uint8)[:count].clone()
    return (raw % 2 == 0).reshape(shape) if dtype is torch.bool else raw.view(dtype).reshape(shape)


def _square(chance: random.Random, dtype: torch.dtype) -> torch.Tensor:
    return _base(chance, dtype, (chance.randrange(2, 6), chance.randrange(2, 6)))


_Way = Callable[[random.Random, torch.dtype], torch.Tensor]
_VIEWS: dict[str, _Way] = {
    "whole": lambda chance, dtype: _base(chance, dtype, _shape(chance)),
    "rows": lambda chance, dtype: _square(chance, dtype)[1:],
    "columns": lambda chance, dtype: _square(chance, dtype)[:, 1:],
    "steps": lambda chance, dtype: _square(chance, dtype)[::2, ::2],
    "turned": lambda chance, dtype: _square(chance, dtype).t(),
    "one": lambda chance, dtype: _square(chance, dtype)[1, 1],
    "diagonal": lambda chance, dtype: _square(chance, dtype).diagonal(),
    "expanded": lambda chance, dtype: _base(chance, dtype, (1, 3)).expand(4, 3),
    "overlapping": lambda chance, dtype: _base(chance, dtype, (12,)).unfold(0, 4, 2),
    "channels last": lambda chance, dtype: _base(chance, dtype, (2, 3, 2, 2)).to(memory_format=torch.channels_last),
    "empty of a part": lambda chance, dtype: _square(chance, dtype)[:, :0],
}
_BITS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "conj": lambda base: base.conj(),
    "conj turned": lambda base: base.mH,
    "neg": lambda base: base.conj().imag,
    "imag": lambda base: base.imag,
}


def _view(chance: random.Random, dtypes: list[str]) -> Leaf:
    way, dtype = chance.choice(sorted(_VIEWS)), TORCH_DTYPES[chance.choice(dtypes)]
    tensor = _VIEWS[way](chance, dtype)
    if dtype.is_floating_point and dtype.itemsize > 1 and chance.random() < 0.2:
        kind = chance.choice((torch.nn.Parameter, torch.nn.Buffer))
        tensor = kind(tensor)
    return tensor, {"": tensor}


def _bits(chance: random.Random, dtypes: list[str]) -> Leaf:
    if "C64" not in dtypes:
        return _view(chance, dtypes)
    base = torch.complex(torch.randn(3, 2), torch.randn(3, 2))
    tensor = _BITS[chance.choice(sorted(_BITS))](base)
    return tensor, {"": tensor}


def _parts(chance: random.Random, dtypes: list[str]) -> Leaf:
    """What safetensors has no form for, by its named parts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if chance.random() < 0.3:
            wide = _base(chance, torch.complex128, (2, 2))
            return wide, {"real": wide.real, "imag": wide.imag}
        dense = torch.eye(chance.randrange(2, 5))
        if chance.random() < 0.5:
            coo = dense.to_sparse()
            return coo, {"indices": coo.indices(), "values": coo.values()}
        csr = dense.to_sparse_csr()
        return csr, {"crow_indices": csr.crow_indices(), "col_indices": csr.col_indices(), "values": csr.values()}


_ARRAY_DTYPES = ("b1", "u1", "i1", "i2", "u2", "f2", "i4", "u4", "f4", "c8", "f8", "i8", "u8")


def array(chance: random.Random, _dtypes: list[str] = []) -> Leaf:  # noqa: B006 - not used
    kind = chance.choice(_ARRAY_DTYPES)
    dtype = np.dtype(kind if kind[1:] == "1" else chance.choice("<>") + kind)
    shape = _shape(chance)
    raw = np.frombuffer(chance.randbytes(int(np.prod(shape, dtype=np.int64)) * dtype.itemsize), dtype).reshape(shape)
    made = np.asarray(raw.view(np.uint8) % 2 == 0) if kind == "b1" else raw
    way = chance.randrange(4)
    made = (made, np.asfortranarray(made), made.T, made[..., ::2] if made.ndim else made)[way]
    return made, {"": made}


# Structures.

_KEYS = ("w", "weight", "ключ", "a.b", "x y", "\U0001f600", "W", "-1", "%", "$tensor")
_Source = Callable[[random.Random, list[str]], Leaf]


@dataclass
class _Maker:
    chance: random.Random
    sources: list[_Source]
    dtypes: list[str]
    modules: bool

    def __post_init__(self) -> None:
        self.tensors: dict[str, Any] = {}
        self.kept: list[Leaf] = []
        self.count = 0

    def leaf(self, name: str) -> Any:
        """A new one, or one that is there already: tied."""
        again = self.kept and self.chance.random() < 0.15
        found = self.chance.choice(self.kept) if again else self.chance.choice(self.sources)(self.chance, self.dtypes)
        self.kept.append(found)
        for part, tensor in found[1].items():
            self.tensors[f"{name}.{part}" if part else name] = tensor
        return found[0]

    def key(self) -> str:
        """No two are alike, or alike in lower case, so nothing collides."""
        self.count += 1
        return f"{self.chance.choice(_KEYS)}{self.count}"

    def value(self, name: str, depth: int) -> Any:
        ways = [self._other] if depth > 4 else [self.leaf, self._list, self._dict, self._other, self._object]
        weights = [1] if depth > 4 else [6, 2, 2, 1, 1]
        way = self.chance.choices(ways, weights)[0]
        return way(name) if way in (self.leaf, self._other) else way(name, depth)  # type: ignore[operator]

    def _list(self, name: str, depth: int) -> Any:
        kind = self.chance.choice((list, tuple, collections.deque))
        return kind(self.value(f"{name}.{at}", depth + 1) for at in range(self.chance.randrange(4)))

    def _dict(self, name: str, depth: int) -> Any:
        kind = self.chance.choice((dict, collections.OrderedDict, lambda: collections.defaultdict(list)))
        return self.filled(kind(), name, depth)

    def filled(self, held: Any, name: str | None, depth: int) -> Any:
        for _ in range(self.chance.randrange(1, 4)):
            key: Any = self.key()
            if self.chance.random() < 0.15:
                key = 1000 + self.count
            held[key] = self.value(str(key) if name is None else f"{name}.{key}", depth + 1)
        return held

    def _object(self, name: str, depth: int) -> Any:
        if self.modules and self.chance.random() < 0.5:
            module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
            self.tensors |= {f"{name}.{key}": tensor for key, tensor in module.state_dict().items()}
            return module
        held = argparse.Namespace()
        held.__dict__["inner"] = self.value(f"{name}.inner", depth + 1)
        return held

    def _other(self, _name: str) -> Any:
        return self.chance.choice(
            (None, 3, 1 << 70, 0.5, "text", b"\0\xff", {1, 2}, frozenset("a"), 1 + 2j, np.float64(2), range(3), "")
        )


# Containers. Each: how it came about, what it is called, its bytes, its tensors.

Written = tuple[str, str, bytes, dict[str, Any]]

_OLD_DTYPES = [name for name in TORCH_DTYPES if not name.startswith(("F8_", "U")) or name == "U8"]


def _torch(chance: random.Random, maker: _Maker, legacy: bool) -> tuple[str, bytes]:
    protocol = chance.choice((2, 2, 1, 3, 4, 5))
    root, held = _root(maker), io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the old format looks for each class's source code
        torch.save(root, held, pickle_protocol=protocol, _use_new_zipfile_serialization=not legacy)
    return f"protocol {protocol}", held.getvalue()


def _zip(chance: random.Random) -> Written:
    maker = _Maker(chance, [_view, _view, _bits, _parts, array], list(TORCH_DTYPES), modules=True)
    story, content = _torch(chance, maker, legacy=False)
    return f"torch zip, {story}", ".pt", content, maker.tensors


def _legacy(chance: random.Random) -> Written:
    maker = _Maker(chance, [_view, _view, _bits, array], _OLD_DTYPES, modules=True)
    story, content = _torch(chance, maker, legacy=True)
    return f"torch legacy, {story}", ".pth", content, maker.tensors


def _pickled(sources: list[_Source], what: str) -> Callable[[random.Random], Written]:
    def make(chance: random.Random) -> Written:
        protocol = chance.randrange(6)
        maker = _Maker(chance, sources, _OLD_DTYPES, modules=sources is _TENSORS)
        return f"pickle of {what}, protocol {protocol}", ".pkl", pickle.dumps(_root(maker), protocol), maker.tensors

    return make


def _root(maker: _Maker) -> Any:
    return maker.filled({}, None, 0)


def _npz(chance: random.Random) -> Written:
    named = {f"{chance.choice(_KEYS)}{number}": array(chance)[0] for number in range(chance.randrange(1, 5))}
    held, packed = io.BytesIO(), chance.random() < 0.5
    (np.savez_compressed if packed else np.savez)(held, **named)
    return f"npz, compressed: {packed}", ".npz", held.getvalue(), dict(named)


def _npy(chance: random.Random) -> Written:
    one, held = array(chance)[0], io.BytesIO()
    np.save(held, one)
    return "npy", ".npy", held.getvalue(), {"tensor": one}


def _joblib(chance: random.Random) -> Written:
    maker, held = _Maker(chance, [array], [], modules=False), io.BytesIO()
    packing = chance.choice((0, 0, 3, ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3)))
    joblib.dump(_root(maker), held, compress=packing)
    return f"joblib, {packing}", ".joblib", held.getvalue(), maker.tensors


def _tar(chance: random.Random) -> Written:
    """Several members, of which one or more hold tensors."""
    names, held, tensors = ("model.pt", "deep/er/old.pth", "a.pkl"), io.BytesIO(), {}
    chosen = chance.sample(names, chance.randrange(1, 4))
    mode = chance.choice(("w", "w:gz", "w:bz2", "w:xz"))
    with tarfile.open(fileobj=held, mode=mode, format=chance.choice((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT))) as new:
        for name, container in zip(names, ("torch zip", "torch legacy", "pickle of arrays"), strict=True):
            if name in chosen:
                _, _, content, inner = CONTAINERS[container](chance)
                tensors[name] = inner
                _add(new, name, content)
        _add(new, "README.md", b"# a model\n")
    holding = [name for name, inner in tensors.items() if inner]
    found = {
        key if len(holding) == 1 else f"{name}.{key}": value for name in holding for key, value in tensors[name].items()
    }
    return f"tar {mode} of {chosen}", ".tar", held.getvalue(), found


def _add(new: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    new.addfile(member, io.BytesIO(content))


_TENSORS: list[_Source] = [_view, _view, array]
CONTAINERS: dict[str, Callable[[random.Random], Written]] = {
    "torch zip": _zip,
    "torch legacy": _legacy,
    "pickle of arrays": _pickled([array], "arrays"),
    "pickle of tensors": _pickled(_TENSORS, "tensors"),
    "npz": _npz,
    "npy": _npy,
    "joblib": _joblib,
    "tar": _tar,
}


def make(seed: int, container: str, *, packed: bool = False) -> Made:
    """The same seed makes the same file, as far as torch writes the same twice."""
    chance = random.Random(f"{seed}/{container}")
    torch.manual_seed(seed)
    story, suffix, content, tensors = CONTAINERS[container](chance)
    if packed:
        packer = chance.choice(sorted(PACKERS))
        ending, pack = PACKERS[packer]
        story, suffix, content = f"{story}, {packer}", ending, pack(content)
    return Made(story, suffix, content, {name: expected(value) for name, value in tensors.items()})
