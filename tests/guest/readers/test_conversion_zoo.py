"""Every layout of the conversion bench is read inertly, whole, into the names and bytes that its writer says."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from bench.conversion.zoo import ZOO, spine
from tests.guest.readers.reading_results import read_file
from tests.guest.readers.test_folder import read_folder, tensors

# test_layouts.py has those of the tests' own zoo.
LAYOUTS = [name for name, layout in ZOO.items() if layout.family != spine.FAMILY.name]


@pytest.mark.parametrize("name", LAYOUTS)
def test_layout(name: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path, expected = ZOO[name].make(tmp_path)
    result = read_folder(path) if path.is_dir() else read_file(path)
    assert result.end.reason == ""
    if path.is_dir():
        assert tensors(result, path) == {name: raw for name, (_, _, raw) in expected.items()}
        assert {row.name: (row.dtype, row.shape) for row in result["TENSOR"]} == {
            name: (dtype, shape) for name, (dtype, shape, _) in expected.items()
        }
    else:
        assert result.tensors(path.read_bytes()) == expected
