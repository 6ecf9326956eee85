"""Pickles with several objects, with torch files inside, by cloudpickle, and with numpy's less common arrays."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import torch

from bench.conversion.layout import Family, Made, named
from bench.conversion.zoo import absent
from tests.zoo import Expected, ramp, tied

FAMILY = Family("pickle", "model.pkl")

for _protocol in (1, 3, 4):
    FAMILY.pickles(f"pickle_tensors_{_protocol}", _protocol)(tied)


@FAMILY.layout("several_pickles")
def several(path: Path) -> Expected:
    """pickle.dump called three times on one file: by position, as a list of them would be."""
    first, second = np.arange(4, dtype=np.float32), np.arange(6, dtype=np.int64).reshape(2, 3)
    path.write_bytes(b"".join(pickle.dumps(part, 4) for part in ({"w": first}, {"epoch": 3}, {"w": second})))
    return named({"0.w": first, "2.w": second})


def _model_class() -> type:
    class Scorer:
        def __init__(self, weights: Any) -> None:
            self.weights = weights
            self.bias = np.float64(0.5)

        def score(self, values: Any) -> Any:
            return values @ self.weights + self.bias

    return Scorer


@FAMILY.layout("cloudpickle_instance")
def by_cloudpickle(path: Path) -> Expected:
    """An object of a class that travels with it, as code."""
    kind = _model_class()
    kind.__module__ = "__main__"
    weights = np.arange(6.0).reshape(3, 2)
    path.write_bytes(cloudpickle.dumps({"model": kind(weights), "w": ramp(3)}))
    return named({"model.weights": weights, "w": ramp(3)})


@FAMILY.pickles("pickled_structured_array")
def _structured() -> Made:
    rows = np.array([(1, 2.5), (3, 4.5)], dtype=[("left", "<i8"), ("value", "<f4")])
    return {"nodes": rows}, {"nodes.left": rows["left"].copy(), "nodes.value": rows["value"].copy()}


@FAMILY.pickles("pickled_out_of_order_arrays", 5)
def _layouts_of_arrays() -> Made:
    whole = np.arange(24, dtype=np.float64).reshape(4, 6)
    arrays = {"steps": whole[::2, 1::2], "turned": whole.T, "cube": np.asfortranarray(np.ones((2, 3, 4), np.int16))}
    return {"layers": list(arrays.values())}, {f"layers.{at}": value for at, value in enumerate(arrays.values())}


@FAMILY.pickles("pickled_matrix_and_masked", 4)
def _subclasses() -> Made:
    weights = np.arange(4.0).reshape(2, 2)
    return {"w": weights.view(np.recarray), "plain": weights}, {"w": weights, "plain": weights}


@FAMILY.pickles("pickled_names_of_bytes", 2)
def _bytes_names() -> Made:
    """As Python 2 left them."""
    return {b"conv1": {b"weights": np.ones((2, 2), np.float32)}}, {"conv1.weights": np.ones((2, 2), np.float32)}


@FAMILY.layout("paddle_state_dict", "model.pdparams")
def paddle(path: Path) -> Expected:
    """PaddlePaddle's parameters: arrays, and the names that its programs knew them by."""
    arrays = {"linear.weight": np.ones((2, 3), np.float32), "linear.bias": np.arange(3, dtype=np.float32)}
    names = {"linear.weight": "linear_0.w_0", "linear.bias": "linear_0.b_0"}
    path.write_bytes(pickle.dumps(arrays | {"StructuredToParameterName@@": names}, 4))
    return named(arrays)


class _PaddleTensor:
    def __init__(self, name: str, data: Any) -> None:
        self.name, self.data = name, data

    def __reduce__(self) -> Any:
        return tuple, ((self.name, self.data),)


@FAMILY.layout("paddle_tensors", "model.pdopt")
def paddle_tensors(path: Path) -> Expected:
    """PaddlePaddle's tensors: each is a pair of its name and an array."""
    weights = np.arange(6, dtype=np.float32).reshape(2, 3)
    path.write_bytes(pickle.dumps({"moment": _PaddleTensor("linear_0.w_0_moment1_0", weights)}, 4))
    return named({"moment.1": weights})


@FAMILY.layout("absent_pandas_like")
def frame(path: Path) -> Expected:
    """Arrays inside of an object whose library is not installed, three objects deep."""
    values, labels = np.arange(6.0).reshape(2, 3), np.arange(3)
    with absent.module("gone_frames.core", "Frame", "Manager", "Block") as core:
        manager = core.Manager(blocks=(core.Block(values=values, ndim=2),), axes=[core.Block(data=labels)])
        path.write_bytes(pickle.dumps(core.Frame(_mgr=manager, attrs={}), 4))
    return named({"_mgr.blocks.0.values": values, "_mgr.axes.0.data": labels})


@FAMILY.layout("module_by_pickle", "model.p")
def module(path: Path) -> Expected:
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh())
    path.write_bytes(pickle.dumps({"actor": model, "steps": 7}, 5))
    return named({f"actor.{name}": value for name, value in model.state_dict().items()})
