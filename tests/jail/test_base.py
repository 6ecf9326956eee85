"""What the image's build keeps of the base's programs, and under which names."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import ModuleType

import pytest

from sandbox.jail.docker_flags import COMMAND, PROGRAMS
from sandbox.jail.interface import TOOL

IMAGES = Path(__file__).resolve().parents[2] / "images"
NAMES = {"real": ["sh", "cat", "absent"], "tools": ["curl"], "python": ["python", "python3"]}


@pytest.fixture(scope="module")
def base() -> ModuleType:
    spec = importlib.util.spec_from_file_location("base_of_the_image", IMAGES / "base.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def programs(base: ModuleType, tmp_path: Path) -> Path:
    """The folder, made from a base where sh is a link to dash, and cat is set-uid."""
    old = tmp_path / "old"
    old.mkdir()
    for name in ("dash", "cat", "mount"):
        (old / name).write_text(name)
        (old / name).chmod(0o4755)
    (old / "sh").symlink_to("dash")
    base.keep_programs(NAMES, tmp_path / "programs", str(old))
    return tmp_path / "programs"


def test_host_and_image_agree_on_the_places(base: ModuleType) -> None:
    assert (str(base.PROGRAMS), str(base.TOOL), str(base.INTERPRETER)) == (PROGRAMS, TOOL, COMMAND[0])


def test_real_programs_are_copies_that_can_be_run(programs: Path) -> None:
    assert {path.name for path in programs.iterdir()} == {"sh", "cat", "curl", "python", "python3"}
    for name, content in (("sh", "dash"), ("cat", "cat")):
        assert not (programs / name).is_symlink()
        assert (programs / name).read_text() == content
        assert (programs / name).stat().st_mode & 0o7777 == 0o755


def test_the_other_names_are_links(base: ModuleType, programs: Path) -> None:
    assert os.readlink(programs / "curl") == TOOL
    assert os.readlink(programs / "python") == COMMAND[0]


def test_every_name_that_is_free_leads_to_the_folder(base: ModuleType, programs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "python3.11").write_text("")
    (folder / "python3").symlink_to("python3.11")
    base.link_programs(programs, folder)
    assert os.readlink(folder / "python3") == "python3.11"
    for name in ("sh", "cat", "curl", "python"):
        assert os.readlink(folder / name) == str(programs / name)
