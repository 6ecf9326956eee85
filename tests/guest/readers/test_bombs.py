"""A few words that make numbers, texts and arrays beyond all measure are told, and ordinary ones aren't."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from guest.readers import bombs

from tests.guest.readers.reading_results import Result
from tests.malicious.pickles import Opcodes, call, stream

Read = Callable[..., Result]


@pytest.mark.parametrize(
    "payload",
    [
        call("fractions", "Fraction", "1e999999999"),
        call("fractions", "Fraction", "-1E-99_999_999_999"),
        call("fractions", "Fraction", call("decimal", "Decimal", "1e999999999")),
        call("operator", "mul", "a", 10**12),
        call("_operator", "mul", 10**12, [None]),
        call("operator", "pow", 10, 10**9),
        call("builtins", "pow", 2, 10**10),
        call("operator", "lshift", 1, 10**10),
        call("builtins", "bytearray", 10**12),
        call("builtins", "list", call("builtins", "range", 10**12)),
        call("collections", "deque", call("itertools", "count"), 5),
        call("torch", "FloatTensor", 10**6, 10**6),
        call("numpy", "ndarray", (10**6, 10**6)),
    ],
)
def test_what_no_machine_holds_is_told(read: Read, payload: Opcodes) -> None:
    assert bombs.BOMB in read(stream(payload, 4), ".pkl").oddities


@pytest.mark.parametrize(
    "payload",
    [
        call("fractions", "Fraction", "1e300"),
        call("fractions", "Fraction", 1, 3),
        call("decimal", "Decimal", "1e999999999"),
        call("operator", "mul", "ab", 100),
        call("operator", "pow", 2, 64),
        call("torch", "FloatStorage", 10**6),
        call("numpy", "ndarray", (10**3, 10**3)),
        call("builtins", "range", 10**12),
        call("builtins", "list", call("builtins", "range", 10)),
        call("itertools", "count"),
    ],
)
def test_ordinary_ones_are_not(read: Read, payload: Opcodes) -> None:
    assert bombs.BOMB not in read(stream(payload, 4), ".pkl").oddities
