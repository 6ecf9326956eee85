"""Programs that do more than load: code in a size of torch.export's, and in how a TorchScript module unpacks itself."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch

from sandbox.controller import evaluate
from sandbox.facts import Report, Verdict
from sandbox.request import Request
from tests.zoo_programs import dynamic_program

pytestmark = [
    pytest.mark.jail,
    # What torch does with its programs is the same in each.
    pytest.mark.one_jail,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def loaded(path: Path) -> Report:
    return evaluate(Request(path, write=False, jail="bubblewrap"))


def test_code_in_a_size_is_seen_by_the_reader_and_by_the_watch(tmp_path: Path) -> None:
    honest, evil = tmp_path / "honest.pt2", tmp_path / "model.pt2"
    dynamic_program(honest)
    with zipfile.ZipFile(honest) as old, zipfile.ZipFile(evil, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith("models/model.json"):
                before, after = content.split(b'"expr_str": "', 1)
                content = before + b"\"expr_str\": \"__import__('os').system('id')" + after[after.index(b'"') :]
            new.writestr(name, content)
    report = loaded(evil)
    assert report.verdict is Verdict.MALICIOUS
    assert {"event.program", "oddity.expression"} <= {finding.rule for finding in report.findings}


class Thief(torch.nn.Module):
    """Compiled by torch: it reads a file in place of the weights that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.ones(3)

    @torch.jit.export
    def __getstate__(self):  # type: ignore[no-untyped-def]
        return (self.weight, self.training)

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, bool]) -> None:
        self.weight = torch.from_file("/home/user/.ssh/id_rsa", False, 3)
        self.training = state[1]

    def forward(self) -> torch.Tensor:
        return self.weight


def test_a_script_that_unpacks_something_else_is_caught(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.jit.script(Thief()).save(str(path))
    report = loaded(path)
    assert report.verdict is Verdict.MALICIOUS
    assert {"event.decoy", "weights.differ"} <= {finding.rule for finding in report.findings}
