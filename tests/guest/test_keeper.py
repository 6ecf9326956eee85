"""Files that a load wrote are kept once each, as they were, whatever tricks their names play."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
import wire
from guest import keeper
from guest.keeper import Keeper


class Rows(list[wire.Artifact]):
    def send(self, raw: bytes) -> None:
        ((kind, payload),) = wire.Decoder().feed(raw)
        self.append(wire.decode(kind, payload))

    def told(self) -> list[tuple[str, str, bytes]]:
        return [(Path(row.path).name, row.why, base64.b64decode(row.content)) for row in self]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "old").write_text("mine")
    return tmp_path / "home"


def keeping(root: Path) -> tuple[Keeper, Rows]:
    rows = Rows()
    made = Keeper([str(root)], rows.send)
    made.mark()
    return made, rows


def test_what_is_new_or_changed_is_kept_once(root: Path) -> None:
    made, rows = keeping(root)
    (root / "new").write_text("stage two")
    (root / "sub").mkdir()
    (root / "sub" / "deep").write_text("x")
    (root / "old").write_text("encrypted")
    made.keep(os.fsencode(root / "new"), "run")
    made.sweep()
    assert sorted(rows.told()) == [("deep", "left", b"x"), ("new", "run", b"stage two"), ("old", "left", b"encrypted")]


def test_what_changes_after_it_was_kept_is_kept_again(root: Path) -> None:
    made, rows = keeping(root)
    (root / "new").write_text("one")
    made.keep(os.fsencode(root / "new"), "deleted")
    (root / "new").unlink()
    (root / "new").write_text("two or more")
    made.sweep()
    assert rows.told() == [("new", "deleted", b"one"), ("new", "left", b"two or more")]


def test_nothing_outside_and_nothing_that_is_no_file_is_kept(root: Path, tmp_path: Path) -> None:
    made, rows = keeping(root)
    (tmp_path / "outside").write_text("host")
    (root / "link").symlink_to(tmp_path / "outside")
    (root / "folder").symlink_to(tmp_path)
    os.mkfifo(root / "fifo")
    for name in ("link", "folder/outside", "fifo", ".", "../outside", "missing"):
        made.keep(os.fsencode(root / name), "run")
    made.sweep()
    assert rows == []
    assert made.dropped == 0


def test_big_files_are_cut_and_all_together_bounded(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "MOST_BYTES", wire.MAX_FILE + 10)
    monkeypatch.setattr(keeper, "MOST_FILES", 2)
    made, rows = keeping(root)
    for name in ("a", "b", "c"):
        (root / name).write_bytes(b"x" * (wire.MAX_FILE + 1))
        made.keep(os.fsencode(root / name), "run")
    assert [len(content) for _, _, content in rows.told()] == [wire.MAX_FILE, 10]
    assert {row.size for row in rows} == {wire.MAX_FILE + 1}
    assert made.dropped == 1


def test_no_trick_with_rights_or_times_hides_a_file(root: Path) -> None:
    made, rows = keeping(root)
    before = (root / "old").stat()
    (root / "old").write_text("loot")  # as long as what stood there
    os.utime(root / "old", ns=(before.st_atime_ns, before.st_mtime_ns))
    (root / "closed").mkdir()
    (root / "closed" / "loot").write_text("hidden")
    (root / "closed").chmod(0)
    made.sweep()
    assert sorted(rows.told()) == [("loot", "left", b"hidden"), ("old", "left", b"loot")]


def test_more_names_than_anybody_looks_at_are_counted(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "MOST_NAMES", 3)
    made, rows = keeping(root)
    for number in range(9):
        (root / str(number)).write_text("x")
    made.sweep()
    assert len(rows) <= 3
    assert made.dropped
