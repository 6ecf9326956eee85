"""Control groups that a killed run left are taken away by the next; those in use are not."""

from __future__ import annotations

import os
from pathlib import Path

from sandbox.jail.cgroup import _sweep


def test_old_empty_groups_go_and_all_others_stay(tmp_path: Path) -> None:
    names = ("sandbox-load-old", "sandbox-load-new", "sandbox-load-busy", "others")
    old, new, busy, others = (tmp_path / name for name in names)
    for folder in (old, new, busy, others):
        folder.mkdir()
    (busy / "child").mkdir()  # as with a process, rmdir fails
    for folder in (old, busy, others):
        os.utime(folder, (0, 0))
    _sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([new, busy, others])
