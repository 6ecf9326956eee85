"""Puts the guest's code on the path as the jail does: `import wire`, `from guest import ...`."""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "images"), str(ROOT / "sandbox" / "untrusted")]

# A loaded machine is slow, not wrong; and the checkout may belong to another user than the tests'.
settings.register_profile("sandbox-load", deadline=None, database=None)
settings.load_profile("sandbox-load")
