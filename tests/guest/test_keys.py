"""Keys of every kind: what the reader calls a tensor under one is what the witness of the load calls it."""

from __future__ import annotations

import collections
import datetime
import enum
import http
import math
import pickle
import sys
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from tests.guest.readers.reading_results import read_file
from tests.unjailed import convert

PACKAGE = "absent_keys"


@pytest.fixture
def absent() -> Iterator[Any]:
    """A package that is there while it is pickled."""
    module = ModuleType(PACKAGE)
    for name, base in {"Plain": object, "Text": str, "Number": int, "Several": tuple, "Raw": bytes}.items():
        setattr(module, name, type(name, (base,), {"__module__": PACKAGE}))
    for name, kind in {"Colour": enum.Enum, "Word": enum.StrEnum, "Order": enum.IntEnum, "Flag": enum.Flag}.items():
        setattr(module, name, kind(name, {"A": "word" if kind is enum.StrEnum else 11}, module=PACKAGE))  # type: ignore[call-overload]
    pair = collections.namedtuple("Pair", "a b")
    module.Pair = type("Pair", (pair,), {"__module__": PACKAGE})  # type: ignore[attr-defined]
    module.function = lambda: None  # type: ignore[attr-defined]
    module.function.__module__, module.function.__qualname__ = PACKAGE, "function"  # type: ignore[attr-defined]
    sys.modules[PACKAGE] = module
    yield module
    sys.modules.pop(PACKAGE, None)


def keys(absent: Any) -> dict[Any, str]:
    """Each with its text, or with nothing where it is named by its place."""
    return {
        "text": "text",
        "long " * 100: "long " * 100,
        "\u6a21": "\u6a21",
        b"bytes": "bytes",
        b"\xff" * 400: "\xff" * 256,
        3: "3",
        -(1 << 80): str(-(1 << 80)),
        True: "True",
        None: "None",
        0.5: "0.5",
        math.inf: "inf",
        ("a", 1, None): "(a,1,None)",
        ("a", ("b",)): "(a,(...))",
        tuple(range(40)): f"({','.join(map(str, range(16)))})",
        torch.Size([2, 3]): "(2,3)",
        np.int64(7): "7",
        np.float32(0.25): "0.25",
        np.bool_(False): "False",
        np.str_("numpy's"): "numpy's",
        np.bytes_(b"raw"): "raw",
        ("n", np.int32(5)): "(n,5)",
        np.complex64(1j): "",
        np.datetime64("2024-01-02"): "",
        np.longdouble(2): "",
        1j: "",
        frozenset("a"): "",
        dict: "",
        len: "",
        http.HTTPStatus.OK: "",
        torch.float16: "",
        torch.device("cpu"): "",
        np.dtype("f4"): "",
        ("t", torch.float32): "",
        PurePosixPath("a/b"): "",
        datetime.date(2024, 1, 2): "",
        Decimal("1.5"): "",
        Fraction(1, 3): "",
        absent.Plain: "",
        absent.Plain(): "",
        absent.function: "",
        absent.Text("x"): "",
        absent.Number(9): "",
        absent.Several("pq"): "",
        absent.Raw(b"y"): "",
        absent.Pair(1, 2): "",
        absent.Colour.A: "",
        absent.Word.A: "",
        absent.Order.A: "",
        absent.Flag.A: "",
        ("e", absent.Order.A): "",
    }


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle(protocol: int, absent: Any, tmp_path: Path) -> None:
    texts = keys(absent)
    model = {key: np.full(2, place, np.float32) for place, key in enumerate(texts)}
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(model, protocol))
    check(path, texts)


def test_a_file_of_torch(absent: Any, tmp_path: Path) -> None:
    texts = keys(absent)
    path = tmp_path / "model.pt"
    torch.save({key: torch.full((2,), float(place)) for place, key in enumerate(texts)}, path)
    check(path, texts)


def check(path: Path, texts: dict[Any, str]) -> None:
    sys.modules.pop(PACKAGE, None)
    report = convert(path, path.parent)
    compared = report.comparison
    assert not report.static.reason
    assert (compared.differ, compared.missing, compared.extra) == ((), (), ())
    expected = [text or f"<{place}>" for place, text in enumerate(texts.values())]
    assert [row.name for row in read_file(path)["TENSOR"]] == expected
