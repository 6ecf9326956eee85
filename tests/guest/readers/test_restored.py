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
