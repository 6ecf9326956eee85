"""Values of Python's own library beside weights."""

from __future__ import annotations

import argparse
import array
import collections
import configparser
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import ipaddress
import itertools
import logging
import operator
import os
import pathlib
import random
import re
import signal
import string
import types
import typing
import uuid
import zoneinfo
from collections.abc import Callable
from io import BytesIO, StringIO
from typing import Any

import numpy as np
import torch

from bench.detection.build.honest import Honest
from bench.detection.build.spelled import called, made, mapping, named

_FAMILY = Honest("what Python's own pickle makes of them")

# Each alone, beside a weight. Read back by pickle.load, as any of them would be.
_VALUES: dict[str, Callable[[], Any]] = {
    "datetimes": lambda: [
        datetime.datetime(2024, 1, 2, 3, tzinfo=datetime.UTC),
        datetime.date(2024, 1, 2),
        datetime.time(1, 2, 3),
    ],
    "time_zones": lambda: [
        datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone(datetime.timedelta(hours=2))),
        datetime.UTC,
    ],
    "environment": lambda: [
        os.terminal_size((80, 24)),
        called("platform.uname_result", "Linux", "node", "6.1.0", "#1 SMP", "x86_64"),
        configparser.ConfigParser(),
    ],
    "zone_info": lambda: zoneinfo.ZoneInfo("UTC"),
    "numbers": lambda: [1j, decimal.Decimal("0.1"), fractions.Fraction(1, 3), 1 << 200, float("nan"), -0.0],
    "large_numbers": lambda: [decimal.Decimal("1e-400"), fractions.Fraction("1e300"), 10**1000],
    "containers": lambda: [
        collections.deque([1, 2], 5),
        collections.defaultdict(list, a=[1]),
        collections.Counter("aab"),
        collections.OrderedDict(a=1),
        frozenset({1}),
        {2},
        bytearray(b"abc"),
        collections.ChainMap({"a": 1}),
        collections.UserDict(a=1),
    ],
    "ranges": lambda: [range(3), slice(1, 2), ..., NotImplemented],
    "counters": lambda: [itertools.count(5), iter([1, 2])],
    "paths": lambda: [pathlib.PurePosixPath("/data/a"), pathlib.PurePath("x"), pathlib.PureWindowsPath("C:/x")],
    "identifiers": lambda: [uuid.UUID(int=5), ipaddress.ip_address("192.0.2.1"), ipaddress.ip_network("192.0.2.0/24")],
    "patterns": lambda: {"tokens": re.compile(r"'s|'t| ?\w+", re.IGNORECASE), "word": re.compile(rb"\w+")},
    "enumerations": lambda: [re.RegexFlag.I, signal.SIGTERM.value, string.Template("$a")],
    "names_spaces": lambda: [argparse.Namespace(a=1), types.SimpleNamespace(b=2)],
    "logger": lambda: {"logger": logging.getLogger("train"), "level": logging.INFO},
    "bytes_streams": lambda: [BytesIO(b"abc"), StringIO("text")],
    "arrays": lambda: array.array("f", [1.0, 2.0]),
    "random_states": lambda: [
        random.Random(3),
        np.random.default_rng(1),
        np.random.RandomState(1),
        np.random.SeedSequence(5),
    ],
    "bit_generators": lambda: [np.random.PCG64(1), np.random.MT19937(1), np.random.Philox(1), np.random.SFC64(1)],
    "random_function": lambda: _Keeps(random.Random(4).random),
    "getters": lambda: [operator.itemgetter(0), operator.itemgetter("a", "b"), operator.attrgetter("loss")],
    "method_caller": lambda: operator.methodcaller("lower"),
    "partials": lambda: [functools.partial(int, base=2), functools.partial(torch.nn.functional.relu, inplace=True)],
    "functions": lambda: [
        len,
        abs,
        max,
        sorted,
        operator.add,
        np.log1p,
        np.mean,
        torch.nn.functional.gelu,
        torch.relu,
        hash,
    ],
    "types": lambda: [int, str, dict, type(None), type(...), torch.nn.Linear, np.float32, collections.OrderedDict],
    "annotations": lambda: [typing.Optional[int], typing.List[str], list[int], dict[str, typing.Any], int | None],  # noqa: UP006, UP045
    "literal_annotations": lambda: [typing.Literal["a", "b"], typing.Callable[[int], str], tuple[int, ...], typing.Any],
    "exceptions": lambda: [ValueError("loss is nan"), KeyError("a"), StopIteration()],
    "bound_methods": lambda: ["abc".upper, [].append, dict.fromkeys, torch.nn.Linear(1, 1).forward],
    "sentinels": lambda: [dataclasses.MISSING, None, True],
}


@dataclasses.dataclass
class _Keeps:
    """Made of an absent class."""

    held: Any

    def __reduce__(self) -> Any:
        return dict, ({"held": self.held},)


def _beside(make: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: {"value": make(), "w": torch.ones(2, 3), "epoch": 3}


for _name, _make in _VALUES.items():
    _FAMILY.pickled(f"standard_{_name}")(_beside(_make))
for _name in ("datetimes", "containers", "partials", "getters", "annotations", "paths", "patterns", "functions"):
    _FAMILY.saved(f"standard_{_name}_saved")(_beside(_VALUES[_name]))
for _name in ("containers", "numbers", "identifiers", "types"):
    _FAMILY.pickled(f"standard_{_name}_text", protocol=0)(_beside(_VALUES[_name]))
    _FAMILY.pickled(f"standard_{_name}_second", protocol=2)(_beside(_VALUES[_name]))


class Colour(enum.Enum):
    """Stands for enumerations of programs: pickled by value, by name, and as members of a flag."""

    RED = "red"


def _keys() -> list[Any]:
    """What dictionaries are keyed by, and sets hold, besides texts and numbers."""
    return [
        np.int64(3),
        np.str_("a"),
        np.datetime64("2024-01-02"),
        torch.float32,
        torch.device("cpu"),
        torch.Size([2, 3]),
        (1, "a", datetime.date(2024, 1, 2)),
        datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC),
        decimal.Decimal("0.5"),
        uuid.UUID(int=5),
        pathlib.PurePosixPath("/data/a b"),
        frozenset({1}),
        called("gone.Mode", "train"),
        called("builtins.getattr", named("gone.Mode"), "TEST"),
        made("gone.Spec", {"name": "conv 1", "dtype": torch.float16, "path": "a/b"}),
        made("gone.Point", None, 1.0, "left"),
        named("gone.Net"),
        torch.nn.functional.relu,
    ]


# As objects of classes that are gone: what each sort of class makes of itself.
_GONE: dict[str, Callable[[], Any]] = {
    "enum_by_value": lambda: [called("gone.Mode", "train"), called("gone.Level", 3), called("gone.Vector", (1.0, 0.5))],
    "enum_by_name": lambda: [
        called("builtins.getattr", named("gone.Mode"), "TRAIN"),
        called("builtins.getattr", named("gone.Mode"), "train"),
    ],
    "enum_flags": lambda: called("_operator.or_", called("gone.Flag", 1), called("gone.Flag", 2)),
    "named_tuple": lambda: made("gone.Point", None, 1.0, "left", torch.ones(2)),
    "data_class": lambda: made("gone.Config", {"lr": 0.1, "name": "x"}),
    "slots": lambda: made("gone.Slotted", (None, {"a": 1, "b": torch.ones(1)})),
    "dict_subclass": lambda: mapping("gone.AttrDict", {"lr": 0.1, "url": "https://a.example/b"}),
    "list_subclass": lambda: made("gone.Steps").filled(items=[1, 2, torch.ones(1)]),
    "ordered_dict_subclass": lambda: called("gone.Params").filled(pairs={"a": torch.ones(1)}),
    "default_dict_subclass": lambda: called("gone.Meters", named("gone.Meter")).filled(
        pairs={"loss": made("gone.Meter", {"sum": 1.0})}
    ),
    "counter_subclass": lambda: called("gone.Vocabulary", {"the": 4, "of": 2, "and": 1}),
    "long_counter_subclass": lambda: called("gone.Vocabulary", {f"word{at}": at for at in range(200)}),
    "set_subclass": lambda: called("gone.Labels", ["a", "b"]),
    "deque_subclass": lambda: called("gone.Buffer", [torch.ones(1), torch.zeros(1)], 100),
    "frozen_dict": lambda: called(
        "flax.core.frozen_dict.FrozenDict", {"params": {"Dense_0": {"kernel": np.ones((2, 3), np.float32)}}}
    ),
    "frozen_dict_deep": lambda: called(
        "flax.core.frozen_dict.FrozenDict",
        {
            f"layer_{at}": {"mlp": {"dense": {"kernel": np.ones((2, 3), np.float32), "bias": np.ones(3)}}}
            for at in range(12)
        },
    ),
    "sized": lambda: called("gone.Grid", 3, 4, np.arange(3.0)).built({"spacing": (1.0, 2.0)}),
    "tensor_rebuilt": lambda: called("gone._rebuild_tensor", named("gone.ImageTensor"), torch.ones(2, 2), 3),
    "time_of_pytz": lambda: [called("pytz._UTC"), called("pytz._p", "Europe/Berlin", 3600, 0, "CET")],
    "nested_class": lambda: called("builtins.getattr", named("gone.Outer"), "Inner"),
    "cython_object": lambda: called("gone._fast.__pyx_unpickle_Index", named("gone._fast.Index"), 12345678, None).built(
        (np.ones(2), 3)
    ),
    "cython_numbers": lambda: called(
        "gone._fast.__pyx_unpickle_Point", named("gone._fast.Point"), 186, (1.0, 2, "left")
    ),
    "tensor_function": lambda: called("gone.utils._tensor_from_parts", torch.ones(2, 2), 3),
    "state_of_called": lambda: called("gone.Schema", "wide").built({"name": "x", "value": 3, "activation": len}),
    "function": lambda: [named("gone.metrics.accuracy"), functools.partial(int, 5)],
    "keys": lambda: {key: at for at, key in enumerate(_keys())},
    "elements": lambda: [set(_keys()), frozenset(_keys())],
    "state_keys": lambda: made("gone.Munch", {key: at for at, key in enumerate(_keys())}),
    "factories": lambda: [
        collections.defaultdict(functools.partial(np.full, 4, 0.5)),
        collections.defaultdict(functools.partial(torch.zeros, 4, dtype=torch.float16), a=torch.ones(4)),
        collections.defaultdict(functools.partial(collections.defaultdict, list)),
        called("collections.defaultdict", named("gone.Meter")),
        called("collections.defaultdict", named("gone.agent.first_value")),
        called("collections.defaultdict", called("builtins.getattr", made("gone.Vocab", {"unk": 1}), "_default_index")),
        collections.defaultdict(itertools.count(3).__next__),
        collections.defaultdict(itertools.repeat(0).__next__),
        collections.defaultdict(functools.partial(np.random.RandomState(3).uniform, 0, 1)),
    ],
    "bound": lambda: [
        re.compile(r"\brun\b|\\w+", re.UNICODE).findall,
        np.logical_or.reduce,
        np.random.RandomState(3).normal,
        {"run": 1}.get,
        datetime.datetime.strptime,
        called("numpy.vectorize").built({"pyfunc": named("gone.agent.first_value"), "otypes": None}),
        functools.partial(re.sub, r"\s+", " "),
    ],
    "iterators": lambda: [
        enumerate(iter(["a", "b"])),
        itertools.cycle([1, 2]),
        map(str, [3]),
        zip([1], "a", strict=False),
    ],
}

for _name, _make in _GONE.items():
    _FAMILY.pickled(f"gone_{_name}")(_beside(_make))
for _name in (
    "enum_by_value",
    "named_tuple",
    "dict_subclass",
    "counter_subclass",
    "frozen_dict",
    "keys",
    "elements",
    "factories",
):
    _FAMILY.saved(f"gone_{_name}_saved")(_beside(_GONE[_name]))

SAMPLES = tuple(_FAMILY.samples)
