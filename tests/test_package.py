"""The package as a user gets it: built from the sdist, installed away from the checkout, evaluating from `/`."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from sandbox import __version__

ROOT = Path(__file__).resolve().parent.parent
BUNDLED = ("runner.py", "images", "configs")


def run(words: Sequence[str | Path], folder: Path) -> str:
    """Standard output of a program that must succeed."""
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT], folder)
    return folder


@pytest.fixture(scope="module")
def sdist(dist: Path) -> list[str]:
    """Names in the sdist, below its one folder."""
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        return [name.partition("/")[2] for name in archive.getnames()]


@pytest.fixture(scope="module")
def wheel(dist: Path) -> list[str]:
    """Names of the wheel's files."""
    (path,) = dist.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


@pytest.fixture(scope="module")
def installed(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`sandbox-load` in a fresh environment, which finds its dependencies, but not the checkout, in this one."""
    environment = tmp_path_factory.mktemp("elsewhere") / "venv"
    run([sys.executable, "-m", "venv", "--without-pip", environment], Path("/"))
    packages = environment / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    # Added to the path as it is: .pth files in it, such as an editable install's, are not followed.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (path,) = dist.glob("*.whl")
    target = ["--python", environment / "bin" / "python", "install", "--quiet", "--no-index", "--no-deps"]
    run([sys.executable, "-m", "pip", *target, "--ignore-installed", path], Path("/"))
    return environment / "bin" / "sandbox-load"


def files_below(folder: Path, inside: str) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield f"{inside}/{path.relative_to(folder).as_posix()}"


def test_the_sdist_holds_what_tests_and_readers_need(sdist: list[str]) -> None:
    for name in ("LICENSE", "README.md", "SECURITY.md", "pyproject.toml", "runner.py", "scripts/test"):
        assert name in sdist
    assert "tests/test_package.py" in sdist
    assert not [name for name in sdist if "__pycache__" in name or name.startswith((".git/", ".venv"))]


def test_the_bundle_is_exactly_the_guest_the_image_and_the_configuration(wheel: list[str]) -> None:
    bundled = {name for name in wheel if name.startswith("sandbox/_bundle/")}
    wanted = {"sandbox/_bundle/runner.py"}
    wanted |= set(files_below(ROOT / "images", "sandbox/_bundle/images"))
    wanted |= set(files_below(ROOT / "configs", "sandbox/_bundle/configs"))
    assert bundled == wanted


def test_the_wheel_holds_the_package_and_nothing_else(wheel: list[str]) -> None:
    about = f"sandbox_load-{__version__}.dist-info/"
    outside = [name for name in wheel if not name.startswith("sandbox/_bundle/")]
    package = {name for name in outside if not name.startswith(about)}
    assert package == set(files_below(ROOT / "sandbox", "sandbox"))
    assert {name.removeprefix(about) for name in outside if name.startswith(about)} == {
        "METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"
    }  # fmt: skip


def test_the_installed_command_is_of_this_version(installed: Path) -> None:
    assert run([installed, "--version"], Path("/")) == f"sandbox-load {__version__}\n"


@pytest.mark.jail
@pytest.mark.one_jail
def test_the_installed_command_evaluates_from_the_root_folder(installed: Path, tmp_path: Path) -> None:
    model = tmp_path / "numbers.pkl"
    model.write_bytes(pickle.dumps({"epoch": 3, "step": 1200}, protocol=4))
    shown = run([installed, model, "--jail", "bubblewrap", "--no-output", "--format", "json"], Path("/"))
    report = json.loads(shown)
    assert report["verdict"] == "clean"
    assert report["jail"]["name"] == "bubblewrap"
    assert os.listdir(tmp_path) == ["numbers.pkl"]
