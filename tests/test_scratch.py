"""Private folders: entered by nobody else, gone afterwards, swept up after a run that was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from sandbox.scratch import scratch


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def old(folder: Path) -> Path:
    os.utime(folder, (0, 0))
    return folder


def killed(place: Path) -> Path:
    """What a run leaves that is killed while it holds its folder."""
    program = f"""
import os, tempfile
tempfile.tempdir = {str(place)!r}
from sandbox.scratch import scratch
with scratch() as folder:
    (folder / "model").write_bytes(b"x")
    print(folder, flush=True)
    os.kill(os.getpid(), {int(signal.SIGKILL)})
"""
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    return Path(done.stdout.strip())


def test_it_is_the_users_alone_and_gone_afterwards(place: Path) -> None:
    with scratch() as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "code").mkdir()
    assert list(place.iterdir()) == []


def test_the_next_run_takes_away_what_a_killed_one_left(place: Path) -> None:
    left = killed(place)
    assert left.exists()
    with scratch():
        assert left.exists(), "it may still be on its way to its lock"
    old(left)
    with scratch():
        assert not left.exists()


def test_a_folder_in_use_stays_however_old_it_is(place: Path) -> None:
    with scratch() as first:
        old(first)
        with scratch():
            assert first.exists()


def test_nothing_is_taken_away_through_a_link(place: Path) -> None:
    mine = place / "mine"
    mine.mkdir()
    (place / "sandbox-load-link").symlink_to(mine)
    os.utime(place / "sandbox-load-link", (0, 0), follow_symlinks=False)
    old(mine)
    with scratch():
        assert mine.exists()


def test_a_users_own_folder_of_a_like_name_is_never_touched(place: Path) -> None:
    mine = place / "sandbox-load-models"
    mine.mkdir()
    (mine / "model.pt").write_bytes(b"precious")
    old(mine)
    with scratch():
        assert (mine / "model.pt").exists()
