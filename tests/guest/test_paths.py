"""One path has many spellings. What is recorded is the one from the root, and PID 1 is found behind each."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from guest.observers.memory import Memory
from guest.observers.paths import AT_FDCWD, resolve
from hypothesis import given
from hypothesis import strategies as st

from tests.guest.test_decode import FakeMemory, HostileMemory


class Caller(FakeMemory):
    """A caller whose folder is /proc/1 and whose descriptor 7 is open on /proc."""

    def folder(self) -> bytes:
        return b"/proc/1"

    def opened(self, descriptor: int) -> bytes:
        return {7: b"/proc", 8: b"pipe:[1]"}.get(descriptor) or super().opened(descriptor)


@pytest.mark.parametrize(
    ("folder", "path"),
    [
        (AT_FDCWD, "/proc/1/mem"),
        (AT_FDCWD, "//proc//1//mem"),
        (AT_FDCWD, "/proc/./1/./mem"),
        (AT_FDCWD, "/tmp/../proc/1/mem"),
        (AT_FDCWD, "/../../proc/1/mem"),
        (AT_FDCWD, "mem"),
        (AT_FDCWD, "../1/mem"),
        (AT_FDCWD, "/proc/self/../1/mem"),
        (AT_FDCWD, "/proc/thread-self/../../../1/mem"),
        (AT_FDCWD, "/proc/self/root/proc/1/mem"),
        (AT_FDCWD, "/proc/thread-self/root/proc/1/mem"),
        (AT_FDCWD, "/proc/23/root/proc/1/mem"),
        (AT_FDCWD, "/proc/self/task/23/root/proc/1/mem"),
        (AT_FDCWD, "/proc/self/cwd/mem"),
        (AT_FDCWD, "/proc/self/fd/7/1/mem"),
        (AT_FDCWD, "/dev/fd/7/1/mem"),
        (7, "1/mem"),
        (7 | 0xFFFF << 32, "1/mem"),
    ],
)
def test_every_spelling_is_the_same_path(folder: int, path: str) -> None:
    assert resolve(Caller(), folder, path.encode()) == (b"/proc/1/mem", True)


@pytest.mark.parametrize(
    ("folder", "path", "told"),
    [
        (AT_FDCWD, "", ""),
        (AT_FDCWD, "/usr/lib/x.so", "/usr/lib/x.so"),
        (AT_FDCWD, "/proc/self/maps", "/proc/self/maps"),
        (AT_FDCWD, "/proc/self/fd/8/x", "/proc/self/fd/8/x"),
        (AT_FDCWD, "/proc/self/fd/99999999999", "/proc/self/fd/99999999999"),
        (AT_FDCWD, "/proc/cpuinfo/", "/proc/cpuinfo"),
        (8, "x", "x"),
        (99, "1/mem", "1/mem"),
    ],
)
def test_what_leads_elsewhere_is_told_as_it_is(folder: int, path: str, told: str) -> None:
    assert resolve(Caller(), folder, path.encode()) == (told.encode(), False)


def test_passing_through_pid_1_is_noticed_wherever_it_leads() -> None:
    assert resolve(Caller(), AT_FDCWD, b"/proc/1/root/../../etc/passwd") == (b"/proc/etc/passwd", True)


def test_a_path_of_links_only_comes_to_an_end() -> None:
    path = b"/proc/self/fd/7/self/root" * 160
    assert len(resolve(Caller(), AT_FDCWD, path)[0]) <= len(path)


def test_the_kernel_says_where_this_process_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = os.open(tmp_path, os.O_RDONLY)
    with Memory(os.getpid()) as memory:
        for at in (AT_FDCWD, folder):
            assert resolve(memory, at, b"./x") == (os.fsencode(tmp_path / "x"), False)
    os.close(folder)


@given(st.integers(0, (1 << 64) - 1), st.binary(max_size=200), st.binary(max_size=64))
def test_whatever_the_bytes_it_is_bounded_and_told(folder: int, path: bytes, hostile: bytes) -> None:
    told, _ = resolve(HostileMemory(hostile), folder, path)
    assert len(told) <= 41 * (len(path) + len(hostile) + 64)
