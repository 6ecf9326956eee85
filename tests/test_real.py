"""Checkpoints made by others, in the folder that SANDBOX_LOAD_MODELS names: ordinary ones are clean, others are named.

What a file should be is told from its own bytes by the standard library, without loading anything.
"""

from __future__ import annotations

import os
import pickletools
import zipfile
from pathlib import Path

import pytest

from sandbox.controller import evaluate
from sandbox.facts import Verdict
from sandbox.request import Request
from sandbox.weights.verify import verify
from tests.jail.conftest import JAILS

FOLDER = os.environ.get("SANDBOX_LOAD_MODELS", "")
LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."

pytestmark = [pytest.mark.jail, pytest.mark.real]


def supported(path: Path) -> bool:
    """Whether it is a PyTorch zip (no TorchScript), a PyTorch legacy file or a plain pickle."""
    head = path.read_bytes()[: len(LEGACY)]
    if head.startswith(b"PK"):
        names = zipfile.ZipFile(path).namelist()
        return any(name.endswith("/data.pkl") for name in names) and not any("/code/" in name for name in names)
    return head == LEGACY or (head.startswith(b"\x80") and is_pickle(path.read_bytes()))


def is_pickle(raw: bytes) -> bool:
    try:
        opcodes = [(opcode.name, argument) for opcode, argument, _ in pickletools.genops(raw)]
    except ValueError:  # joblib's arrays stand between the opcodes
        return False
    return opcodes[-1][0] == "STOP"


def files() -> list[Path]:
    found = [path for path in sorted(Path(FOLDER).rglob("*")) if path.is_file() and path.name != "README.md"]
    assert found, "SANDBOX_LOAD_MODELS names a folder without files"
    return found


# All of them where a jail starts fastest. What they are is found by the same code everywhere; a jail could only lack
# something that they need, and the more of those there are the less each file adds.
EVERY = {"bubblewrap": 1, "docker": 3, "gvisor": 8}


def _text(value: str | Path) -> str:
    return value.name if isinstance(value, Path) else value


if FOLDER:

    @pytest.mark.parametrize(
        ("jail", "path"), [(jail, path) for jail in JAILS for path in files()[:: EVERY[jail]]], ids=_text
    )
    def test_real_checkpoint(path: Path, jail: str, tmp_path: Path) -> None:
        output = tmp_path / "out.safetensors"
        report = evaluate(Request(path, output=output, jail=jail))
        if not supported(path):
            assert report.verdict == Verdict.INCONCLUSIVE
            assert any("not supported yet" in reason for reason in report.reasons)
            assert not list(tmp_path.iterdir())
            return
        assert report.verdict == Verdict.CLEAN, report.summary
        tensors = sum(count.tensors for count in report.tensors.values())
        assert report.comparison.agree == tensors
        assert not report.comparison.missing
        assert output.exists() == bool(tensors)
        assert not tensors or not verify(output, path).mismatches
