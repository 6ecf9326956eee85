"""The layouts of numpy, joblib and what else keeps numpy's arrays in pickles."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from tests.zoo import Expected, all_of, expected, layout, pickles

NODES = np.dtype(
    {
        "names": ["left_child", "threshold", "missing_go_to_left"],
        "formats": ["<i8", "<f8", "u1"],
        "offsets": [0, 8, 16],
        "itemsize": 24,
    }
)


def ramp(*shape: int, dtype: Any = "<f4") -> Any:
    """Values that tell every element from its neighbours."""
    count = int(np.prod(shape, dtype=np.int64))
    return (np.arange(count) % 251).reshape(shape).astype(dtype)


def arrays() -> dict[str, Any]:
    """In every order that numpy writes."""
    return {
        "c": ramp(3, 4),
        "fortran": np.asfortranarray(ramp(3, 4)),
        "big_endian": ramp(2, 3, dtype=">f8"),
        "scalar": np.array(7.5),
        "empty": np.empty((0, 3), "<i4"),
        "flags": np.array([True, False]),
        "half": ramp(5, dtype="<f2"),
        "c64": ramp(4, dtype="<c8"),
    }


def forms() -> tuple[dict[str, Any], dict[str, Any]]:
    """Arrays that safetensors has no form for, and what each becomes."""
    nodes = np.zeros(5, NODES)
    nodes["left_child"], nodes["threshold"], nodes["missing_go_to_left"] = (
        np.arange(5),
        np.arange(5) / 4,
        [0, 1, 0, 1, 1],
    )
    packed = np.zeros((2, 3), [("flag", "?"), ("value", ">f4"), ("pair", "<i2", (2,)), ("deep", [("x", "<f8")])])
    packed["value"], packed["pair"], packed["deep"]["x"] = ramp(2, 3), ramp(2, 3, 2), ramp(2, 3) / 8
    double = (ramp(2, 3) + 1j * ramp(2, 3)[::-1]).astype("<c16")
    swapped = double.astype(">c16")
    days = np.array(["2020-01-02", "NaT"], "M8[D]")
    spans = np.array([1, 2, 3], ">m8[25us]")
    masked = np.ma.masked_array(ramp(2, 2), [[False, True], [True, False]])
    record = np.rec.array([(1, 2.5), (3, 4.5)], dtype=[("a", "<i4"), ("b", "<f8")])
    table = {
        "nodes": nodes,
        "packed": packed,
        "double": double,
        "swapped": swapped,
        "days": days,
        "spans": spans,
        "masked": masked,
        "record": record,
        "matrix": ramp(2, 2).view(np.matrix),
        "words": np.array(["ab", "c\u20ac"]),
        "bytes": np.array([b"ab", b"c"]),
        "number": np.float32(2.5),
        "when": np.datetime64("2020-01-02"),
    }
    tensors: dict[str, Any] = {f"nodes.{name}": nodes[name] for name in NODES.names or ()}
    tensors |= {"packed.flag": packed["flag"], "packed.value": packed["value"], "packed.pair": packed["pair"]}
    tensors |= {"packed.deep.x": packed["deep"]["x"]}
    for name in ("double", "swapped"):
        tensors |= {f"{name}.real": table[name].real, f"{name}.imag": table[name].imag}
    tensors |= {"days": days.view("i8"), "spans": spans.view(">i8")}
    tensors |= {"masked.data": masked.data, "masked.mask": masked.mask, "matrix": np.asarray(table["matrix"])}
    return table, tensors | {"record.a": np.asarray(record["a"]), "record.b": np.asarray(record["b"])}


for _protocol in (2, 5):
    pickles(f"pickle_forms_{_protocol}", _protocol)(forms)


@pickles("pickle_random_states", 4)
def _random_states() -> tuple[Any, dict[str, Any]]:
    state, generator = np.random.RandomState(3), np.random.Generator(np.random.MT19937(5))
    old = state.get_state(legacy=False)["state"]["key"]
    return {"old": state, "new": generator, "tuple": state.get_state()}, {
        "old.bit_generator.state.key": old,
        "old.state.key": old,
        "new.bit_generator.state.key": generator.bit_generator.state["state"]["key"],
        "new.bit_generator.seed_seq.state.2": np.random.SeedSequence(5).pool,
        "tuple.1": old,
    }


def _npy(value: Any, **options: Any) -> bytes:
    held = io.BytesIO()
    np.lib.format.write_array(held, value, **options)
    return held.getvalue()


@layout("npy_plain")
def npy_plain(path: Path) -> Expected:
    value = np.asfortranarray(ramp(4, 6, dtype=">f8"))
    path.write_bytes(_npy(value, version=(2, 0)))
    return {"tensor": expected(value)}


@layout("npy_objects")
def npy_objects(path: Path) -> Expected:
    inner = {"w": ramp(3), "b": ramp(2, 2)}
    np.save(path, np.array(inner, dtype=object), allow_pickle=True)
    return all_of(inner)


@layout("npz_stored")
def npz_stored(path: Path) -> Expected:
    np.savez(path, **arrays(), objects=np.array([ramp(2), "text"], dtype=object))
    return all_of(arrays() | {"objects.0": ramp(2)})


@layout("npz_deflated")
def npz_deflated(path: Path) -> Expected:
    table, tensors = forms()
    kept = {name: table[name] for name in ("nodes", "double", "days", "words")}
    np.savez_compressed(path, **arrays(), **kept)
    return all_of(arrays() | {name: value for name, value in tensors.items() if name.partition(".")[0] in kept})


@layout("joblib_plain")
def joblib_plain(path: Path) -> Expected:
    table, tensors = forms()
    joblib.dump({"arrays": arrays(), **table, "objects": np.array([ramp(3), None], dtype=object)}, path)
    return all_of({f"arrays.{name}": value for name, value in arrays().items()} | tensors | {"objects.0": ramp(3)})


@layout("pickle_several")
def pickle_several(path: Path) -> Expected:
    path.write_bytes(b"".join(pickle.dumps(part, 4) for part in ({"w": ramp(2)}, 5, ramp(3))))
    return all_of({"0.w": ramp(2), "2": ramp(3)})


@layout("pickle_paddle")
def pickle_paddle(path: Path) -> Expected:
    """As paddle.save writes a state dict at protocol 2."""
    state = {"linear.weight": ramp(3, 2), "StructuredToParameterName@@": {"linear.weight": "linear_0.w_0"}}
    path.write_bytes(pickle.dumps(state, 2))
    return all_of({"linear.weight": ramp(3, 2)})
