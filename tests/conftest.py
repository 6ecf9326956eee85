"""Puts the guest's code on the path as the jail does: `import wire`, `from guest import ...`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "images"), str(ROOT / "sandbox" / "untrusted")]

# A loaded machine is slow, not wrong; and the checkout may belong to another user than the tests'.
settings.register_profile("sandbox-load", deadline=None, database=None)
settings.load_profile("sandbox-load")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep what shares a jail's run with one worker (`-n 2 --dist loadgroup`); the rest goes to whoever is free."""
    for item in items:
        if isinstance(item, pytest.Function) and item.get_closest_marker("one_run"):
            jail = item.callspec.params.get("jail", "") if hasattr(item, "callspec") else ""
            item.add_marker(pytest.mark.xdist_group(f"{item.module.__name__} {jail}"))
