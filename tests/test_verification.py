"""What `verify` prints, whoever named the files."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.fuzz import corpus
from bench.fuzz.checks import plain
from bench.fuzz.targets import unpack
from sandbox.facts import Exit
from sandbox.verification import check


@pytest.mark.parametrize("name", ["x\x1b[2J", "x\nverified: y", "\u202ex", "x\udcff"])
def test_the_name_of_an_output_is_shown_harmless(name: str, tmp_path: Path) -> None:
    source, output, manifest = unpack(corpus.read("verify")["clean.bin"])
    for ending, content in (("pt", source), ("safetensors", output), ("manifest.json", manifest)):
        (tmp_path / f"{name}.{ending}").write_bytes(content)
    checked = check(tmp_path / f"{name}.safetensors", tmp_path / f"{name}.pt", replan=False, jail="auto")
    assert checked.exit_code == Exit.QUIET
    plain(checked.text)
    assert [line.partition(":")[0] for line in checked.text.splitlines()] == [
        "verified",
        *["  proven"] * 3,
        *["  not proven"] * 3,
    ]
