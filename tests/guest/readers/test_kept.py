"""What objects keep to be called when they are used: each hook and each replaced method is told by its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from guest.readers import kept

from tests.guest.readers.reading_results import Result, read_file
from tests.malicious.pickles import Opcodes, call, literal, named, stream

_DICT = call("collections", "OrderedDict")
_HOOK = named("acme", "hook")
_BOUND = call("functools", "partial", _HOOK, 1)
_PARTS = {"_parameters": _DICT, "_buffers": _DICT, "_modules": _DICT}


def _made(name: str, state: object) -> Opcodes:
    return Opcodes(named("acme", name) + b")\x81" + literal(state) + b"b")


def _table(*hooks: object) -> Opcodes:
    return Opcodes(_DICT + b"".join(literal(at) + literal(hook) + b"s" for at, hook in enumerate(hooks)))


def _hook(told: str) -> tuple[str, str]:
    return kept.HOOK, told


def _method(told: str) -> tuple[str, str]:
    return kept.METHOD, told


def _kept(body: object, tmp_path: Path) -> list[tuple[str, str]]:
    path = tmp_path / "model.pkl"
    path.write_bytes(stream(body))
    return [(row.id, row.detail) for row in read_file(path)["ODDITY"] if row.id.startswith("kept.")]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (_made("Net", {"_forward_hooks": _table(_HOOK)}), _hook("acme.hook in _forward_hooks of acme.Net")),
        (_made("Net", {"_load_hooks": _table((_HOOK, True))}), _hook("acme.hook in _load_hooks of acme.Net")),
        (_made("Net", {"_backward_hooks": [_made("Hook", {})]}), _hook("acme.Hook in _backward_hooks of acme.Net")),
        (_made("Net", (None, {"_forward_hooks": _table(_HOOK)})), _hook("acme.hook in _forward_hooks of acme.Net")),
        (
            call("torch._utils", "_rebuild_parameter", None, True, _table(_HOOK)),
            _hook("acme.hook in _backward_hooks of torch._utils._rebuild_parameter"),
        ),
        (_made("Net", {"forward": _HOOK}), _method("acme.hook in the place of forward of acme.Net")),
        (_made("Net", {"forward": _BOUND}), _method("functools.partial in the place of forward of acme.Net")),
        (_made("Net", _PARTS | {"train": _HOOK}), _method("acme.hook in the place of train of acme.Net")),
        (
            Opcodes(_DICT + literal({"items": _HOOK}) + b"b"),
            _method("acme.hook in the place of items of collections.OrderedDict"),
        ),
    ],
)  # fmt: skip
def test_what_waits_to_be_called_is_told(body: object, found: tuple[str, str], tmp_path: Path) -> None:
    assert _kept(body, tmp_path) == [found]


_WEIGHT = {"weight": named("acme", "Tensor")}


@pytest.mark.parametrize(
    ("state", "places"),
    [
        (_PARTS | {"weight": 1, "_parameters": _WEIGHT}, "its attributes and among _parameters"),
        (_PARTS | {"weight": 1, "_modules": _WEIGHT}, "its attributes and among _modules"),
        (_PARTS | {"_parameters": _WEIGHT, "_buffers": _WEIGHT}, "_parameters and among _buffers"),
        ((None, _PARTS | {"_buffers": _WEIGHT, "_modules": _WEIGHT}), "_buffers and among _modules"),
    ],
)
def test_what_a_module_has_twice_is_told(state: object, places: str, read: Callable[..., Result]) -> None:
    told = [row for row in read(stream(_made("Net", state)), ".pkl")["ODDITY"] if row.id == kept.DOUBLED]
    assert [row.detail for row in told] == [f"acme.Net has 'weight' among {places}"]


def test_one_name_in_different_modules_and_in_what_is_no_module_is_not(read: Callable[..., Result]) -> None:
    inner = _made("Net", _PARTS | {"_parameters": _WEIGHT, "weight_orig": 1})
    outer = _made("Net", _PARTS | {"_modules": {"inner": inner}, "weight": 1})
    options = _made("Options", {"_parameters": _WEIGHT, "weight": 1})
    assert kept.DOUBLED not in read(stream([outer, options]), ".pkl").oddities


def test_a_table_that_is_filled_after_the_object_got_it_is_told(tmp_path: Path) -> None:
    table = Opcodes(_DICT + b"q\x07")
    late = Opcodes(b"h\x07" + literal(1) + literal(_HOOK) + b"s0")
    net = _made("Net", {"_forward_hooks": table})
    assert _kept(Opcodes(net + late), tmp_path) == [_hook("acme.hook in _forward_hooks of acme.Net")]


def test_the_same_in_many_objects_is_told_once(tmp_path: Path) -> None:
    assert len(_kept([_made("Net", {"_forward_hooks": _table(_HOOK)})] * 50, tmp_path)) == 1


@pytest.mark.parametrize(
    "body",
    [
        _made("Net", {"_forward_hooks": _DICT, "activation": named("torch.nn.functional", "relu")}),
        _made("Options", {"train": _HOOK, "to": "cuda", "forward": True}),
        _made("Net", {"forward": named("acme", "Forward")}),
        Opcodes(_DICT + literal({"_metadata": _DICT}) + b"b"),
    ],
)
def test_what_honest_objects_hold_is_not(body: object, tmp_path: Path) -> None:
    assert _kept(body, tmp_path) == []


_DEFAULT = "collections", "defaultdict"


def _later(body: object, tmp_path: Path) -> list[tuple[str, str]]:
    path = tmp_path / "model.pkl"
    path.write_bytes(stream(body))
    return [(row.name, row.arguments) for row in read_file(path)["GLOBAL"] if row.use == "kept"]


def _partial(head: Opcodes, *args: object, **kwargs: object) -> Opcodes:
    """As a partial pickles itself."""
    return Opcodes(call("functools", "partial", head) + literal((head, args, dict(kwargs), None)) + b"b")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (call(*_DEFAULT, _HOOK), ("acme.hook", "()")),
        (call("_collections", "defaultdict", _HOOK), ("acme.hook", "()")),
        (call(*_DEFAULT, _partial(_HOOK, "id", at=3)), ("acme.hook", "('id', {'at': 3})")),
        (call(*_DEFAULT, call("builtins", "getattr", named("acme", "Net"), "make")), ("acme.Net.make", "()")),
        (Opcodes(call(*_DEFAULT) + literal((None, {"default_factory": _HOOK})) + b"b"), ("acme.hook", "()")),
        (
            Opcodes(named("acme", "Meters") + b")\x81" + literal((None, {"default_factory": _BOUND})) + b"b"),
            ("acme.hook", "(1,)"),
        ),
    ],
)
def test_what_a_dictionary_calls_is_a_use(body: object, found: tuple[str, str], tmp_path: Path) -> None:
    assert found in _later(body, tmp_path)


def _of(owner: Opcodes | object, name: str) -> Opcodes:
    return call("builtins", "getattr", owner, name)


_CALLS = call("builtins", "map", _HOOK, ["x"])


@pytest.mark.parametrize(
    ("factory", "found"),
    [
        (_of(Opcodes(named("acme", "Vocab") + b")\x81"), "unknown"), [("acme.Vocab.unknown", "()")]),
        (_of(call("re", "_compile", "a", 32), "sub"), [("re.Pattern.sub", "()")]),
        (_of({"a": 1}, "__len__"), []),
        (_of(call("itertools", "count", 3), "__next__"), []),
        (_of(call("builtins", "iter", ["a"]), "__next__"), []),
    ],
)
def test_a_method_that_a_dictionary_calls_is_known_by_its_object(
    factory: Opcodes, found: list[tuple[str, str]], tmp_path: Path
) -> None:
    body = call(*_DEFAULT, factory)
    assert _later(body, tmp_path) == found
    assert _kept(body, tmp_path) == []


@pytest.mark.parametrize(
    "owner",
    [
        _CALLS,
        call("itertools", "count", _CALLS),
        call("builtins", "iter", _HOOK, None),
        call("builtins", "iter", [_CALLS]),
        call("acme", "make"),
        _of(_HOOK, "next"),
    ],
)
def test_a_method_of_what_calls_is_told(owner: Opcodes, tmp_path: Path) -> None:
    assert [ident for ident, _ in _kept(call(*_DEFAULT, _of(owner, "__next__")), tmp_path)] == [kept.FACTORY]


def test_what_a_dictionary_within_a_dictionary_calls_is_a_use(tmp_path: Path) -> None:
    names = {name for name, _ in _later(call(*_DEFAULT, _partial(named(*_DEFAULT), _HOOK)), tmp_path)}
    assert names == {"collections.defaultdict", "acme.hook"}


def test_a_dictionary_that_somebodys_code_is_given_is_told(tmp_path: Path) -> None:
    given = call(*_DEFAULT, _HOOK)
    told = (kept.FACTORY, "acme.hook is what a dictionary calls for each key that it hasn't")
    assert told in _kept(_made("Net", given), tmp_path)
    assert told in _kept(call("acme", "Net", given), tmp_path)
    assert told not in _kept(_made("Net", {"held": given}), tmp_path)
    assert _kept(_made("Net", call(*_DEFAULT, named("builtins", "list"))), tmp_path) == []


def test_names_of_another_kind_hide_no_hook(tmp_path: Path) -> None:
    name = Opcodes(named("acme", "Name") + literal(("_forward_hooks",)) + b"\x81")
    state = Opcodes(b"}" + name + _table(_HOOK) + b"s")
    assert _hook("acme.hook in _forward_hooks of acme.Net") in _kept(_made("Net", state), tmp_path)
