"""The user's path is opened once; what can't be evaluated is refused, and what changes is noticed."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from pathlib import Path

import pytest

from sandbox.errors import CallerError, HostError, HostileError
from sandbox.stage import Staged, stage

CONTENT = b"PK\x03\x04" + bytes(range(256)) * 100
TORCH_LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.pt"
    path.write_bytes(CONTENT)
    return path


def ranges(staged: Staged, *pairs: tuple[int, int]) -> str:
    digest = hashlib.sha256()
    staged.range_digest(0, tuple(at for at, _ in pairs), tuple(length for _, length in pairs), digest)
    return digest.hexdigest()


def folder(path: Path) -> None:
    path.mkdir()


def socket_file(path: Path) -> None:
    os.mknod(path, 0o140644)


def dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def loop(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.parametrize(
    ("make", "happened"),
    [
        (lambda path: None, "no such file"),
        (dangling, "no such file"),
        (folder, "the folder holds no file with anything in it"),
        (os.mkfifo, "it is not a regular file"),
        (lambda path: path.symlink_to("/dev/null"), "it is not a regular file"),
        (socket_file, "it can't be opened (No such device or address)"),
        (loop, "it can't be opened (Too many levels of symbolic links)"),
        (Path.touch, "it is empty"),
    ],
)
def test_what_is_not_a_file_with_bytes_is_refused(tmp_path: Path, make: object, happened: str) -> None:
    path = tmp_path / "model.pt"
    make(path)  # type: ignore[operator]
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(CallerError) as refusal:
        stage(path)
    assert refusal.value.happened == happened
    assert refusal.value.remedy
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_name_too_long_is_refused() -> None:
    with pytest.raises(CallerError, match="File name too long"):
        stage(Path("x" * 300))


def test_a_link_to_a_file_is_followed(model: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.pt"
    link.symlink_to(model)
    with stage(link) as staged:
        assert staged.path == link
        assert staged.sha256() == hashlib.sha256(CONTENT).hexdigest()


def test_the_path_is_absolute(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(model.parent)
    with stage(Path(model.name)) as staged:
        monkeypatch.chdir("/")
        assert staged.path == model
        assert not staged.changed()


@pytest.mark.parametrize("early", [True, False])
def test_the_digest_is_of_the_whole_file(model: Path, early: bool) -> None:
    with stage(model) as staged:
        if early:
            staged.start_digest()
        assert staged.sha256() == hashlib.sha256(CONTENT).hexdigest()
        assert staged.size == len(CONTENT)


def test_a_digest_that_nobody_waits_for_ends_with_the_stage(model: Path) -> None:
    before = threading.active_count()
    staged = stage(model)
    staged.start_digest()
    staged.close()
    assert threading.active_count() == before


def test_a_file_that_stays_is_unchanged(model: Path) -> None:
    with stage(model) as staged:
        assert staged.changed() == ""


def written(model: Path) -> None:
    with model.open("r+b") as file:
        file.write(b"x")


def written_with_its_time_put_back(model: Path) -> None:
    then = model.stat()
    written(model)
    os.utime(model, ns=(then.st_atime_ns, then.st_mtime_ns))


def replaced(model: Path) -> None:
    other = model.with_name("other")
    other.write_bytes(CONTENT)
    other.replace(model)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (written, "the input changed while it was evaluated"),
        (written_with_its_time_put_back, "the input changed while it was evaluated"),
        (lambda model: model.open("ab").write(b"x"), "the input changed while it was evaluated"),
        (lambda model: os.truncate(model, 10), "the input changed while it was evaluated"),
        (Path.unlink, "while it was evaluated"),
        (replaced, "while it was evaluated"),
    ],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_change_is_noticed(model: Path, change: object, sentence: str) -> None:
    with stage(model) as staged:
        change(model)  # type: ignore[operator]
        assert staged.changed().endswith(sentence)


def test_ranges_are_digested_in_their_order(model: Path) -> None:
    with stage(model) as staged:
        assert ranges(staged) == hashlib.sha256().hexdigest()
        assert ranges(staged, (0, len(CONTENT))) == hashlib.sha256(CONTENT).hexdigest()
        assert ranges(staged, (4, 3), (0, 2)) == hashlib.sha256(CONTENT[4:7] + CONTENT[:2]).hexdigest()
        assert ranges(staged, (len(CONTENT), 0)) == hashlib.sha256().hexdigest()


@pytest.mark.parametrize("pair", [(0, len(CONTENT) + 1), (len(CONTENT), 1), ((1 << 63) - 1, 1), (0, (1 << 63) - 1)])
def test_ranges_outside_the_file_are_hostile(model: Path, pair: tuple[int, int]) -> None:
    with stage(model) as staged, pytest.raises(HostileError, match="outside the file"):
        ranges(staged, pair)


def test_ranges_of_a_file_that_shrank_are_refused(model: Path) -> None:
    with stage(model) as staged:
        os.truncate(model, 10)
        with pytest.raises(HostileError, match="what is left of the file"):
            ranges(staged, (0, 20))


def test_ranges_without_ends_are_hostile(model: Path) -> None:
    with stage(model) as staged, pytest.raises(HostileError):
        staged.range_digest(0, (0, 1), (1,), hashlib.sha256())


def test_a_copy_has_the_bytes_and_any_user_may_read_it(model: Path, tmp_path: Path) -> None:
    model.chmod(0o600)
    with stage(model) as staged:
        staged.files[0].copy_to(tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == CONTENT
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o444


def test_a_copy_may_go_to_another_file_system(model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Kernels differ in which pairs copy_file_range takes; here it takes none."""

    def refuse(*_: object) -> int:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "copy_file_range", refuse)
    with stage(model) as staged:
        staged.files[0].copy_to(tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == CONTENT


def test_a_copy_that_has_no_place_is_the_hosts_fault(model: Path) -> None:
    with stage(model) as staged, pytest.raises(HostError, match="copying stopped"):
        staged.files[0].copy_to(Path("/dev/full"))


def test_a_file_that_shrank_is_not_copied(model: Path, tmp_path: Path) -> None:
    with stage(model) as staged:
        os.truncate(model, 10)
        with pytest.raises(HostError, match="shorter"):
            staged.files[0].copy_to(tmp_path / "copy")


@pytest.mark.parametrize(
    ("mode", "owner", "group", "other"),
    [(0o400, True, False, False), (0o040, False, True, False), (0o004, False, False, True), (0o444, True, True, True)],
)
def test_who_may_read_it(model: Path, mode: int, owner: bool, group: bool, other: bool) -> None:
    with stage(model) as staged:
        os.fchmod(staged.files[0].fd, mode)
        uid, gid = os.getuid(), model.stat().st_gid
        assert staged.files[0].readable_by(uid, gid) == owner
        assert staged.files[0].readable_by(uid + 1, gid) == group
        assert staged.files[0].readable_by(uid + 1, gid + 1) == other


@pytest.mark.parametrize(
    ("head", "preload", "mappable"),
    [(CONTENT, ("torch",), True), (TORCH_LEGACY, ("torch",), False), (b"\x80\x04K\x01.", (), False), (b"x", (), False)],
)
def test_the_first_bytes_hint_at_what_a_load_needs(
    tmp_path: Path, head: bytes, preload: tuple[str, ...], mappable: bool
) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(head)
    with stage(path) as staged:
        assert (staged.preload, staged.files[0].mappable) == (preload, mappable)


def test_a_stage_can_be_closed_twice(model: Path) -> None:
    staged = stage(model)
    staged.close()
    staged.close()
