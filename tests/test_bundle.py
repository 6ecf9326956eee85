"""The guest gets exactly runner.py, guest/ and wire.py, readable by any uid, and the digest of all of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sandbox import bundle as bundle_module
from sandbox.bundle import Bundle, find
from sandbox.errors import HostError

ROOT = Path(__file__).resolve().parent.parent
TOOL = "guest/tools/tool"


def written(folder: Path) -> tuple[Path, str]:
    folder.mkdir()
    return folder, find().write_code(folder)


def test_a_checkout_is_read_itself() -> None:
    assert find().root == ROOT


def test_everything_it_names_is_there() -> None:
    bundle = find()
    assert (bundle.configs / "policies" / "evaluate.toml").is_file()
    assert (bundle.images / "guest").is_dir()
    assert bundle.lock.is_file()


def test_the_wheels_copy_is_read_where_there_is_no_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages" / "sandbox"
    (package / "_bundle" / "configs").mkdir(parents=True)
    (package / "_bundle" / "runner.py").touch()
    monkeypatch.setattr(bundle_module, "_PACKAGE", package)
    assert find() == Bundle(package / "_bundle")


def test_an_installation_without_guest_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_module, "_PACKAGE", tmp_path / "sandbox")
    with pytest.raises(HostError, match="reinstall"):
        find()


def test_the_code_is_the_guests_and_nothing_of_the_hosts(tmp_path: Path) -> None:
    code, _ = written(tmp_path / "code")
    names = {path.relative_to(code).as_posix() for path in code.rglob("*") if path.is_file()}
    guest = {
        f"guest/{path.relative_to(ROOT / 'images/guest').as_posix()}" for path in (ROOT / "images/guest").rglob("*.py")
    }
    assert names == {"runner.py", "wire.py", TOOL} | guest
    assert (code / "wire.py").read_bytes() == (ROOT / "sandbox/untrusted/wire.py").read_bytes()


def test_any_user_may_read_it_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        code, _ = written(tmp_path / "code")
    finally:
        os.umask(before)
    for path in (code, *code.rglob("*")):
        runs = path.is_dir() or path == code / TOOL
        assert path.stat().st_mode & 0o777 == (0o755 if runs else 0o644)


def test_the_digest_is_of_names_and_contents(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "images" / "guest").mkdir(parents=True)
    (root / "runner.py").write_text("a")
    (root / "images" / "guest" / "x.py").write_text("b")

    def digest(name: str) -> str:
        (tmp_path / name).mkdir()
        return Bundle(root).write_code(tmp_path / name)

    first = digest("one")
    assert digest("two") == first
    (root / "images" / "guest" / "x.py").write_text("c")
    changed = digest("three")
    (root / "images" / "guest" / "x.py").rename(root / "images" / "guest" / "y.py")
    assert len({first, changed, digest("four")}) == 3
