"""What is touched, in which order, and what is told of it: bounded, and whatever the object answers."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
import torch
import wire
from guest.load import exercise, witness

BUDGET = 1 << 30


class Noted:
    """Remembers how it was touched."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)
        self.__dict__["_touched"] = []

    def state_dict(self) -> dict[str, Any]:
        self._touched.append("state_dict")
        return {}

    def eval(self) -> None:
        self._touched.append("eval")

    @property
    def secret(self) -> None:
        self._touched.append("attributes")

    def __repr__(self) -> str:
        self._touched.append("repr")
        return "Noted()"

    def __iter__(self) -> Any:
        self._touched.append("items")
        return iter([])

    def __getstate__(self) -> dict[str, Any]:
        self._touched.append("pickle")
        return {}


def told(root: Any) -> dict[str, list[str]]:
    """What the exercise said, by step, in its order."""
    rows: list[wire.Hint] = []
    exercise.Exercise(root, witness.forms(root, BUDGET), rows.append, BUDGET).run()
    steps: dict[str, list[str]] = {}
    for row in rows:
        assert wire.decode(wire.Kind.HINT, wire.encode(wire.Kind.HINT, row)[5:]) == row
        steps.setdefault(row.what.removeprefix("exercise."), []).append(row.detail)
    return steps


@pytest.mark.parametrize("wrap", [lambda it: it, lambda it: {"a": [1, (it,)]}, lambda it: OrderedDict(x=it)])
def test_every_step_is_taken_wherever_the_object_is(wrap: Any) -> None:
    model = Noted(weight=np.ones(3))
    steps = told(wrap(model))
    order = list(dict.fromkeys(model._touched))
    assert order == ["state_dict", "eval", "attributes", "repr", "items", "pickle"]
    assert list(steps) == ["state_dict", "eval", "attributes", "repr", "items", "pickle", "torch.save", "done"]
    assert steps["eval"] == ["on 1 object(s)"]


def test_plain_data_and_tensors_are_not_objects_to_touch() -> None:
    root = {"epoch": 3, "w": torch.ones(2), "a": np.ones(2), "args": ["x", (1.5, None)], "f": print, "t": Noted}
    assert exercise.targets(root) == []
    found = exercise.targets({"o": np.array([Noted()], dtype=object), "m": torch.nn.Linear(1, 1)})
    assert [name for name, _ in found] == ["o", "m"]


def test_a_cycle_and_a_crowd_end() -> None:
    loop: list[Any] = [Noted() for _ in range(1000)]
    loop.append(loop)
    assert len(exercise.targets(loop)) == exercise._OBJECTS


class Raises(BaseException):
    def __str__(self) -> str:
        raise self


class Hostile:
    """Answers every question with an exception that is no Exception."""

    def __getattribute__(self, name: str) -> Any:
        raise Raises

    def __dir__(self) -> Any:
        raise SystemExit(0)

    __repr__ = __iter__ = __reduce_ex__ = __dir__


def test_whatever_an_object_raises_every_step_is_taken() -> None:
    hostile = Hostile()
    rows: list[wire.Hint] = []
    exercise.Exercise({"x": hostile}, {}, rows.append, BUDGET).run()
    assert rows[-1].what == "exercise.uncompared"  # and so there is no last word
    raised = {row.what for row in rows if "raised" in row.detail}
    assert {"exercise.state_dict", "exercise.eval", "exercise.attributes", "exercise.repr"} <= raised


def test_nothing_is_begun_when_the_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exercise, "SECONDS", -1.0)
    model = Noted()
    steps = told(model)
    assert model._touched == []
    assert steps["repr"] == ["not done: there was no time left for it"]
    assert steps["done"] == [""]


def test_attributes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless:
        def __dir__(self) -> list[str]:
            return [f"x{number}" for number in range(100)]

        def __getattr__(self, name: str) -> Any:
            if name.startswith("x"):
                return Endless()
            raise AttributeError(name)

    began = time.monotonic()
    assert "attributes" in told(Endless())
    assert time.monotonic() - began < exercise.SECONDS


class Adapter(torch.nn.Linear):
    """Merges its weights in eval(), as some honest ones do."""

    def train(self, mode: bool = True) -> Any:
        if not mode:
            self.weight.data += 1
        return super().train(mode)


class Lies(torch.nn.Linear):
    def state_dict(self, *args: Any, **options: Any) -> Any:
        state = super().state_dict(*args, **options)
        return {name: value + 1 for name, value in state.items()}


class Changes(torch.nn.Linear):
    def state_dict(self, *args: Any, **options: Any) -> Any:
        self.weight.data += 1
        return {}


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        (torch.nn.Linear, set()),
        (torch.nn.BatchNorm1d, set()),
        (Adapter, {"changed"}),
        (Lies, {"state_dict.changed"}),
        (Changes, {"state_dict.changed", "changed"}),
    ],
)
def test_weights_that_change_are_told_by_what_changed_them(kind: Any, changed: set[str]) -> None:
    model = kind(2) if kind is torch.nn.BatchNorm1d else kind(2, 2)
    steps = told({"net": model})
    assert {step for step in steps if "changed" in step} == changed
    for step in changed:
        assert "net.weight" in steps[step][0] or "net.bias" in steps[step][0]


def test_a_tensor_s_bytes_are_not_copied_for_nothing() -> None:
    big = torch.nn.Linear(4096, 4096)
    assert told({"net": big})["torch.save"] == ["on 1 object(s)"]
