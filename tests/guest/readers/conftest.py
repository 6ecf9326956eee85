"""The fixture that reads bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from guest.readers.session import Bounds

from tests.guest.readers.reading_results import Result, read_file


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Result]:
    """Reads bytes as a file of the given extension."""

    def run(content: bytes, extension: str = ".pt", bounds: Bounds | None = None) -> Result:
        path = tmp_path / f"model{extension}"
        path.write_bytes(content)
        return read_file(path, bounds)

    return run
