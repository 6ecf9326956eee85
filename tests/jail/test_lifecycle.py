"""However an evaluation ends, the jail and all in it are gone and nothing half-written stays."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.jail.payloads import running

pytestmark = [pytest.mark.jail, pytest.mark.alone]

PATIENCE = 20.0
ENDLESS = "import select\nwhile True: select.select([], [], [], 60)"


def start(model: Path, jail: str, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "from sandbox.cli import main; raise SystemExit(main())"]
    words = [str(model), "--jail", jail, *options]
    return subprocess.Popen([*command, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


# What shows on the host when a load is under way: PID 1 and a child of its, or the kernel that keeps them to itself.
SHOWN = {"gvisor": 1}


def loaders() -> set[int]:
    """Jailed processes by what they run, and gVisor's kernels."""
    found = set()
    for process in psutil.process_iter(["pid", "cmdline"]):
        words = process.info["cmdline"] or [""]
        if words[0] == "runsc-sandbox" or any(word.startswith(("/code/runner.py", "/code/guest/")) for word in words):
            found.add(process.info["pid"])
    return found


def wait_for(condition: object, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_jail_ends_with_its_controller(jail: str, blow: signal.Signals, tmp_path: Path) -> None:
    before = loaders()
    model = running(ENDLESS, tmp_path / "model.pkl")
    process = start(model, jail)
    wait_for(lambda: len(loaders() - before) >= SHOWN.get(jail, 2))
    time.sleep(0.5)
    mine = loaders() - before
    process.send_signal(blow)
    process.communicate(timeout=PATIENCE)
    wait_for(lambda: not mine & loaders())
    assert sorted(tmp_path.iterdir()) == [model]
    if blow == signal.SIGINT:
        assert process.returncode == 130


def test_output_can_be_piped_to_a_reader_that_leaves(jail: str, tmp_path: Path) -> None:
    model = tmp_path / "model.pkl"
    model.write_bytes(pickle.dumps({"step": 1}))
    with start(model, jail, "--no-output") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()


@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- 2>&-"])
def test_closed_standard_streams_change_nothing(jail: str, closed: str, tmp_path: Path) -> None:
    model = tmp_path / "model.pkl"
    model.write_bytes(pickle.dumps({"step": 1}))
    python = f"{sys.executable} -c 'from sandbox.cli import main; raise SystemExit(main())'"
    command = f"{python} {model} --no-output --jail {jail} {closed}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("CLEAN")
