"""What a tree of processes uses, whatever it does to hide it, in a series that stays bounded."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
import wire
from guest.samples import Sample, Samples, Series, usage

_HELD = 64 << 20
_SOURCES = {
    "ordinary": "held = bytearray(SIZE); held[::4096] = b'x' * len(held[::4096])",
    "shared": "import mmap; held = mmap.mmap(-1, SIZE); held.write(bytes(SIZE))",
    "first_thread_gone": """
import ctypes, threading
held = bytearray(SIZE)
held[::4096] = b'x' * len(held[::4096])
first = threading.get_native_id()
def tell():
    state = lambda: open(f'/proc/self/task/{first}/stat').read().rsplit(')', 1)[1].split()[0]
    while state() != 'Z': pass
    os.write(1, b'x')
    os.read(0, 1)
    os._exit(0)
threading.Thread(target=tell).start()
ctypes.CDLL(None).syscall(60, 0)
""",
}


@pytest.mark.parametrize("how", _SOURCES)
def test_memory_is_counted_however_it_is_held(how: str) -> None:
    source = f"import os; SIZE = {_HELD}\n{_SOURCES[how]}\nos.write(1, b'x'); os.read(0, 1)"
    with subprocess.Popen([sys.executable, "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.read(1)
        assert _HELD <= usage(child.pid)["memory"] < 2 * _HELD
        child.kill()


def test_a_process_that_is_gone_holds_none() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert usage(child.pid)["memory"] == 0


def test_a_series_of_any_length_is_bounded_and_covers_all_of_it() -> None:
    series = Series(most=8)
    for number in range(1000):
        series.add(Sample(at=float(number)))
        assert len(series.kept) <= 8
        assert [sample.at for sample in series.kept] == [float(at) for at in range(0, number + 1, series.stride)]
    assert series.taken == 1000


def test_the_row_holds_the_dead_too_and_passes_the_wire() -> None:
    samples = Samples(0.2, 1 << 40, time.monotonic())
    spin = "import time\nwhile time.process_time() < 0.3: pass"
    with subprocess.Popen([sys.executable, "-c", spin + "\ninput()"], stdin=subprocess.PIPE) as child:
        samples.mark("armed", [child.pid])
        assert not samples.take([child.pid])
        child.communicate(b"\n")
    samples.mark("loaded", [child.pid])
    row = samples.row()
    assert row.cpu_seconds >= 0.3
    assert row.load_cpu_seconds <= row.cpu_seconds
    assert row.after_cpu_seconds == 0
    assert (row.samples, row.peak_processes) == (3, 1)
    assert wire.decode(wire.Kind.RESOURCES, wire.encode(wire.Kind.RESOURCES, row)[wire.HEADER.size :]) == row


def test_more_memory_than_allowed_is_told() -> None:
    assert Samples(0.2, 1 << 20, time.monotonic()).take([os.getpid()])
