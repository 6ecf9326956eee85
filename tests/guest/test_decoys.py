"""Decoys and the home's other files, with the kernel's own inotify: each opening is told, and nothing else is."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from guest.decoys import Decoys
from guest.events import Record

FILES = [
    ("AWS credentials", ".aws/credentials", "[default]\nkey = x\n"),
    ("a database", ".config/Login Data", "SQLite format 3\0\xff"),
    (".netrc password", ".netrc", "machine x\n"),
]
HOME = [
    ("Documents", ["cv.odt", "tax.pdf"], "\xff\xd8draft\n"),
    ("Documents/Old", [f"letter-{at}.odt" for at in range(60)], "Dear all\n"),
    ("Documents", ["more.txt"], "more\n"),
    ("", ["notes.txt"], "notes\n"),
]


@pytest.fixture
def decoys(tmp_path: Path) -> Iterator[Decoys]:
    made = Decoys(str(tmp_path), FILES, HOME)
    made.forget()
    yield made
    os.close(made.fd)


@pytest.fixture
def record() -> Record:
    return Record(lambda _raw: None, 64, time.monotonic())


def told(decoys: Decoys, record: Record) -> list[tuple[str, str, int]]:
    """Kind, path and how often, in their order."""
    decoys.drain(record)
    return [
        (row.kind, row.detail["path"], 1 + record._grown[key]) for key, row in record._rows.items()
    ]  # fmt: skip


def test_what_is_planted(decoys: Decoys, tmp_path: Path) -> None:
    assert (tmp_path / ".aws/credentials").read_text() == "[default]\nkey = x\n"
    assert (tmp_path / ".config/Login Data").read_bytes() == b"SQLite format 3\0\xff"
    assert (tmp_path / "Documents/cv.odt").read_bytes() == b"\xff\xd8draft\ncv.odt\n"
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 67
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    changed = [path.stat().st_mtime for path in files]
    assert len(set(changed)) == len(changed)
    assert max(changed) < time.time() - 3600


def test_planting_is_not_told(decoys: Decoys, record: Record) -> None:
    assert told(decoys, record) == []


def test_an_opened_credential_is_told_once_each_time(decoys: Decoys, record: Record, tmp_path: Path) -> None:
    """Also the one whose folder is watched as well."""
    (tmp_path / ".netrc").read_text()
    (tmp_path / ".aws/credentials").read_text()
    assert told(decoys, record) == [
        ("decoy.read", f"{tmp_path}/.netrc", 1),
        ("decoy.read", f"{tmp_path}/.aws/credentials", 1),
    ]
    assert next(iter(record._rows.values())).detail["name"] == ".netrc password"


def test_an_opened_file_of_the_home_is_told(decoys: Decoys, record: Record, tmp_path: Path) -> None:
    for name in ("Documents/cv.odt", "notes.txt", "Documents/more.txt", "Documents/cv.odt"):
        (tmp_path / name).read_bytes()
    assert told(decoys, record) == [
        ("home.read", f"{tmp_path}/Documents/cv.odt", 2),
        ("home.read", f"{tmp_path}/notes.txt", 1),
        ("home.read", f"{tmp_path}/Documents/more.txt", 1),
    ]


def test_a_listed_folder_is_told_and_is_no_file(decoys: Decoys, record: Record, tmp_path: Path) -> None:
    os.listdir(tmp_path / "Documents")
    os.listdir(tmp_path)
    assert told(decoys, record) == [("home.list", f"{tmp_path}/Documents", 1), ("home.list", str(tmp_path), 1)]


def test_what_was_not_planted_is_not_told(decoys: Decoys, record: Record, tmp_path: Path) -> None:
    (tmp_path / "Documents/README_FOR_DECRYPT.txt").write_text("pay")
    (tmp_path / "Documents/README_FOR_DECRYPT.txt").read_text()
    (tmp_path / "Documents/cv.odt").stat()
    assert told(decoys, record) == []


def test_of_many_files_the_folders_are_told(decoys: Decoys, record: Record, tmp_path: Path) -> None:
    """A row for each would use up the rows, and the record would say that it lost some."""
    for _ in range(2):
        for path in sorted((tmp_path / "Documents/Old").iterdir()):
            path.read_bytes()
    rows = [row for row in told(decoys, record) if row[0] == "home.read"]
    assert len(rows) == 33
    assert rows[-1] == ("home.read", f"{tmp_path}/Documents/Old/*", 56)
    assert all(count == 2 for _, _, count in rows[:-1])
    assert (record.dropped, record.counts["home.read"]) == (0, 120)


def test_a_flood_is_told_whole_or_said_to_be_lost(decoys: Decoys, record: Record, tmp_path: Path) -> None:
    paths = [tmp_path / ".netrc", tmp_path / "notes.txt"]
    for at in range(20_000):
        os.close(os.open(paths[at % 2], os.O_RDONLY))
    decoys.drain(record)
    assert decoys.overflow or record.counts["decoy.read"] == record.counts["home.read"] == 10_000
    assert record.counts["decoy.read"] > 1000  # more than one buffer's
    assert told(decoys, record)
