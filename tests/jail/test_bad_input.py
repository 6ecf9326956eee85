"""Bad input: a clear verdict or one line, the right exit code, nothing half-written."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch

from sandbox.controller import evaluate
from sandbox.errors import CallerError, HostError
from sandbox.facts import Exit, Verdict
from sandbox.request import Request
from tests.jail.conftest import JAILS, Evaluate, in_one_jail

pytestmark = pytest.mark.jail


def saved() -> bytes:
    buffer = io.BytesIO()
    torch.save({"a": torch.arange(1000.0), "b": torch.ones(3, 3).t()}, buffer)
    return buffer.getvalue()


def many_entries(count: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("m/data.pkl", pickle.dumps({}, 2))
        for number in range(count):
            archive.writestr(f"m/data/{number}", b"")
    return buffer.getvalue()


BAD = {
    "truncated": lambda: saved()[:-100],
    "half": lambda: saved()[: len(saved()) // 2],
    "random": lambda: os.urandom(4096),
    "one byte": lambda: b"\x80",
    "text": lambda: b"this is not a model\n",
    "broken pickle": lambda: pickle.dumps({"a": [1, 2, 3]})[:-4],
    "record beyond the file": lambda: saved().replace(b"PK\x01\x02", b"PK\x01\x03", 1),
}


# Files are read by the same code in each jail.
CASES = [
    *(pytest.param("bubblewrap", name, marks=pytest.mark.one_jail) for name in sorted(BAD)),
    *((jail, "half") for jail in JAILS if jail != "bubblewrap"),
]


@pytest.mark.parametrize(("jail", "name"), CASES)
def test_a_file_that_can_t_be_read_is_inconclusive(name: str, evaluated: Evaluate, tmp_path: Path) -> None:
    model = tmp_path / "model.pt"
    model.write_bytes(BAD[name]())
    report = evaluated(model, write=True)
    assert report.verdict in (Verdict.INCONCLUSIVE, Verdict.SUSPICIOUS)
    assert report.exit_code != Exit.QUIET
    assert report.not_written
    assert sorted(tmp_path.iterdir()) == [model]


HOSTILE = {
    "a million lists in each other": lambda: b"\x80\x02" + b"]" * 1_000_000 + b"a" * 999_999 + b".",
    "a bomb": lambda: gzip.compress(bytes(400 << 20), 1),
}


@in_one_jail
@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_built_to_explode_is_bounded_and_nothing_is_written(name: str, jail: str, tmp_path: Path) -> None:
    model = tmp_path / "model.pkl"
    model.write_bytes(HOSTILE[name]())
    report = evaluate(Request(model, jail=jail, static=True))
    assert report.verdict in (Verdict.INCONCLUSIVE, Verdict.SUSPICIOUS)
    assert report.completeness
    assert report.not_written
    assert sorted(tmp_path.iterdir()) == [model]


@in_one_jail
def test_an_archive_of_very_many_entries_is_bounded(evaluated: Evaluate, tmp_path: Path) -> None:
    model = tmp_path / "model.pt"
    model.write_bytes(many_entries(100_000))
    report = evaluated(model, static=True)
    assert report.verdict in (Verdict.UNEXECUTED, Verdict.INCONCLUSIVE, Verdict.SUSPICIOUS)


@in_one_jail
def test_a_file_that_changes_meanwhile_is_not_released(evaluated: Evaluate, tmp_path: Path) -> None:
    model = tmp_path / "model.pt"
    model.write_bytes(saved())

    def change(_line: str) -> None:
        with model.open("r+b") as file:
            file.seek(500)
            file.write(b"\xff")

    report = evaluated(model, write=True, progress=change)
    assert report.exit_code != Exit.QUIET
    assert "changed" in report.not_written
    assert sorted(tmp_path.iterdir()) == [model]


@in_one_jail
def test_a_file_that_is_replaced_meanwhile_is_not_released(evaluated: Evaluate, tmp_path: Path) -> None:
    model = tmp_path / "model.pt"
    model.write_bytes(saved())
    other = tmp_path / "other.pt"

    def swap(_line: str) -> None:
        if not other.exists():
            other.write_bytes(saved().replace(b"\x00\x00\x80?", b"\x00\x00\x00@", 1))
            other.replace(model)

    report = evaluated(model, write=True, progress=swap)
    assert report.exit_code != Exit.QUIET
    assert report.not_written
    assert sorted(tmp_path.iterdir()) == [model]


def test_a_file_that_only_its_owner_may_read_is_evaluated(evaluated: Evaluate, tmp_path: Path) -> None:
    """The jail's user is another one when the caller is root: then it gets a private copy, and that is said."""
    model = tmp_path / "model.pt"
    model.write_bytes(pickle.dumps({"step": 1}))
    model.chmod(0o600)
    said: list[str] = []
    report = evaluated(model, progress=said.append)
    assert report.verdict == Verdict.CLEAN
    assert report.input.staged_copy == any("copy" in line for line in said)
    assert report.input.staged_copy == (os.getuid() == 0)


def test_a_closed_folder_needs_no_copy(evaluated: Evaluate, tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    model = folder / "model.pt"
    model.write_bytes(pickle.dumps({"step": 1}))
    report = evaluated(model)
    assert report.verdict == Verdict.CLEAN
    assert not report.input.staged_copy


def test_an_output_that_exists_is_refused_before_anything_starts(evaluated: Evaluate, tmp_path: Path) -> None:
    model = tmp_path / "model.pt"
    model.write_bytes(saved())
    (tmp_path / "model.safetensors").write_bytes(b"mine")
    with pytest.raises(CallerError, match="exists"):
        evaluated(model, write=True)
    assert (tmp_path / "model.safetensors").read_bytes() == b"mine"


def test_more_memory_than_the_machine_has_is_refused_up_front(evaluated: Evaluate, tmp_path: Path) -> None:
    model = tmp_path / "model.pkl"
    model.write_bytes(pickle.dumps({}))
    with pytest.raises((CallerError, HostError), match="GiB"):
        evaluated(model, memory=1 << 50)
