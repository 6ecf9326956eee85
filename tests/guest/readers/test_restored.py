"""Texts of a state that its class runs: honest ones are silent, others are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from guest.readers import restored
from guest.readers.session import Bounds, Session

from tests.guest.readers.reading_results import Result
from tests.malicious.pickles import Opcodes, called, literal, named, stream

Read = Callable[..., Result]


def told(state: object) -> list[str]:
    return [detail for _, detail in restored.told(state, Session(Bounds()))]


# As scipy 1.17.1 writes it (stats/_distn_infrastructure.py, parse_arg_template).
_TEMPLATE = """
def _parse_args(self, {shapes} {given}):
    return ({shapes}), {back}

def _parse_args_rvs(self, {shapes} {given}, size=None):
    return self._argcheck_rvs({shapes} {back}, size=size)

def _parse_args_stats(self, {shapes} {given}, moments='mv'):
    return ({shapes}), {back}, moments
"""
NORM = _TEMPLATE.format(shapes="", given="loc=0, scale=1", back="loc, scale")
BETA = _TEMPLATE.format(shapes="a, b, ", given="loc=0, scale=1", back="loc, scale")
POISSON = _TEMPLATE.format(shapes="mu, ", given="loc=0", back="loc, 1")


@pytest.mark.parametrize("template", [NORM, BETA, POISSON])
def test_a_template_of_scipy_is_silent(template: str) -> None:
    assert told({"_parse_arg_template": template, "a": 0.0}) == []


@pytest.mark.parametrize(
    "template",
    [
        "import os; os.system('id')",
        BETA + "\nprint('x')",
        BETA.replace("loc=0", "loc=print(0)"),
        BETA.replace("loc, scale\n", "print(loc), scale\n"),
        BETA.replace("self._argcheck_rvs(", "self._argcheck_rvs.__globals__("),
        BETA.replace("(self,", "(self, x=[].append,", 1),
        7,
    ],
)
@pytest.mark.parametrize("wrap", [lambda state: state, lambda state: (None, state), lambda state: list(state.items())])
def test_another_template_is_told(template: object, wrap: Any) -> None:
    assert len(told(wrap({"_parse_arg_template": template}))) == 1


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ x1 + x2",
        "np.log(price) ~ C(kind, Treatment('a')) * area - 1",
        "Lottery ~ I(Wealth ** 2) + bs(age, df=4):sex",
        "größe ~ 0",
    ],
)
def test_an_ordinary_formula_is_silent(formula: str) -> None:
    assert told({"restore_design_info": True, "formula": formula}) == []


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ __import__('os').system('id')",
        "y ~ eval('1')",
        "y ~ x.pop()",
        "y ~ np.load('x')",
        "y ~ os . system ('id')",
        "y ~ [x for x in y]",
        "I(((getattr)(((getattr)(((getattr)(np,'f2py')),'os')),'system'))('id'))",
        "y ~ (getattr)(np, 'f2py')",
        "y ~ (getattr) (np, 'f2py')",
        "y ~ I(x)(z)",
        "y ~ 'x'(z)",
        "y ~ 1(z)",
        "y ~ x (z)",
        "y ~ np.log(x)('id')",
        "y ~ 'x'.pop",
    ],
)
def test_a_formula_that_calls_is_told(formula: str) -> None:
    assert told({"restore_model_spec": True, "formula": formula}) != []


def test_a_formula_that_nobody_evaluates_is_data() -> None:
    assert told({"formula": "f(x).y"}) == []


def _built(state: object) -> bytes:
    kind = called(named("copyreg", "__newobj__"), named("scipy.stats._continuous_distns", "norm_gen"))
    return stream(Opcodes(kind + literal(state) + b"b"))


def test_what_was_given_counts_and_not_what_it_became(read: Read) -> None:
    """The state is made honest after the class was given it."""
    assert restored.ODDITY not in read(_built({"_parse_arg_template": NORM}), ".pkl").oddities
    hidden = called(named("copyreg", "__newobj__"), named("scipy.stats._continuous_distns", "norm_gen"))
    later = Opcodes(
        b"(" + literal({"_parse_arg_template": "print('x')"}) + b"q\x01" + hidden + b"h\x01b"
        + b"h\x01" + literal("_parse_arg_template") + literal(NORM) + b"s" + b"t"
    )  # fmt: skip
    assert restored.ODDITY in read(stream(later), ".pkl").oddities


_NAME = "_parse_arg_template"
_DTYPE = called(named("numpy", "dtype"), f"U{len(_NAME)}", False, True)
_STATE = (3, "<", None, None, None, 4 * len(_NAME), 4, 8)


def _scalar(text: str) -> Opcodes:
    dtype = Opcodes(_DTYPE + literal(_STATE) + b"b")
    return called(named("numpy._core.multiarray", "scalar"), dtype, text.encode("utf-32-le"))


def _under(*names: object) -> bytes:
    """Objects of a distribution, whose state holds code under these names."""
    state = b"}" + b"".join(literal(name) + literal("print('x')") + b"s" for name in names)
    return stream(Opcodes(named("scipy.stats._continuous_distns", "norm_gen") + b")\x81" + state + b"b"))


@pytest.mark.parametrize(
    "name",
    [
        _scalar(_NAME),
        Opcodes(named("pkg", "Name") + literal((_NAME,)) + b"\x81"),
        Opcodes(named("collections", "UserString") + b")\x81" + literal({"data": _NAME}) + b"b"),
        called(named("copyreg", "_reconstructor"), named("pkg", "Name"), named("builtins", "str"), _NAME),
    ],
)
def test_a_name_that_is_equal_to_a_text_counts_as_that(name: Opcodes, read: Read) -> None:
    assert restored.ODDITY in read(_under(name), ".pkl").oddities
    assert restored.ODDITY in read(_under(_NAME, name), ".pkl").oddities


@pytest.mark.parametrize(
    "name",
    [
        called(named("builtins", "str"), b"\\x5fparse", "unicode_escape"),
        called(named("_operator", "add"), "_parse_arg", "_template"),
        Opcodes(named("pkg", "Name") + literal((b"\\x5fparse", "unicode_escape")) + b"\x81"),
        Opcodes(named("pkg", "Name") + literal((called(named("pkg", "join"), "a", "b"),)) + b"\x81"),
    ],
)
def test_a_name_that_nobody_can_know_is_told(name: Opcodes, read: Read) -> None:
    assert restored.HIDDEN in read(_under(name), ".pkl").oddities


def test_an_honest_template_behind_another_does_not_hide_it(read: Read) -> None:
    honest = Opcodes(named("pkg", "Mode") + literal((_NAME,)) + b"R")
    state = b"}" + literal(_NAME) + literal("print('x')") + b"s" + honest + literal(NORM) + b"s"
    made = Opcodes(named("scipy.stats._continuous_distns", "norm_gen") + b")\x81" + state + b"b")
    assert restored.ODDITY in read(stream(made), ".pkl").oddities


@pytest.mark.parametrize(
    "name",
    [
        7,
        _scalar("loc".ljust(len(_NAME), "_")),
        Opcodes(named("pkg", "Mode") + literal(("train",)) + b"R"),
        called(named("builtins", "getattr"), named("pkg", "Mode"), "TRAIN"),
        called(named("datetime", "date"), b"\x07\xe8\x01\x02"),
        Opcodes(named("pkg", "Spec") + b")\x81" + literal({"name": "conv", "kind": "deep"}) + b"b"),
    ],
)
def test_what_honest_states_are_keyed_by_is_silent(name: object, read: Read) -> None:
    assert not {restored.ODDITY, restored.HIDDEN} & set(read(_under(name), ".pkl").oddities)
