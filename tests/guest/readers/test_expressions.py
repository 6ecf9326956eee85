"""Which texts are arithmetic, and which could be code."""

from __future__ import annotations

import json

import pytest
from guest.readers.expressions import check, is_plain
from guest.readers.session import Bounds, Session

PLAIN = [
    "s0",
    "2*s77 + 1",
    "s0//2",
    "Max(1, s0)",
    "floor(s0/2)",
    "u0 >= 2",
    "Mul(Integer(2), Symbol('s77', positive=True, integer=True))",
    "FloorDiv(Add(Symbol('zuf_0'), Integer(-1)), 3)",
    "OpaqueUnaryFn_sqrt(2.5e-3)",
    "",
]
CODE = [
    "__import__('os').system('id')",
    "().__class__",
    "eval('1')",
    "open('x')",
    "open ('x')",
    "open\n('x')",
    "f'x'",
    "getattr(s0, 'x')",
    "Symbol('s0').func",
    "s0[0]",
    "lambda: 1",
    "Symbol('rm -rf /')",
    'Symbol("s0")',
    "S__x",
    "_x",
    "1 if s0 else {}",
    "s0; s1",
    "\N{FULLWIDTH LATIN SMALL LETTER E}val(1)",
]


@pytest.mark.parametrize("text", PLAIN)
def test_arithmetic_is_plain(text: str) -> None:
    assert is_plain(text)


@pytest.mark.parametrize("text", CODE)
def test_code_is_not(text: str) -> None:
    assert not is_plain(text)


def test_every_expression_of_a_program_is_looked_at() -> None:
    session = Session(Bounds())
    check({"a": [{"expr_str": "s0", "b": {"c": [{"expr_str": "f(x)"}]}}]}, "model.json", "torch-export", session)
    assert [row.detail for row in session.oddities] == ["a size is 'f(x)'"]


@pytest.mark.parametrize(
    "context",
    [
        {"default_factory_module": "antigravity", "default_factory_name": "fly", "dict_context": []},
        json.dumps({"__enum__": True, "fqn": "antigravity:fly", "name": "x"}),
    ],
)
def test_a_module_that_a_shape_names_is_told(context: object) -> None:
    session = Session(Bounds())
    spec = json.dumps([1, {"type": "x", "context": context, "children_spec": []}])
    check({"signature": {"in_spec": spec.replace("_", "\\u005f")}}, "model.json", "torch-export", session)
    assert [row.id for row in session.oddities] == ["export.import"]


def test_what_every_dictionary_is_filled_with_is_no_import() -> None:
    session = Session(Bounds())
    spec = json.dumps({"context": {"default_factory_module": "builtins", "default_factory_name": "list"}})
    check({"out_spec": spec}, "model.json", "torch-export", session)
    assert session.oddities == []
