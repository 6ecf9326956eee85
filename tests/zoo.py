"""Benign files in every layout that ordinary code writes, each with what it must become.

`ZOO[name](path)` writes the file and returns {tensor's name: (safetensors dtype, shape, little-endian bytes)}, made by
torch and numpy themselves.
"""

from __future__ import annotations

import argparse
import collections
import datetime
import io
import pathlib
import pickle
import sys
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

Expected = dict[str, tuple[str, tuple[int, ...], bytes]]
Build = Callable[[Path], Expected]

ZOO: dict[str, Build] = {}

TORCH_DTYPES = {
    "BOOL": torch.bool,
    "U8": torch.uint8,
    "I8": torch.int8,
    "F8_E5M2": torch.float8_e5m2,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E8M0": torch.float8_e8m0fnu,
    "F8_E4M3FNUZ": torch.float8_e4m3fnuz,
    "F8_E5M2FNUZ": torch.float8_e5m2fnuz,
    "I16": torch.int16,
    "U16": torch.uint16,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I32": torch.int32,
    "U32": torch.uint32,
    "F32": torch.float32,
    "C64": torch.complex64,
    "F64": torch.float64,
    "I64": torch.int64,
    "U64": torch.uint64,
}
_NAMES = {dtype: name for name, dtype in TORCH_DTYPES.items()}
_NUMPY = {
    "b1": "BOOL", "u1": "U8", "i1": "I8", "i2": "I16", "u2": "U16", "f2": "F16", "i4": "I32", "u4": "U32",
    "f4": "F32", "c8": "C64", "f8": "F64", "i8": "I64", "u8": "U64",
}  # fmt: skip


_SUFFIXES = {"pickle": ".pkl", "npy": ".npy", "npz": ".npz", "joblib": ".joblib"}


def suffix(name: str) -> str:
    """What a file of this layout is usually called."""
    return _SUFFIXES.get(name.partition("_")[0], ".pt")


def expected(value: Any) -> tuple[str, tuple[int, ...], bytes]:
    """What torch or numpy says that a tensor is."""
    if isinstance(value, np.ndarray):
        little = value.astype(value.dtype.newbyteorder("<"))
        return _NUMPY[value.dtype.str[1:]], value.shape, little.tobytes("C")
    plain = value.detach().resolve_conj().resolve_neg().contiguous()
    flat = plain.reshape(-1)
    flat = flat.as_strided(flat.shape, (1,))  # of a single element any stride counts as contiguous
    raw = flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
    return _NAMES[value.dtype], tuple(value.shape), raw


def all_of(tensors: dict[str, Any]) -> Expected:
    """What each tensor is."""
    return {name: expected(value) for name, value in tensors.items()}


def layout(name: str) -> Callable[[Build], Build]:
    def add(build: Build) -> Build:
        ZOO[name] = build
        return build

    return add


def saves(name: str, **options: Any) -> Callable[[Callable[[], tuple[Any, dict[str, Any]]]], Any]:
    """A layout that torch.save writes: the function gives the object and its tensors by name."""

    def add(make: Callable[[], tuple[Any, dict[str, Any]]]) -> Any:
        def build(path: Path) -> Expected:
            torch.manual_seed(0)
            model, tensors = make()
            torch.save(model, path, **options)
            return all_of(tensors)

        ZOO[name] = build
        return make

    return add


def pickles(name: str, protocol: int) -> Callable[[Callable[[], tuple[Any, dict[str, Any]]]], Any]:
    """A layout that pickle.dump writes."""

    def add(make: Callable[[], tuple[Any, dict[str, Any]]]) -> Any:
        def build(path: Path) -> Expected:
            torch.manual_seed(0)
            model, tensors = make()
            path.write_bytes(pickle.dumps(model, protocol))
            return all_of(tensors)

        ZOO[name] = build
        return make

    return add


def ramp(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Values that tell every element from its neighbours."""
    count = int(np.prod(shape, dtype=np.int64))
    return (torch.arange(count) % 251).reshape(shape).to(dtype)


def flat() -> tuple[Any, dict[str, Any]]:
    state = {"a.weight": ramp(3, 4), "a.bias": ramp(3), "b.weight": ramp(2, 3) - 5}
    return state, dict(state)


saves("state_dict")(flat)
saves("legacy_state_dict", _use_new_zipfile_serialization=False)(flat)
for _protocol in (1, 3, 4, 5):
    saves(f"protocol_{_protocol}", pickle_protocol=_protocol)(flat)
saves("legacy_protocol_4", _use_new_zipfile_serialization=False, pickle_protocol=4)(flat)


@saves("bare_tensor")
def _bare() -> tuple[Any, dict[str, Any]]:
    tensor = ramp(5, 2)
    return tensor, {"tensor": tensor}


@saves("nested")
def _nested() -> tuple[Any, dict[str, Any]]:
    a, b, c, d = ramp(2, 2), ramp(3), ramp(4), ramp(1)
    model = {"model": {"layers": [{"w": a}, (b, [c])], 7: {"x": d}}, "epoch": 3, "name": "nested", "lr": 0.1}
    return model, {"model.layers.0.w": a, "model.layers.1.0": b, "model.layers.1.1.0": c, "model.7.x": d}


def tied() -> tuple[Any, dict[str, Any]]:
    shared = ramp(4, 4)
    other = torch.nn.Parameter(ramp(3))
    model = {"encoder": shared, "decoder": shared, "view": shared.view(16), "p": other, "q": other}
    return model, dict(model)


saves("tied")(tied)
saves("legacy_tied", _use_new_zipfile_serialization=False)(tied)


def views() -> tuple[Any, dict[str, Any]]:
    big = ramp(10, 10)
    model = {
        "rows": big[2:5],
        "columns": big[:, 3:6],
        "steps": big[::2, ::3],
        "one": big[4, 4],
        "tail": big.view(-1)[90:],
        "diagonal": big.diagonal(),
    }
    return model, dict(model)


saves("views")(views)
saves("legacy_views", _use_new_zipfile_serialization=False)(views)


def strided() -> tuple[Any, dict[str, Any]]:
    image = ramp(2, 3, 4, 5)
    model = {
        "transposed": ramp(6, 7).t(),
        "permuted": ramp(2, 3, 4).permute(2, 0, 1),
        "channels_last": image.to(memory_format=torch.channels_last),
        "expanded": ramp(1, 4).expand(5, 4),
        "expanded_scalar": torch.tensor(3.5).expand(2, 3),
        "expanded_inner": ramp(4, 1).expand(4, 6),
        "unfolded": ramp(10).unfold(0, 4, 2),
        "half_transposed": ramp(5, 3, dtype=torch.float16).t(),
        "byte_transposed": ramp(5, 3, dtype=torch.uint8).t(),
        "wide_transposed": ramp(5, 3, dtype=torch.int64).t(),
    }
    return model, dict(model)


saves("strided")(strided)
saves("legacy_strided", _use_new_zipfile_serialization=False)(strided)


@saves("strided_big")
def _strided_big() -> tuple[Any, dict[str, Any]]:
    matrix = ramp(1200, 900)
    model = {"transposed": matrix.t(), "sparse": ramp(1 << 20)[:: 1 << 15], "corner": matrix[::599, ::449]}
    return model, dict(model)


@saves("conj_neg")
def _conj_neg() -> tuple[Any, dict[str, Any]]:
    z = torch.complex(ramp(3, 4), ramp(3, 4) - 6)
    other = z.clone()
    model = {
        "conj": z.conj(),
        "conj_transposed": z.mH,
        "neg": other.conj().imag,
        "neg_zero": torch.zeros(3, dtype=torch.complex64).conj().imag,
        "plain": other.real,
    }
    return model, dict(model)


def dtypes() -> tuple[Any, dict[str, Any]]:
    model = {}
    for name, dtype in TORCH_DTYPES.items():
        size = torch.empty(0, dtype=dtype).element_size()
        raw = torch.arange(1, 1 + 6 * size, dtype=torch.uint8)
        model[name] = (raw % 2 == 0)[:6] if dtype is torch.bool else raw.view(dtype)
    return model, dict(model)


saves("dtypes")(dtypes)


@saves("legacy_dtypes", _use_new_zipfile_serialization=False)
def _legacy_dtypes() -> tuple[Any, dict[str, Any]]:
    model, tensors = dtypes()
    old = {name: value for name, value in model.items() if name[0] != "U" or name == "U8"}
    old = {name: value for name, value in old.items() if not name.startswith("F8")}
    return old, {name: tensors[name] for name in old}


@saves("scalars_and_empties")
def _scalars() -> tuple[Any, dict[str, Any]]:
    model = {
        "scalar": torch.tensor(7.25),
        "long": torch.tensor(9),
        "empty": torch.empty(0),
        "empty_2d": torch.empty(3, 0, 2),
        "one": torch.ones(1, 1, 1),
        "count": torch.tensor(True),
    }
    return model, dict(model)


@saves("no_tensors")
def _no_tensors() -> tuple[Any, dict[str, Any]]:
    return {"epoch": 1, "history": [0.5, 0.25], "none": None, "big": 1 << 80}, {}


@saves("empty_dict")
def _empty() -> tuple[Any, dict[str, Any]]:
    return {}, {}


@saves("parameters")
def _parameters() -> tuple[Any, dict[str, Any]]:
    plain = torch.nn.Parameter(ramp(3, 2))
    marked = torch.nn.Parameter(ramp(4), requires_grad=False)
    marked.note = "kept by a state"  # type: ignore[attr-defined]
    buffer = torch.nn.Buffer(ramp(2))
    return {"plain": plain, "marked": marked, "buffer": buffer}, {"plain": plain, "marked": marked, "buffer": buffer}


def _network() -> torch.nn.Module:
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(8, 3)
    )


@saves("optimizer")
def _optimizer() -> tuple[Any, dict[str, Any]]:
    model = _network()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    model(torch.ones(2, 1, 4, 4)).sum().backward()
    optimizer.step()
    checkpoint = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 12}
    tensors: dict[str, Any] = {f"model.{name}": value for name, value in model.state_dict().items()}
    for number, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.state.{number}.{name}": value for name, value in state.items()}
    return checkpoint, tensors


def module() -> tuple[Any, dict[str, Any]]:
    model = _network()
    return model, dict(model.state_dict())


saves("module")(module)
saves("legacy_module", _use_new_zipfile_serialization=False)(module)


@saves("recurrent_module")
def _recurrent() -> tuple[Any, dict[str, Any]]:
    model = torch.nn.ModuleDict({"lstm": torch.nn.LSTM(3, 4), "embed": torch.nn.Embedding(5, 3)})
    return model, dict(model.state_dict())


@saves("tied_module")
def _tied_module() -> tuple[Any, dict[str, Any]]:
    model = torch.nn.ModuleDict({"a": torch.nn.Linear(3, 3), "b": torch.nn.Linear(3, 3)})
    model["b"].weight = model["a"].weight
    return model, dict(model.state_dict())


_GONE = """
import torch

class Gone(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.body = torch.nn.Linear(4, 2)
        self.register_buffer("mean", torch.arange(3.0))
        self.register_buffer("cache", torch.arange(5.0), persistent=False)
        self.register_parameter("absent", None)
        self.loose = torch.arange(7.0)
        self.settings = {"width": 4, "kept": [1, 2]}

class Plain:
    pass

class Slotted:
    __slots__ = ("weight",)
"""


def _with_gone(write: Callable[[types.ModuleType], Expected]) -> Expected:
    """Run with a module that exists only meanwhile."""
    gone = types.ModuleType("package_that_is_gone")
    sys.modules[gone.__name__] = gone
    try:
        exec(_GONE, gone.__dict__)
        return write(gone)
    finally:
        del sys.modules[gone.__name__]


def _save_gone(path: Path, **options: Any) -> Expected:
    def write(gone: types.ModuleType) -> Expected:
        model = gone.Gone()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the old format looks for the class's source code
            torch.save({"net": model, "step": 4}, path, **options)
        return all_of({f"net.{name}": value for name, value in model.state_dict().items()})

    return _with_gone(write)


@layout("absent_module")
def absent_module(path: Path) -> Expected:
    return _save_gone(path)


@layout("legacy_absent_module")
def legacy_absent_module(path: Path) -> Expected:
    return _save_gone(path, _use_new_zipfile_serialization=False)


@layout("absent_objects")
def absent_objects(path: Path) -> Expected:
    def write(gone: types.ModuleType) -> Expected:
        plain, slotted = gone.Plain(), gone.Slotted()
        plain.weight, plain.inner = ramp(3), {"deep": ramp(2)}
        slotted.weight = ramp(4)
        torch.save({"plain": plain, "slotted": slotted}, path)
        return all_of(
            {"plain.weight": plain.weight, "plain.inner.deep": plain.inner["deep"], "slotted.weight": slotted.weight}
        )

    return _with_gone(write)


@saves("tensor_subclass")
def _subclass() -> tuple[Any, dict[str, Any]]:
    marked = ramp(3, 3).as_subclass(Marked)
    return {"marked": marked}, {"marked": marked.as_subclass(torch.Tensor)}


class Marked(torch.Tensor):
    """A subclass without behaviour."""


@saves("namespace")
def _namespace() -> tuple[Any, dict[str, Any]]:
    arguments = argparse.Namespace(lr=0.1, layers=[1, 2], path=pathlib.PurePosixPath("a/b"), scale=ramp(2))
    state = {"args": arguments, "state_dict": {"w": ramp(3)}}
    return state, {"args.scale": arguments.scale, "state_dict.w": state["state_dict"]["w"]}


@saves("python_objects")
def _python_objects() -> tuple[Any, dict[str, Any]]:
    model = {
        "defaults": collections.defaultdict(list, {"w": [ramp(2)]}),
        "counter": collections.Counter("abba"),
        "queue": collections.deque([ramp(3)], maxlen=4),
        "set": {1, 2},
        "frozen": frozenset({"x"}),
        "bytes": b"\x00\xff",
        "bytearray": bytearray(b"abc"),
        "complex": 1 + 2j,
        "slice": slice(1, 2),
        "range": range(3),
        "when": datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC),
        "infinite": float("inf"),
        "dtype": torch.float32,
        "device": torch.device("cpu"),
        "size": torch.Size([2, 3]),
        ("tuple", 1): ramp(4),
    }
    tensors = {"defaults.w.0": model["defaults"]["w"][0], "queue.0": model["queue"][0]}
    return model, tensors | {"(tuple,1)": model["tuple", 1]}


@saves("ordered_with_metadata")
def _ordered() -> tuple[Any, dict[str, Any]]:
    state = torch.nn.Linear(3, 2).state_dict()
    return {"state_dict": state}, {f"state_dict.{name}": value for name, value in state.items()}


@saves("lightning_like")
def _lightning() -> tuple[Any, dict[str, Any]]:
    state = _network().state_dict()
    checkpoint = {
        "epoch": 3,
        "global_step": 120,
        "pytorch-lightning_version": "2.1.0",
        "state_dict": state,
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 3}}}},
        "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(0.25), "best_model_path": "x.ckpt"}},
        "optimizer_states": [],
        "hyper_parameters": {"lr": np.float64(0.001), "size": np.int64(4), "flag": np.bool_(True)},
    }
    tensors: dict[str, Any] = {f"state_dict.{name}": value for name, value in state.items()}
    return checkpoint, tensors | {"callbacks.ModelCheckpoint.best_model_score": torch.tensor(0.25)}


def arrays() -> tuple[Any, dict[str, Any]]:
    grid = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    model = {
        "c": grid,
        "fortran": np.asfortranarray(grid),
        "big": np.arange(6, dtype=">i4").reshape(2, 3),
        "big_fortran": np.asfortranarray(np.arange(6, dtype=">f8").reshape(2, 3)),
        "half": np.arange(5, dtype=np.float16),
        "flags": np.array([True, False]),
        "complex": np.array([1 + 2j], dtype=np.complex64),
        "scalar_array": np.array(5, dtype=np.uint16),
        "empty": np.zeros((0, 3), dtype=np.int8),
        "long": np.arange(3000, dtype=np.int64),
        "number": np.float32(1.5),
        "nested": [{"x": np.ones(3, dtype=np.uint8)}],
    }
    tensors = {name: value for name, value in model.items() if isinstance(value, np.ndarray)}
    return model, tensors | {"nested.0.x": model["nested"][0]["x"]}  # type: ignore[index]


saves("arrays")(arrays)
saves("legacy_arrays", _use_new_zipfile_serialization=False)(arrays)
for _protocol in range(6):
    pickles(f"pickle_arrays_{_protocol}", _protocol)(arrays)
for _protocol in (0, 2, 5):
    pickles(f"pickle_tensors_{_protocol}", _protocol)(tied)


@pickles("pickle_objects", 4)
def _object_array() -> tuple[Any, dict[str, Any]]:
    inner = np.arange(4.0)
    mixed = np.empty(2, dtype=object)
    mixed[:] = ["text", inner]
    return {"mixed": mixed, "words": np.array(["ab", "c"])}, {"mixed.1": inner}


@pickles("pickle_module", 4)
def _pickled_module() -> tuple[Any, dict[str, Any]]:
    return module()


@saves("shared_and_cyclic")
def _cyclic() -> tuple[Any, dict[str, Any]]:
    part = {"w": ramp(2)}
    model: dict[str, Any] = {"a": part, "b": part}
    model["self"] = model
    return model, {"a.w": part["w"], "b.w": part["w"]}


@saves("left_out")
def _left_out() -> tuple[Any, dict[str, Any]]:
    kept = ramp(2)
    model = {
        "meta": torch.empty(3, device="meta"),
        "kept": kept,
    }
    return model, {"kept": kept}


@saves("structured")
def _structured() -> tuple[Any, dict[str, Any]]:
    """Tensors that become several."""
    wide = torch.tensor([1 + 2j, -3j], dtype=torch.complex128)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        coo, csr = torch.eye(3).to_sparse(), torch.eye(4).to_sparse_csr()
        quantized = torch.quantize_per_tensor(ramp(2, 3), 0.1, 7, torch.qint8)
    return {"coo": coo, "csr": csr, "wide": wide, "quantized": quantized}, {
        "coo.indices": coo.indices(),
        "coo.values": coo.values(),
        "csr.crow_indices": csr.crow_indices(),
        "csr.col_indices": csr.col_indices(),
        "csr.values": csr.values(),
        "wide.real": wide.real,
        "wide.imag": wide.imag,
        "quantized.int_repr": quantized.int_repr(),
    }


@saves("storage_alone")
def _storage() -> tuple[Any, dict[str, Any]]:
    kept = ramp(4)
    return {"storage": ramp(3).untyped_storage(), "kept": kept}, {"kept": kept}


@saves("many_small")
def _many() -> tuple[Any, dict[str, Any]]:
    model = {f"layer.{number}.w": ramp(number % 5 + 1) for number in range(300)}
    return model, dict(model)


@layout("cuda_location")
def cuda_location(path: Path) -> Expected:
    """As saved on a machine with a GPU: the location is text in the pickle."""
    model, tensors = flat()
    held = io.BytesIO()
    torch.save(model, held, _use_new_zipfile_serialization=False)
    path.write_bytes(held.getvalue().replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0"))
    return all_of(tensors)


# Theirs are made with what stands above.
from tests import zoo_numpy, zoo_programs  # noqa: E402, F401
