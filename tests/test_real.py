"""Checkpoints made by others, in the folder that SANDBOX_LOAD_MODELS names: ordinary ones are clean, others are named.

What a file should be is told from its own bytes by the standard library, without loading anything.
"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from bench.detection.reading import read
from sandbox.controller import evaluate
from sandbox.facts import Verdict
from sandbox.request import Request
from sandbox.weights.verify import verify
from tests.jail.conftest import JAILS

FOLDER = os.environ.get("SANDBOX_LOAD_MODELS", "")

pytestmark = [pytest.mark.jail, pytest.mark.real]


def supported(path: Path) -> bool:
    """Whether it is none of HDF5, safetensors (a length, then JSON) and TensorFlow's bundles (known by their names)."""
    head = path.read_bytes()[:9]
    return not head.startswith(b"\x89HDF") and head[8:] != b"{" and not path.name.startswith("variables.")


def brings_code(path: Path) -> bool:
    """Stable-Baselines3's archives hold functions, pickled with their code."""
    return zipfile.is_zipfile(path) and "policy.pth" in zipfile.ZipFile(path).namelist()


def files() -> list[Path]:
    found = [path for path in sorted(Path(FOLDER).rglob("*")) if path.is_file() and path.name != "README.md"]
    assert found, "SANDBOX_LOAD_MODELS names a folder without files"
    return found


# All are read; what they are is found by the same code everywhere. A jail could only lack something that they need, and
# the more of those there are the less each file adds.
EVERY = {"bubblewrap": 2, "docker": 8, "gvisor": 20}


def _text(value: str | Path) -> str:
    return value.name if isinstance(value, Path) else value


if FOLDER:

    @pytest.mark.parametrize("path", files(), ids=_text)
    def test_reading_a_real_checkpoint_raises_no_alarm(path: Path) -> None:
        judged = read(path)
        if supported(path):
            assert judged.verdict == (Verdict.SUSPICIOUS if brings_code(path) else Verdict.UNEXECUTED), judged.summary
        else:
            assert judged.verdict == Verdict.INCONCLUSIVE

    @pytest.mark.parametrize(
        ("jail", "path"), [(jail, path) for jail in JAILS for path in files()[:: EVERY[jail]]], ids=_text
    )
    def test_real_checkpoint(path: Path, jail: str, tmp_path: Path) -> None:
        output = tmp_path / "out.safetensors"
        report = evaluate(Request(path, output=output, jail=jail))
        if not supported(path):
            assert report.verdict == Verdict.INCONCLUSIVE
            assert any("not supported yet" in reason or "safetensors already" in reason for reason in report.reasons)
            assert not list(tmp_path.iterdir())
            return
        assert report.verdict == (Verdict.SUSPICIOUS if brings_code(path) else Verdict.CLEAN), report.summary
        tensors = sum(count.tensors for count in report.tensors.values())
        assert report.comparison.agree == tensors
        assert not report.comparison.missing
        assert output.exists() == bool(tensors)
        assert not tensors or not verify(output, path).mismatches
