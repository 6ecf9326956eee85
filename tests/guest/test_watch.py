"""How much memory a process holds, whatever it does to hide it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from guest.watch import private_memory

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
        assert _HELD <= private_memory(child.pid) < 2 * _HELD
        child.kill()


def test_a_process_that_is_gone_holds_none() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert private_memory(child.pid) == 0
