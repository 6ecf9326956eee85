"""A process shifts its own clock, or another one's: libc and Python see it, what only counts on doesn't."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from guest.load import clock

from tests.conftest import ROOT

DAY = 86400
LOOK = """
import ctypes, datetime, json, os, time
class Pair(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("rest", ctypes.c_long)]
libc = ctypes.CDLL(None)
libc.time.restype = ctypes.c_long
def look():
    day, stored, plain = Pair(), ctypes.c_long(), Pair()
    libc.gettimeofday(ctypes.byref(day), None)
    libc.time(ctypes.byref(stored))
    libc.syscall(228, 0, ctypes.byref(plain))
    return {
        "time": time.time(),
        "now": datetime.datetime.now().timestamp(),
        "utc": datetime.datetime.now(datetime.timezone.utc).timestamp(),
        "ns": time.time_ns() / 1e9,
        "libc.time": libc.time(None),
        "libc.time stored": stored.value,
        "libc.gettimeofday": day.seconds + day.rest / 1e6,
        "coarse": time.clock_gettime(5),
        "tai": time.clock_gettime(11),
        "monotonic": time.monotonic(),
        "cpu": time.process_time(),
        "boot": time.clock_gettime(time.CLOCK_BOOTTIME),
        "raw": plain.seconds + plain.rest / 1e9,
        "error": libc.clock_gettime(77, ctypes.byref(day)),
    }
"""
TOLD = {
    *("time", "now", "utc", "ns", "libc.time", "libc.time stored", "libc.gettimeofday", "coarse", "tai"),
}
KEPT = {"monotonic", "cpu", "boot", "raw"}


def python(source: str) -> Any:
    """What a fresh interpreter says, as JSON."""
    path = f"import sys; sys.path[:0] = [{str(ROOT / 'images')!r}, {str(ROOT / 'sandbox' / 'untrusted')!r}]\n"
    done = subprocess.run([sys.executable, "-I", "-c", path + source], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("days", [400, -30, 10 * 365])
@pytest.mark.parametrize("way", ["shift", "_through_file", "_through_protection"])
def test_libc_and_python_are_told_another_time(days: int, way: str) -> None:
    how = (
        f"clock.{way}({days * DAY})" if way == "shift" else f"clock.{way}(open('/proc/self/maps').read(), {days * DAY})"
    )
    before, why, after = python(
        f"{LOOK}\nfrom guest.load import clock\nbefore = look()\nwhy = {how}\nprint(json.dumps([before, why, look()]))"
    )
    assert not why
    moved = {name: round(after[name] - before[name]) for name in before}
    assert {name: moved[name] // DAY for name in TOLD} == dict.fromkeys(TOLD, days)
    assert {name: moved[name] for name in KEPT} == dict.fromkeys(KEPT, 0)
    assert after["error"] == -1


def test_threads_and_forks_have_it_and_a_program_has_its_own() -> None:
    thread, child, program, true = python(
        f"""
import concurrent.futures, json, os, subprocess, sys, time
from guest.load import clock
true = time.time()
assert not clock.shift({400 * DAY})
with concurrent.futures.ThreadPoolExecutor(1) as pool:
    thread = pool.submit(time.time).result()
ours, theirs = os.pipe()
if not os.fork():
    os.write(theirs, str(time.time()).encode())
    os._exit(0)
child = float(os.read(ours, 99))
program = float(subprocess.run([sys.executable, "-c", "import time; print(time.time())"], stdout=-1).stdout)
print(json.dumps([thread, child, program, true]))
"""
    )
    assert [round((told - true) / DAY) for told in (thread, child, program)] == [400, 400, 0]


def test_another_process_s_clock_is_shifted_through_its_memory() -> None:
    """As PID 1 can do with a program that the load has started."""
    command = [sys.executable, "-u", "-c", "import time\nwhile input(): print(time.time())"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin
        assert child.stdout

        def ask() -> float:
            assert child.stdin
            assert child.stdout
            child.stdin.write("x\n")
            child.stdin.flush()
            return float(child.stdout.readline())

        true = ask()
        with Path(f"/proc/{child.pid}/mem").open("r+b", buffering=0) as memory:

            def read(address: int, size: int) -> bytes:
                memory.seek(address)
                return memory.read(size)

            def write(address: int, raw: bytes) -> None:
                memory.seek(address)
                memory.write(raw)

            clock.patch(read, write, Path(f"/proc/{child.pid}/maps").read_text(encoding="utf-8"), -7 * DAY)
        assert round((ask() - true) / DAY) == -7
        child.stdin.write("\n")


def refused(image: bytes) -> str:
    """Why this vDSO is not written over. Nothing may be written."""
    written: list[bytes] = []
    maps = f"1000-{0x1000 + len(image):x} r-xp 00000000 00:00 0 [vdso]\n"
    with pytest.raises(clock.ClockError) as caught:
        clock.patch(lambda _at, size: image[:size], lambda _at, raw: written.append(raw), maps, DAY)
    assert not written
    return str(caught.value)


def own_vdso() -> bytes:
    start, end = clock.place(Path("/proc/self/maps").read_text(encoding="utf-8"))
    return ctypes.string_at(start, end - start)


def test_what_is_not_known_is_left_alone() -> None:
    image = own_vdso()
    assert refused(bytes(4096)) == "the vDSO is not one that is known here"
    assert refused(image[:100]) == "the vDSO is not one that is known here"
    assert refused(image.replace(b"time\0", b"tame\0")).startswith("the vDSO has no room in ")
    with pytest.raises(clock.ClockError, match="there is no vDSO"):
        clock.place("1000-2000 r-xp 00000000 00:00 0 \n")


def test_gvisor_s_is_the_one_after_its_data() -> None:
    maps = (
        "7fa0a22be000-7fa0a22c0000 rw-p 00000000 00:00 0 \n"
        "7fa0a22c0000-7fa0a22c1000 r--p 00000000 00:00 0                          [vvar]\n"
        "7fa0a22c1000-7fa0a22c3000 r-xp 00000000 00:00 0 \n"
        "7fa0a22c3000-7fa0a22c4000 r--p 00000000 00:08 20                         /usr/lib/ld-linux-x86-64.so.2\n"
    )
    assert clock.place(maps) == (0x7FA0A22C1000, 0x7FA0A22C3000)


def test_a_failure_is_told_and_the_clock_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_maps: str, _offset: int) -> None:
        raise OSError(1, "it is sealed")

    monkeypatch.setattr(clock, "_through_file", lambda _maps, _offset: None)
    monkeypatch.setattr(clock, "_through_protection", fails)
    before = time.time()
    assert clock.shift(400 * DAY) == "it is sealed"
    assert time.time() - before < 60


@pytest.mark.parametrize(("offset", "text"), [(400 * DAY, "+400d"), (-DAY / 2, "-12h"), (90, "+90s"), (-120, "-2m")])
def test_an_offset_in_words(offset: float, text: str) -> None:
    assert clock.spelled(offset) == text
