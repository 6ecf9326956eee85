"""What a pickle finds and changes is told; what it makes and fills is its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.detection.build.pickled import built, extended, made, stored
from tests.guest.readers.reading_results import Result
from tests.malicious.pickles import Opcodes, call, named, stream

Read = Callable[..., Result]

_LOGGER = call("logging", "getLogger", "")
_MEMBER = call("http", "HTTPStatus", 403)
_ATTRIBUTE = call("builtins", "getattr", named("pkg.registry", "Auto"), "MAPPING")
_HANDLE = made(named("torch.utils.hooks", "RemovableHandle"))


def _told(read: Read, payload: Opcodes) -> list[str]:
    return sorted(
        name for name in read(stream(payload, 4), ".pkl").oddities if name in ("pickle.patch", "pickle.shadow")
    )


@pytest.mark.parametrize(
    "payload",
    [
        built(_LOGGER, {"disabled": True}),
        built(_LOGGER, (None, {"handlers": []})),
        built(_MEMBER, {"_value_": 200}),
        built(call("re", "RegexFlag", 2), {"note": 1}),
        built(call("pkg.modes", "Mode", "train"), {"_value_": "eval"}),
        built(_ATTRIBUTE, {"a": 1}),
        stored(_ATTRIBUTE, "bert", 1),
        extended(_ATTRIBUTE, 1),
        built(call("pkg", "_get_backend"), {"a": 1}),
        built(_HANDLE, (None, 1 << 62)),
    ],
)
def test_what_is_everybodys_is_changed_for_everybody(read: Read, payload: Opcodes) -> None:
    assert _told(read, payload) == ["pickle.patch"]


def test_a_function_over_a_loggers_method_is_a_shadow_too(read: Read) -> None:
    assert _told(read, built(_LOGGER, {"handle": named("pkg", "spy")})) == ["pickle.patch", "pickle.shadow"]


@pytest.mark.parametrize(
    "payload",
    [
        Opcodes(b"(" + _LOGGER + _MEMBER + _ATTRIBUTE + b"t"),
        built(made(named("logging", "Logger")), {"name": "train", "handlers": []}),
        built(call("pkg", "Schema", "wide"), {"name": "x"}),
        built(made(named("pkg.modes", "Mode"), "train"), {"_value_": "train"}),
        stored(call("pkg", "Meters"), "loss", 1),
        built(_HANDLE, (None, 7)),
    ],
)
def test_what_a_pickle_makes_is_its_own(read: Read, payload: Opcodes) -> None:
    assert _told(read, payload) == []
