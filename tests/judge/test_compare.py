"""Plan against witness."""

from __future__ import annotations

from sandbox.facts import Comparison, Label, Tensor, Witness
from sandbox.judge import compare


def tensor(name: str, dtype: str = "F32", shape: tuple[int, ...] = (2,)) -> Tensor:
    return Tensor(0, name, dtype, shape, (1,), Label.COPIED, "data/0", 0, 8, 8, -1)


def witness(name: str, digest: str = "aa", dtype: str = "F32", shape: tuple[int, ...] = (2,)) -> Witness:
    return Witness(name, dtype, shape, digest)


PLAN = (tensor("a"), tensor("b"))
DIGESTS = {"a": "aa", "b": "bb"}


def test_agreement() -> None:
    assert compare(PLAN, DIGESTS, (witness("b", "bb"), witness("a"))) == Comparison(agree=2)


def test_other_bytes_dtype_or_shape_differ() -> None:
    assert compare(PLAN, DIGESTS, (witness("a"), witness("b", "b0"))) == Comparison(1, differ=("b",))
    assert compare(PLAN, DIGESTS, (witness("a"), witness("b", "bb", "I32"))) == Comparison(1, differ=("b",))
    assert compare(PLAN, DIGESTS, (witness("a"), witness("b", "bb", shape=(1, 2)))) == Comparison(1, differ=("b",))


def test_missing_and_extra() -> None:
    assert compare(PLAN, DIGESTS, (witness("a"), witness("c"))) == Comparison(1, missing=("b",), extra=("c",))


def test_a_second_witness_of_one_name_does_not_hide_the_first() -> None:
    twice = (witness("a", "00"), witness("a"), witness("b", "bb"))
    assert compare(PLAN, DIGESTS, twice) == Comparison(1, differ=("a",))
    assert compare(PLAN, DIGESTS, twice[::-1]) == Comparison(1, differ=("a",))


def test_without_a_digest_the_form_is_compared() -> None:
    assert compare(PLAN[:1], {}, (witness("a", "whatever"),)) == Comparison(agree=1)
    assert compare(PLAN[:1], {}, (witness("a", "whatever", "F16"),)) == Comparison(differ=("a",))
