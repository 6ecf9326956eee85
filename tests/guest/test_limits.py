"""What PID 1 reads of its jail's limits, and what it makes of a promise that isn't kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import wire
from guest import limits


def test_the_numbers_are_the_kernels() -> None:
    told = os.statvfs("/dev/shm")
    seen = limits.in_force({"tmpfs /dev/shm": 0, "tmpfs /nowhere": 0, "writable /proc/self": 0, "rlimit CORE": 0})
    assert seen["tmpfs /dev/shm"] == told.f_blocks * told.f_frsize
    assert "tmpfs /nowhere" not in seen
    assert seen["writable /proc/self"] == 1
    assert seen["cpus"] == len(os.sched_getaffinity(0))
    assert {"rlimit CORE", "rlimit FSIZE", "rlimit NOFILE"} <= seen.keys()


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        ({"a": 3}, ""),
        ({"a": 2, "b": 9}, ""),
        ({"a": 4}, "a is 4, 3 was promised"),
        ({"b": 0}, "a is not seen, 3 was promised"),
    ],
)
def test_a_promise_is_a_bound_that_must_be_seen(seen: dict[str, int], why: str) -> None:
    assert limits.lacking({"a": 3}, seen) == why


def test_what_is_below_a_mount_is_as_writable_as_it() -> None:
    mounts = {"/": False, "/tmp": True}
    assert [limits._writable(path, mounts) for path in ("/", "/usr/lib", "/tmp", "/tmp/x/y")] == [0, 0, 1, 1]
    assert limits._writable("/x", {}) == 1


@pytest.mark.parametrize(
    ("files", "shown"),
    [
        ({}, {}),
        (
            {"memory.max": "1048576\n", "pids.max": "max\n", "cpu.max": "50000 100000\n"},
            {"cgroup memory": 1 << 20, "cgroup processes": wire.MAX_SIZE, "cgroup cpu": 500},
        ),
        (
            {
                "memory/memory.limit_in_bytes": "9223372036854771712\n",
                "pids/pids.max": "64\n",
                "cpu/cpu.cfs_quota_us": "-1\n",
                "cpu/cpu.cfs_period_us": "100000\n",
            },
            {"cgroup memory": 9223372036854771712, "cgroup processes": 64},
        ),
        ({"cpu.max": "max 100000\n"}, {"cgroup cpu": wire.MAX_SIZE}),
    ],
    ids=["none", "version 2", "version 1", "no quota"],
)
def test_a_control_group_that_shows(
    files: dict[str, str], shown: dict[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, encoding="ascii")
    monkeypatch.setattr(limits, "_CGROUP", tmp_path)
    assert limits._cgroup() == shown
