"""Files that the cases start from, and what is asked of those that come out."""

from __future__ import annotations

import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sandbox.errors import SandboxError

LENGTH = struct.Struct("<Q")
ARRAYS = {"w": np.arange(6, dtype=np.float32).reshape(2, 3)}


def arrays(path: Path, content: dict[str, Any] = ARRAYS) -> Path:
    """A checkpoint of arrays, which needs no torch."""
    path.write_bytes(pickle.dumps(content, protocol=4))
    return path


def refused(act: Callable[[], object]) -> str:
    """What the refusal says. Raises AssertionError when nothing was refused."""
    with pytest.raises(SandboxError) as caught:
        act()
    return caught.value.happened


def header_of(path: Path) -> dict[str, Any]:
    """The header of a safetensors file."""
    raw = path.read_bytes()
    (length,) = LENGTH.unpack_from(raw)
    found: dict[str, Any] = json.loads(raw[8 : 8 + length])
    return found
