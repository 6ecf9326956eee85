"""What an absent package's subclass of a known class makes, by every protocol: it is read, it loads, and its tensors
have the same names here and there."""

from __future__ import annotations

import datetime
import enum
import pickle
import sys
from collections import Counter, OrderedDict, UserDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from sandbox.facts import Report
from tests.unjailed import convert

PACKAGE = "absent_science"
SIZES = (2, 3)


def array() -> Any:
    return np.arange(6, dtype=np.float32).reshape(SIZES)


def tensor() -> Any:
    return torch.arange(6.0).reshape(SIZES)


Classes = ModuleType
Make = Callable[[Any], Any]


def _state(arrange: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> Callable[[Any], Any]:
    """How a subclass of numpy's array adds its own to the state."""

    def reduce(self: Any) -> Any:
        function, arguments, state = np.ndarray.__reduce__(self)
        return function, arguments, arrange(state)

    return reduce


def _with(made: Any, **attributes: Any) -> Any:
    vars(made).update(attributes)
    return made


def _set(made: Any, w: Any) -> Any:
    made.w = w
    return made


def _made(kind: Any, *_given: object, **_more: object) -> Any:
    return object.__new__(kind)


# The classes of the package: a name, its bases, its members.
CLASSES: dict[str, tuple[tuple[type, ...], dict[str, Any]]] = {
    "Plain": ((object,), {}),
    "Slots": ((object,), {"__slots__": ("w",), "__getstate__": lambda self: (None, {"w": self.w})}),
    "Packed": (
        (object,),
        {"__getstate__": lambda self: ("packed", self.w), "__setstate__": lambda _self, _state: None},
    ),
    "Given": ((object,), {"__getnewargs_ex__": lambda _self: ((1, "two"), {"three": 3}), "__new__": _made}),
    "Dict": ((dict,), {}),
    "Ordered": ((OrderedDict,), {}),
    "Default": ((defaultdict,), {}),
    "Count": ((Counter,), {}),
    "User": ((UserDict,), {}),
    "List": ((list,), {}),
    "Deque": ((deque,), {}),
    "Tuple": ((tuple,), {}),
    "Pair": ((namedtuple("Pair", "a b"),), {}),
    "Set": ((set,), {}),
    "Frozen": ((frozenset,), {}),
    "Str": ((str,), {}),
    "Bytes": ((bytes,), {}),
    "ByteArray": ((bytearray,), {}),
    "Int": ((int,), {}),
    "Float": ((float,), {}),
    "Complex": ((complex,), {}),
    "Date": ((datetime.date,), {}),
    "Time": ((datetime.datetime,), {}),
    "Delta": ((datetime.timedelta,), {}),
    "Zone": ((datetime.tzinfo,), {}),
    "Error": ((ValueError,), {}),
    "Array": ((np.ndarray,), {}),
    "Behind": ((np.ndarray,), {"__reduce__": _state(lambda state: (*state, {"unit": "m"}))}),  # numpy's own example
    "Before": ((np.ndarray,), {"__reduce__": _state(lambda state: (("m", None), *state))}),  # unyt
    "Beside": ((np.ndarray,), {"__reduce__": _state(lambda state: (state, {"unit": "m"}))}),  # astropy
    "Record": ((np.recarray,), {}),
    "Matrix": ((np.matrix,), {}),
    "Masked": ((np.ma.MaskedArray,), {}),
    "Tensor": ((torch.Tensor,), {}),
    "Parameter": ((torch.nn.Parameter,), {}),
    "Buffer": ((torch.nn.Buffer,), {}),
    "Module": ((torch.nn.Module,), {}),
    "Linear": ((torch.nn.Linear,), {}),
    "ModuleDict": ((torch.nn.ModuleDict,), {}),
    "SGD": ((torch.optim.SGD,), {}),
    "Scheduler": ((torch.optim.lr_scheduler.StepLR,), {}),
}

# What a file holds of each. Such that any pickle may hold; then those that need torch's.
MADE: dict[str, Make] = {
    "plain": lambda here: _with(here.Plain(), w=array(), n=1),
    "slots": lambda here: _set(here.Slots(), array()),
    "packed": lambda here: _with(here.Packed(), w=array()),
    "given": lambda here: _with(here.Given(), w=array()),
    "dict": lambda here: here.Dict(w=array(), n=1),
    "dict, attributes": lambda here: _with(here.Dict(w=array()), v=array()),
    "ordered": lambda here: here.Ordered(w=array()),
    "default": lambda here: here.Default(list, w=array()),
    "count": lambda here: here.Count(w=3),
    "user": lambda here: here.User(w=array()),
    "list": lambda here: here.List([array(), 1]),
    "list, attributes": lambda here: _with(here.List([array()]), v=array()),
    "deque": lambda here: here.Deque([array()], 3),
    "tuple": lambda here: here.Tuple([1, 2]),
    "pair": lambda here: here.Pair(1, 2),
    "set": lambda here: here.Set([1, 2]),
    "frozen": lambda here: here.Frozen([1, 2]),
    "str": lambda here: here.Str("text"),
    "str, attributes": lambda here: _with(here.Str("text"), w=array()),
    "bytes": lambda here: here.Bytes(b"bytes"),
    "bytearray": lambda here: here.ByteArray(b"bytes"),
    "int": lambda here: _with(here.Int(3), w=array()),
    "float": lambda here: here.Float(0.5),
    "complex": lambda here: here.Complex(1j),
    "date": lambda here: here.Date(2024, 1, 2),
    "time": lambda here: here.Time(2024, 1, 2, tzinfo=datetime.UTC),
    "delta": lambda here: here.Delta(days=2),
    "zone": lambda here: here.Zone(),
    "error": lambda here: _with(here.Error("no", 1), w=array()),
    "enum": lambda here: here.Colour.RED,
    "flag": lambda here: here.Flags.A | here.Flags.B,
    "text enum": lambda here: here.Word.RED,
    "number enum": lambda here: here.Number.ONE,
    "class": lambda here: here.Plain,
    "array": lambda here: array().view(here.Array),
    "array in Fortran's order": lambda here: np.asfortranarray(array()).view(here.Array),
    "array of objects": lambda here: np.array([array(), None], object).view(here.Array),
    "array, empty": lambda here: np.zeros((0, 3), np.float32).view(here.Array),
    "array, one number": lambda here: np.array(3.0).view(here.Array),
    "array, its own behind": lambda here: array().view(here.Behind),
    "array, its own before": lambda here: array().view(here.Before),
    "array, its own beside": lambda here: array().view(here.Beside),
    "record": lambda here: np.zeros(2, [("a", "<f4"), ("b", "<i8")]).view(here.Record),
    "matrix": lambda here: array().view(here.Matrix),
    "masked": lambda here: here.Masked(array(), array() > 2),
    "module": lambda here: _with(here.Module(), note="x"),
}
TORCH: dict[str, Make] = {
    "tensor": lambda here: tensor().as_subclass(here.Tensor),
    "tensor, attributes": lambda here: _with(tensor().as_subclass(here.Tensor), unit="m"),
    "parameter": lambda here: here.Parameter(tensor()),
    "parameter, attributes": lambda here: _with(here.Parameter(tensor()), axis=1),
    "parameter of a tensor": lambda here: torch.nn.Parameter(tensor().as_subclass(here.Tensor)),
    "buffer": lambda here: here.Buffer(tensor()),
    "linear": lambda here: here.Linear(2, 3),
    "modules": lambda here: here.ModuleDict({"a": torch.nn.ReLU(), "b": here.Linear(1, 2)}),
    "optimizer": lambda here: _stepped(here.SGD([torch.nn.Parameter(tensor())], 0.1, momentum=0.9)),
    "sparse": lambda here: tensor().to_sparse(),
}


def _stepped(optimizer: Any) -> Any:
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    return optimizer


@pytest.fixture
def here() -> Iterator[Classes]:
    """The package, while something of it is pickled."""
    module = ModuleType(PACKAGE)
    for name, (bases, members) in CLASSES.items():
        setattr(module, name, type(name, bases, {"__module__": PACKAGE, **members}))
    for name, kind, values in (
        ("Colour", enum.Enum, {"RED": 1}),
        ("Flags", enum.Flag, {"A": 1, "B": 2}),
        ("Word", enum.StrEnum, {"RED": "red"}),
        ("Number", enum.IntEnum, {"ONE": 1}),
    ):
        setattr(module, name, kind(name, values, module=PACKAGE))  # type: ignore[call-overload]
    sys.modules[PACKAGE] = module
    yield module
    sys.modules.pop(PACKAGE, None)


def _checked(path: Path) -> Report:
    sys.modules.pop(PACKAGE, None)
    report = convert(path, path.parent)
    compared = report.comparison
    assert not report.static.reason
    assert (compared.differ, compared.missing, compared.extra) == ((), (), ())
    return report


@pytest.mark.parametrize("protocol", range(6))
def test_any_pickle(protocol: int, here: Classes, tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({name: make(here) for name, make in MADE.items()}, protocol))
    assert _checked(path).comparison.agree == TENSORS


@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")
@pytest.mark.parametrize(("protocol", "zipped"), [(1, True), (2, False), (5, True)])
def test_what_torch_saves(protocol: int, zipped: bool, here: Classes, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    model = {name: make(here) for name, make in (MADE | TORCH).items()}
    torch.save(model, path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    assert _checked(path).comparison.agree >= TENSORS + len(TORCH)


TENSORS = 30
