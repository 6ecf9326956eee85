"""Children of PID 1: started clean, limited, heard, ended; and PID 1's own protection, in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import wire
from guest import processes
from guest.processes import COMMANDS, FRAMES, Child
from guest.reaper import Reaper

from tests.conftest import ROOT

Spawn = Callable[..., Child]
# What this test's own parents left open; in a jail PID 1 has closed all of it.
INHERITED = {int(name) for name in os.listdir("/proc/self/fd") if Path(f"/proc/self/fd/{name}").exists()} - {
    FRAMES,
    COMMANDS,
}


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Spawn]:
    children = []

    def start(source: str, told: bytes = b"", variables: dict[str, str] | None = None) -> Child:
        script = tmp_path / "child.py"
        script.write_text("import os, sys, json, time\n" + source)
        child = processes.spawn(Reaper(), "child", str(script), told, variables or {})
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        for descriptor in (child.frames, child.commands, *child.printed):
            os.close(descriptor)


def ended(child: Child) -> wire.Gone:
    while not child.reap():
        time.sleep(0.001)
    assert child.end is not None
    return child.end


def spoken(child: Child) -> bytes:
    pieces = []
    while piece := os.read(child.frames, 1 << 16):
        pieces.append(piece)
    return b"".join(pieces)


def test_a_child_gets_its_input_its_variables_and_nothing_else(spawn: Spawn) -> None:
    child = spawn(
        "told = sys.stdin.read()\n"
        "held = sorted(int(name) for name in os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{name}'))\n"
        "mask = [line.split()[1] for line in open('/proc/self/status') if line.startswith(('SigBlk', 'SigIgn'))]\n"
        "os.write(3, json.dumps([told, dict(os.environ), held, mask, sys.flags.isolated]).encode())\n",
        b"the order",
        {"NAME": "value"},
    )
    told, variables, held, masks, isolated = json.loads(spoken(child))
    assert (told, isolated) == ("the order", 1)
    assert variables.pop("LC_CTYPE", "C.UTF-8") == "C.UTF-8"  # Python's own coercion
    assert variables == {"NAME": "value"}
    assert set(held) - INHERITED == {0, 1, 2, FRAMES, COMMANDS} - INHERITED
    python_ignores = 1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1)
    out_of_reach = 0b11 << 31  # the two that glibc keeps to itself stay as they were
    assert int(masks[0], 16) == 0
    assert int(masks[1], 16) & ~(python_ignores | out_of_reach) == 0
    assert ended(child).exit == 0


def test_commands_arrive_as_lines(spawn: Spawn) -> None:
    child = spawn("os.write(3, os.read(4, 100))")
    child.command("go")
    assert spoken(child) == b"go\n"


def test_a_command_to_a_child_that_is_gone_is_no_error(spawn: Spawn) -> None:
    child = spawn("")
    ended(child)
    child.command("go")


@pytest.mark.parametrize(
    ("source", "code"),
    [("", 0), ("sys.exit(3)", 3), ("os.kill(os.getpid(), 9)", -9), ("os.abort()", -6), ("os._exit(255)", 255)],
)
def test_how_it_ended(spawn: Spawn, source: str, code: int) -> None:
    end = ended(spawn(source))
    assert end.exit == code
    assert end.peak_rss > 1 << 20
    assert wire.decode(wire.Kind.LOADER_GONE, wire.encode(wire.Kind.LOADER_GONE, end)[wire.HEADER.size :]) == end


def test_a_child_that_lives_is_not_reaped_and_can_be_killed(spawn: Spawn) -> None:
    child = spawn("time.sleep(1000)")
    assert not child.reap()
    child.kill()
    assert ended(child).exit == -signal.SIGKILL
    child.kill()


def test_only_the_first_of_what_it_prints_is_kept_and_all_of_it_is_counted(spawn: Spawn) -> None:
    child = spawn("sys.stdout.write('x' * 100_000); sys.stderr.write('oops')")
    for descriptor in child.printed:
        os.set_blocking(descriptor, True)
        while child.keep(descriptor, 10):
            pass
    assert child.kept == {"stdout": b"x" * 10, "stderr": b"oops"}
    assert child.totals == {"stdout": 100_000, "stderr": 4}


def test_a_pipe_without_news_is_still_open(spawn: Spawn) -> None:
    child = spawn("time.sleep(1000)")
    assert all(child.keep(descriptor, 10) for descriptor in child.printed)
    assert child.kept == {}


def run(source: str) -> str:
    """What our code does in a fresh interpreter, since it can't be undone."""
    path = [str(ROOT / "images"), str(ROOT / "sandbox" / "untrusted")]
    head = f"import sys; sys.path[:0] = {path}\nimport os, signal, resource\nfrom guest import processes\n"
    return subprocess.run(
        [sys.executable, "-c", head + source], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_limits_are_set_hard_and_read_back() -> None:
    said = run(
        "processes.limit({'NOFILE': 64, 'CORE': 0})\n"
        "print(processes.read_limits(0, ['NOFILE', 'CORE']), resource.getrlimit(resource.RLIMIT_NOFILE)[1])"
    )
    assert said == "{'NOFILE': 64, 'CORE': 0} 64"


def test_a_limit_is_never_raised() -> None:
    said = run(
        "processes.limit({'NOFILE': 64}); processes.limit({'NOFILE': 128}); print(processes.read_limits(0, ['NOFILE']))"
    )
    assert said == "{'NOFILE': 64}"


def test_no_limit_is_the_largest_number_that_the_wire_carries() -> None:
    assert run("print(resource.prlimit(0, resource.RLIMIT_RTTIME), processes.read_limits(0, ['RTTIME']))").endswith(
        str({"RTTIME": wire.MAX_SIZE})
    )


def test_protected_is_deaf_unreadable_and_holds_nothing() -> None:
    said = run(
        "held = os.dup(0)\n"
        "processes.protect()\n"
        "for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:\n"
        "    os.kill(os.getpid(), number)\n"
        "own = processes.status('/proc/self/status')\n"
        "closed = [fd for fd in range(3, 64) if not os.path.exists(f'/proc/{os.getpid()}/fd/{fd}')]\n"
        "import ctypes\n"
        "print(own['NoNewPrivs'], ctypes.CDLL(None).prctl(3), held in closed)"
    )
    assert said == "1 0 True"


def test_a_process_that_is_gone_has_no_tasks_and_a_short_description() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert processes.tasks(child.pid) == []
    assert processes.describe(child.pid) == str(child.pid)
    with pytest.raises(OSError, match="status"):
        processes.status(f"/proc/{child.pid}/status")


def test_others_are_those_that_live(spawn: Spawn) -> None:
    child = spawn("os.write(3, b'x'); time.sleep(1000)")
    os.read(child.frames, 1)
    everyone = {int(name) for name in os.listdir("/proc") if name.isdigit()}
    assert child.pid in processes.others(Reaper(), everyone - {child.pid})
    assert processes.tasks(child.pid) == [child.pid]
    assert "child.py" in processes.describe(child.pid)


def test_others_reaps_what_is_dead() -> None:
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", ""], {})
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    everyone = {int(name) for name in os.listdir("/proc") if name.isdigit()}
    assert pid not in processes.others(Reaper(), everyone - {pid})
    with contextlib.suppress(ChildProcessError):
        pytest.fail(f"still there: {os.waitpid(pid, os.WNOHANG)}")
