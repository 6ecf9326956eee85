"""A folder is opened beneath its root: no link but the cache's own is followed, whatever is renamed meanwhile."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.errors import CallerError
from sandbox.stage import stage
from sandbox.stage.folder import Folder
from sandbox.stage.input import BOUNDS

REVISION = "0123456789abcdef0123456789abcdef01234567"
WEIGHTS, CONFIG = b"PK\x03\x04weights", b"{}"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Weights in the folder and in one below it, and what stands beside weights."""
    root = tmp_path / "repo"
    (root / "unet").mkdir(parents=True)
    (root / "pytorch_model.bin").write_bytes(WEIGHTS)
    (root / "unet" / "model.bin").write_bytes(WEIGHTS * 2)
    (root / "config.json").write_bytes(CONFIG)
    (root / "__init__.py").touch()
    return root


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    """As huggingface_hub lays it out: a revision's files are links to the cache's blobs."""
    cache = tmp_path / "models--org--name"
    root = cache / "snapshots" / REVISION
    (root / "unet").mkdir(parents=True)
    (cache / "blobs").mkdir()
    for name, content in (("config.json", CONFIG), ("pytorch_model.bin", WEIGHTS), ("unet/model.bin", WEIGHTS * 2)):
        digest = hashlib.sha256(content).hexdigest()
        (cache / "blobs" / digest).write_bytes(content)
        (root / name).symlink_to("../" * (2 + name.count("/")) + f"blobs/{digest}")
    return root


def test_every_file_is_opened_under_its_path_in_the_order_of_names(repository: Path) -> None:
    with stage(repository) as staged:
        assert [file.name for file in staged.files] == [
            "__init__.py",
            "config.json",
            "pytorch_model.bin",
            "unet/model.bin",
        ]
        assert [os.pread(file.fd, 100, 0) for file in staged.files] == [b"", CONFIG, WEIGHTS, WEIGHTS * 2]
        assert (staged.is_folder, staged.size, staged.changed()) == (True, len(CONFIG) + 3 * len(WEIGHTS), "")
        assert all(file.path.samefile(repository / file.name) for file in staged.files)


def test_its_digest_is_that_of_its_files_digests_and_names(repository: Path) -> None:
    with stage(repository) as staged:
        staged.start_digest()
        lines = [
            f"{hashlib.sha256((repository / file.name).read_bytes()).hexdigest()}  {file.name}\n"
            for file in staged.files
        ]
        assert staged.sha256() == hashlib.sha256("".join(lines).encode()).hexdigest()


def test_the_caches_own_links_are_followed(snapshot: Path) -> None:
    with stage(snapshot) as staged:
        assert {file.name: os.pread(file.fd, 100, 0) for file in staged.files} == {
            "config.json": CONFIG,
            "pytorch_model.bin": WEIGHTS,
            "unet/model.bin": WEIGHTS * 2,
        }
        assert {file.path.parent.name for file in staged.files} == {"blobs"}


def test_so_they_are_by_a_link_to_the_snapshot(snapshot: Path, tmp_path: Path) -> None:
    (tmp_path / "model").symlink_to(snapshot)
    with stage(tmp_path / "model") as staged:
        assert len(staged.files) == 3
        assert not staged.changed()


DIGEST = hashlib.sha256(CONFIG).hexdigest()


@pytest.mark.parametrize(
    "target",
    [
        "/etc/passwd",
        "../../../secret",
        "../../blobs/../../secret",
        f"../../../blobs/{DIGEST}",
        f"../../blobs/{DIGEST}/",
        f"../../blobs/{DIGEST[:-1]}",
        "config.json",
        f"/proc/self/cwd/blobs/{DIGEST}",
        "../../blobs/" + "e" * 64,  # which is itself a link out
    ],
)
def test_a_link_out_of_the_caches_blobs_is_refused_by_name(snapshot: Path, target: str) -> None:
    blobs = snapshot.parent.parent / "blobs"
    (snapshot.parent.parent.parent / "secret").write_bytes(b"secret")
    (blobs / ("e" * 64)).symlink_to("../../secret")
    (snapshot / "evil.bin").symlink_to(target)
    with pytest.raises(CallerError, match=r"^evil\.bin in it is a link to "):
        stage(snapshot)


def test_a_blobs_folder_that_is_a_link_is_none(snapshot: Path) -> None:
    cache = snapshot.parent.parent
    (cache / "blobs").rename(cache.parent / "elsewhere")
    (cache / "blobs").symlink_to("../elsewhere")
    with pytest.raises(CallerError, match="in it is a link to"):
        stage(snapshot)


@pytest.mark.parametrize("target", ["pytorch_model.bin", "../outside", "unet", f"../../blobs/{DIGEST}"])
def test_elsewhere_no_link_is_followed(repository: Path, target: str) -> None:
    (repository / "link").symlink_to(target)
    with pytest.raises(
        CallerError, match=rf"link in it is a link to {target}, and only those of a Hugging Face snapshot"
    ):
        stage(repository)


def many(root: Path) -> None:
    for number in range(20):
        (root / f"{number}.txt").write_bytes(b"x")


def deep(root: Path) -> None:
    (root / "a" / "b" / "c" / "d").mkdir(parents=True)


def emptied(root: Path) -> None:
    for path in [*root.rglob("*.bin"), *root.rglob("*.json")]:
        path.write_bytes(b"")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda root: os.mkfifo(root / "pipe"), "pipe in it is neither a file nor a folder"),
        (lambda root: os.mknod(root / "socket", 0o140644), "socket in it is neither a file nor a folder"),
        (many, "it holds more than 15 files and folders"),
        (deep, "its folders are nested more than 3 deep"),
        (lambda root: os.truncate(root / "config.json", 2000), "its files hold more than 1000 bytes"),
        (lambda root: (root / ("n" * 150)).write_bytes(b"x"), "its files' names have more than 100 letters"),
        (emptied, "the folder holds no file with anything in it"),
    ],
)
def test_what_is_out_of_bounds_is_refused(repository: Path, change: Callable[[Path], object], said: str) -> None:
    change(repository)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(CallerError) as refusal:
        stage(repository, replace(BOUNDS, entries=15, depth=3, bytes=1000, letters=100))
    assert refusal.value.happened == said
    assert len(os.listdir("/proc/self/fd")) == before


def test_of_too_many_files_weights_come_first_and_the_rest_is_told(repository: Path) -> None:
    with stage(repository, replace(BOUNDS, files=3)) as staged:
        assert [file.name for file in staged.files] == ["__init__.py", "pytorch_model.bin", "unet/model.bin"]
        assert staged.beyond == ("config.json",)


def test_folders_that_begin_with_a_dot_are_not_entered(repository: Path) -> None:
    (repository / ".git" / "lfs").mkdir(parents=True)
    (repository / ".git" / "lfs" / "object").symlink_to("/etc/passwd")
    with stage(repository) as staged:
        assert staged.skipped == (".git",)
        assert len(staged.files) == 4


def folder_becomes_a_link(root: Path) -> None:
    (root / "unet").rename(root.parent / "old")
    (root / "unet").symlink_to("../old")


def file_becomes_a_link(root: Path) -> None:
    (root / "unet" / "model.bin").rename(root.parent / "old")
    (root / "unet" / "model.bin").symlink_to("../../old")


def file_is_replaced(root: Path) -> None:
    (root / "other").write_bytes(WEIGHTS * 2)
    (root / "other").replace(root / "unet" / "model.bin")


@pytest.mark.parametrize("race", [folder_becomes_a_link, file_becomes_a_link, file_is_replaced])
def test_a_rename_between_listing_and_opening_is_refused(repository: Path, race: Callable[[Path], None]) -> None:
    folder = Folder(os.open(repository, os.O_RDONLY | os.O_DIRECTORY))
    try:
        entry = folder.listing(BOUNDS).entries[-1]
        race(repository)
        with pytest.raises(CallerError, match=r"^unet/model\.bin in it (can't be opened|was replaced)"):
            folder.open(entry)
    finally:
        folder.close()


def written(root: Path) -> None:
    (root / "config.json").write_bytes(b"[]")


@pytest.mark.parametrize(
    "change",
    [
        written,
        file_is_replaced,
        folder_becomes_a_link,
        lambda root: (root / "new.bin").write_bytes(b"x"),
        lambda root: (root / "config.json").unlink(),
        lambda root: root.rename(root.parent / "gone"),
    ],
)
def test_what_changes_after_it_was_opened_is_noticed(repository: Path, change: Callable[[Path], object]) -> None:
    with stage(repository) as staged:
        assert not staged.changed()
        change(repository)
        assert "while" in staged.changed()
