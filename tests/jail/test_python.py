"""What a Python program calls: a path is enough, and tensors come only from a file of an accepted verdict."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

import sandbox
from sandbox.errors import CallerError
from sandbox.facts import Verdict
from tests.jail.conftest import in_one_jail
from tests.jail.payloads import running

pytestmark = pytest.mark.jail

STATE = {"weight": torch.arange(6.0).reshape(2, 3), "steps": torch.tensor(7)}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.pt"
    torch.save(STATE, path)
    return path


@in_one_jail
def test_a_path_is_enough(model: Path, jail: str) -> None:
    report = sandbox.evaluate(str(model), jail=jail)
    assert report.verdict is Verdict.CLEAN
    assert [output.path for output in report.outputs if output.kind == "weights"] == [
        str(model.with_suffix(".safetensors"))
    ]


@in_one_jail
def test_an_output_may_be_named_by_its_text(model: Path, jail: str, tmp_path: Path) -> None:
    sandbox.evaluate(sandbox.Request(model, jail=jail), output=str(tmp_path / "out.safetensors"), static=True)
    assert (tmp_path / "out.safetensors").is_file()


def test_the_tensors_are_those_of_the_file_and_nothing_is_left(model: Path, jail: str) -> None:
    loaded = sandbox.load_state_dict(model, jail=jail)
    assert loaded.keys() == STATE.keys()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in STATE.items())
    assert os.listdir(model.parent) == [model.name]


@in_one_jail
def test_a_verdict_that_is_not_accepted_gives_no_tensors(jail: str, tmp_path: Path) -> None:
    model = running("import os; os.system('id')", tmp_path / "evil.pkl")
    with pytest.raises(CallerError, match=r"evil\.pkl: malicious: .*; read the report before you accept it"):
        sandbox.load_state_dict(model, jail=jail)


@in_one_jail
def test_a_file_without_tensors_is_an_error(jail: str, tmp_path: Path) -> None:
    model = tmp_path / "plain.pkl"
    model.write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(CallerError, match="holds no tensors"):
        sandbox.load_state_dict(model, jail=jail)
