"""The proof in a real jail: `verify` and `verify --replan`; and files whose load changes their own weights."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from sandbox.controller import evaluate
from sandbox.facts import Exit, Verdict
from sandbox.request import Request
from sandbox.verification import check
from tests.made import make
from tests.written import converted
from tests.zoo import expected

pytestmark = [
    pytest.mark.jail,
    # What is proven here is the same in every jail; the zoo's own tests go through each.
    pytest.mark.one_jail,
    pytest.mark.parametrize("jail", ["bubblewrap"]),
]


@pytest.mark.parametrize("container", ["torch zip", "pickle of arrays"])
def test_made_by_chance(container: str, jail: str, tmp_path: Path) -> None:
    made = make(1000, container, packed=container == "pickle of arrays")
    model, output = tmp_path / f"model{made.suffix}", tmp_path / "out.safetensors"
    model.write_bytes(made.content)
    report = evaluate(Request(model, output=output, jail=jail))
    assert report.verdict is Verdict.CLEAN, (made.story, report.findings)
    assert (report.comparison.agree, len(report.comparison.differ)) == (len(made.tensors), 0), made.story
    assert converted(output) == made.tensors
    checked = check(output, model, replan=True, jail=jail)
    assert checked.exit_code is Exit.QUIET, checked.text
    assert f"{len(made.tensors)} tensors have the names, shapes and places that the source gives them" in checked.text


WEIGHTS = torch.arange(1.0, 7.0)
# Defines what the pickle then names: no file that is loaded from a disk needs it.
CLASSES = """
import sys, types
late = sys.modules["late"] = types.ModuleType("late")
class Taking:
    def __setstate__(self, state):
        self.w = state["w"].mul_(2)
class Leaving:
    def __setstate__(self, state):
        self.w = state["w"]
    def __del__(self):
        self.w.mul_(2)
def double(w):
    w.mul_(2)
for part in (Taking, Leaving, double):
    part.__module__, part.__qualname__ = "late", part.__name__
    setattr(late, part.__name__, part)
"""


class Calls:
    """Pickles as a call, or as one and then a state."""

    def __init__(self, function: str, *arguments: Any, state: Any = None) -> None:
        self.function, self.arguments, self.state = function, arguments, state


class Pickler(pickle._Pickler):
    """torch.save's pickler, which writes the names of what isn't here."""

    def save(self, obj: Any, save_persistent_id: bool = True) -> Any:
        if not isinstance(obj, Calls):
            return super().save(obj, save_persistent_id)
        module, _, name = obj.function.rpartition(".")
        self.write(f"c{module}\n{name}\n".encode("ascii"))
        super().save(obj.arguments)
        self.write(pickle.REDUCE)
        if obj.state is not None:
            super().save(obj.state)
            self.write(pickle.BUILD)
        return None


class Module:
    """What torch.save takes for pickle."""

    Pickler = Pickler
    dumps, loads = staticmethod(pickle.dumps), staticmethod(pickle.loads)


def saved(hook: Calls) -> bytes:
    """The weights, then what changes them."""
    held = io.BytesIO()
    torch.save({"first": Calls("builtins.exec", CLASSES, {}), "w": WEIGHTS, "hook": hook}, held, pickle_module=Module)
    return held.getvalue()


CHANGES: dict[str, Calls] = {
    "a call after the tensor": Calls("late.double", WEIGHTS),
    "__setstate__": Calls("late.Taking", state={"w": WEIGHTS}),
    "__del__": Calls("builtins.bool", Calls("late.Leaving", state={"w": WEIGHTS})),
}


@pytest.mark.parametrize("way", CHANGES)
def test_a_file_whose_load_changes_its_weights_yields_its_own_bytes_and_the_finding(
    way: str, jail: str, tmp_path: Path
) -> None:
    model, output = tmp_path / "model.pt", tmp_path / "out.safetensors"
    model.write_bytes(saved(CHANGES[way]))
    report = evaluate(Request(model, output=output, jail=jail, salvage=True))
    assert "weights.differ" in {finding.rule for finding in report.findings}, report.findings
    assert converted(output)["w"] == expected(WEIGHTS)
    assert check(output, model, replan=False, jail=jail).exit_code is Exit.QUIET
