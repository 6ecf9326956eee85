"""The packages folder: whole or absent, whatever happens on the way. Uses pip and small wheels made here."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.errors import CallerError, HostError
from sandbox.jail.interface import ENVIRONMENT
from sandbox.jail.packages import Guest, Packages, read_lock

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "images" / "requirements.lock"
GUEST = replace(Guest.read(ROOT / "configs"), python="{}.{}".format(*sys.version_info[:2]), download=1, installed=1)


def make_wheel(folder: Path, name: str, files: dict[str, str]) -> Path:
    """A wheel as the format's specification has it."""
    folder.mkdir(exist_ok=True)
    info = f"{name}-1.0.dist-info"
    files = files | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        record += f"{path},sha256={digest},{len(text)}\n"
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in (files | {f"{info}/RECORD": record}).items():
            archive.writestr(path, text)
    return wheel


def write_lock(path: Path, *wheels: Path) -> Path:
    rows = []
    for wheel in wheels:
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        rows.append(f"{wheel.name.split('-')[0]}==1.0 \\\n    --hash=sha256:{digest}\n")
    path.write_text("# a lock\n" + "".join(rows))
    return path


class Case:
    """Two small wheels in a folder, their lock, an empty cache, and what was said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wheels = folder / "given"
        self.one = make_wheel(self.wheels, "one", {"one/__init__.py": "NAME = 'one'\n", "torch/include/x.h": ""})
        self.two = make_wheel(self.wheels, "two", {"two.py": "import one\n", "torch/bin/torch_shm_manager": ""})
        self.lock = write_lock(folder / "requirements.lock", self.one, self.two)
        self.said: list[str] = []
        self.packages = Packages(self.lock, folder / "cache", GUEST)
        self.root = folder / "cache" / "sandbox-load" / self.packages.digest

    def prepare(self) -> Path:
        return self.packages.prepare(self.said.append, wheels=self.wheels, offline=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A finished one, made under the strictest umask; to look at only."""
    finished = Case(tmp_path_factory.mktemp("made"))
    before = os.umask(0o077)
    try:
        finished.prepare()
    finally:
        os.umask(before)
    return finished


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def test_the_lock_pins_and_hashes_what_the_guest_imports() -> None:
    locked = {row.name: row.version for row in read_lock(LOCK)}
    wanted = dict(
        line.split("==")
        for line in (LOCK.with_suffix(".in")).read_text().splitlines()
        if line and not line.startswith("#")
    )
    assert wanted.items() <= locked.items()
    assert wanted.keys() == {"torch", "numpy", "safetensors", "pyseccomp", "psutil", "blake3"}
    assert locked["torch"].endswith("+cpu")
    assert "//" not in LOCK.read_text()


@pytest.mark.parametrize(
    "text",
    ["", "one\n", "one==1.0\n", "one>=1.0 \\\n    --hash=sha256:" + "0" * 64, "--index-url x\n", "one @ file:///x\n"],
)
def test_a_lock_that_does_not_pin_and_hash_is_refused(tmp_path: Path, text: str) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(text)
    with pytest.raises(HostError, match="pinned and hashed"):
        read_lock(lock)


def test_it_says_size_and_place_first_and_makes_the_folder(made: Case) -> None:
    assert "MiB to download" in made.said[0]
    assert str(made.root) in made.said[0]
    path = str(made.packages.ready())
    program = f"import sys; sys.path[:0] = [{path!r}]; import two; print(two.one.NAME)"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "one\n"


def test_what_is_there_is_not_made_again(made: Case) -> None:
    before = (made.root / "env").stat()
    said = list(made.said)
    assert made.prepare() == made.packages.ready() == made.root / "env"
    assert os.path.samestat((made.root / "env").stat(), before)
    assert made.said == said


def test_headers_go_and_the_program_that_torch_needs_stays(made: Case) -> None:
    assert not (made.root / "env" / "torch" / "include").exists()
    assert (made.root / "env" / "torch" / "bin" / "torch_shm_manager").is_file()


def test_byte_code_is_made_for_the_place_inside(made: Case) -> None:
    compiled = next((made.root / "env" / "one" / "__pycache__").glob("__init__.*.pyc")).read_bytes()
    assert f"{ENVIRONMENT}/one/__init__.py".encode() in compiled
    assert compiled[4:8] == b"\x01\0\0\0"  # PEP 552: hashed, not checked


def test_everything_is_readable_by_any_user_whatever_the_umask(made: Case) -> None:
    for path in (made.root.parent, made.root, *made.root.rglob("*")):
        wanted = 0o055 if path.is_dir() else 0o044
        assert path.stat().st_mode & wanted == wanted, path


def test_nothing_but_the_folder_is_left(made: Case) -> None:
    assert [path.name for path in made.root.iterdir()] == ["env"]


def test_a_wheel_with_another_digest_is_refused(case: Case) -> None:
    make_wheel(case.wheels, "two", {"two.py": "import evil\n"})
    with pytest.raises(HostError, match="not the one that the lock names"):
        case.prepare()
    assert case.packages.ready() is None


def test_a_missing_wheel_is_named(case: Case) -> None:
    case.two.unlink()
    with pytest.raises(HostError, match=r"the wheel of two 1\.0 is not at hand.*--wheels"):
        case.prepare()


def test_what_was_fetched_before_a_failure_is_not_fetched_again(case: Case) -> None:
    kept = case.two.read_bytes()
    case.two.unlink()
    with pytest.raises(HostError):
        case.prepare()
    case.one.unlink()
    case.two.write_bytes(kept)
    assert case.prepare().is_dir()


@pytest.mark.parametrize("last", ["fetching two 1.0 (2 of 2)", "installing the guest's packages"])
def test_an_interruption_leaves_nothing_half_ready(case: Case, last: str) -> None:
    def interrupt(said: str) -> None:
        if said == last:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        case.packages.prepare(interrupt, wheels=case.wheels, offline=True)
    assert case.packages.ready() is None
    assert [path.name for path in case.root.iterdir()] == ["wheels"]
    assert case.prepare().is_dir()


def test_what_a_killed_one_left_is_cleared(case: Case) -> None:
    left = case.root / "tmp-killed" / "env"
    left.mkdir(parents=True)
    case.prepare()
    assert not left.exists()


@pytest.mark.parametrize("removed", [False, True])
def test_a_second_one_says_that_it_waits_and_then_goes_on(case: Case, removed: bool) -> None:
    path = case.root.parent / "lock"
    path.parent.mkdir(parents=True)
    held = os.open(path, os.O_CREAT | os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_EX)

    def progress(said: str) -> None:
        case.said.append(said)
        if "waiting" in said:
            if removed:
                path.unlink()
            os.close(held)

    assert case.packages.prepare(progress, wheels=case.wheels, offline=True).is_dir()
    assert case.said[0] == "another set-up is under way; waiting for it to end"


def test_remove_leaves_nothing(case: Case) -> None:
    case.prepare()
    (case.root.parent / ("0" * 16)).mkdir()  # of an earlier version
    case.packages.remove(case.said.append)
    assert list((case.folder / "cache").iterdir()) == []
    case.packages.remove(case.said.append)


def test_too_little_space_is_said_before_anything_is_fetched(case: Case) -> None:
    packages = Packages(case.lock, case.folder / "cache", replace(GUEST, installed=1 << 60))
    with pytest.raises(HostError, match=r"MiB free.*XDG_CACHE_HOME"):
        packages.prepare(case.said.append, wheels=case.wheels, offline=True)
    assert len(case.said) == 1


def test_a_cache_that_can_not_be_made_is_one_sentence(case: Case) -> None:
    (case.folder / "file").write_text("")
    packages = Packages(case.lock, case.folder / "file", GUEST)
    with pytest.raises(HostError, match="can't be made"):
        packages.prepare(case.said.append, wheels=case.wheels, offline=True)


def test_a_folder_of_wheels_that_is_none_is_the_callers_fault(case: Case) -> None:
    with pytest.raises(CallerError, match="not a folder of wheels"):
        case.packages.prepare(case.said.append, wheels=case.folder / "nowhere")


def test_no_index_to_reach_is_one_sentence(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = "http://127.0.0.1:9/simple"  # the discard port: nobody listens
    settings = {"PIP_CONFIG_FILE": "/dev/null", "PIP_INDEX_URL": closed, "PIP_RETRIES": "1", "PIP_FIND_LINKS": ""}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    packages = Packages(case.lock, case.folder / "cache", replace(GUEST, cpu_wheel_index=closed))
    with pytest.raises(HostError, match=r"no package index can be reached.*--wheels"):
        packages.prepare(case.said.append)


def test_no_pip_is_one_sentence(case: Case) -> None:
    program = f"""
import sys; sys.path[:0] = [{str(ROOT)!r}]
from pathlib import Path
from sandbox.jail.packages import Guest, Packages
guest = Guest.read(Path({str(ROOT / "configs")!r}))
Packages(Path({str(case.lock)!r}), Path({str(case.folder)!r}), guest).prepare(print)
"""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False)
    assert "has no pip; install it: sudo apt-get install python3-pip" in done.stderr
