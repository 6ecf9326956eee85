"""What the corpus is judged with in CI says what the command says of the same files in a jail."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bench.detection.reading import read, spoiling
from bench.measure import ROOT
from sandbox.facts import Verdict
from tests.malicious import FIXTURES

BY_NAME = {fixture.name: fixture for fixture in FIXTURES}


def _folder(path: Path) -> None:
    path.mkdir()
    torch.save({"w": torch.ones(2)}, path / "model.pt")
    (path / "code.py").write_text("print(1)\n", encoding="utf-8")
    BY_NAME["os_system"].build(path / "other.PKL")


BUILT = {
    "folder": _folder,
    "text.PT": lambda path: path.write_text("neither a pickle nor an archive", encoding="utf-8"),
    "large.pt": BY_NAME["amplification"].build,
}


@pytest.mark.jail
@pytest.mark.one_jail
@pytest.mark.parametrize("name", BUILT)
def test_a_reading_here_says_what_the_command_says_in_a_jail(name: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    path = tmp_path / name
    BUILT[name](path)
    command = [sys.executable, "-m", "bench.cli", str(path), "--static", "--no-output", "--jail", "bubblewrap"]
    done = subprocess.run([*command, "--format", "json"], capture_output=True, text=True, check=False, cwd=ROOT)
    told = json.loads(done.stdout.rstrip().rpartition("\n")[0])
    here = read(path)
    assert here.verdict == told["verdict"]
    assert here.summary == told["summary"]
    assert [finding.rule for finding in here.findings] == [finding["rule"] for finding in told["findings"]]
    assert list(here.not_examined) == told["not_examined"]


def test_what_spoils_nothing_is_left_out(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(2)}, tmp_path / "model.pt")
    judged = read(tmp_path / "model.pt")
    assert (judged.verdict, spoiling(tmp_path / "model.pt")) == (Verdict.UNEXECUTED, frozenset())
