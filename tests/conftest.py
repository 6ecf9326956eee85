"""Puts the guest's code on the path as the jail does: `import wire`, `from guest import ...`."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "images"), str(ROOT / "sandbox" / "untrusted")]
