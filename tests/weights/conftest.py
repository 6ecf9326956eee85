"""A source file, as the stage would hold it open."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "model.pt"
    path.write_bytes(os.urandom(5000))
    return path


@pytest.fixture
def source_fd(source: Path) -> Iterator[int]:
    fd = os.open(source, os.O_RDONLY)
    yield fd
    os.close(fd)
