"""Every layout of the conversion bench is read inertly, whole, into the names and bytes that its writer says."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from bench.conversion.zoo import ZOO, spine
from tests.guest.readers.reading_results import read_file

# What main can't read yet, by what it waits for. One that can be read fails its test until it is taken out.
_WAITING = {
    "names that safetensors can't hold are not escaped yet": "name_metadata name_empty name_nul name_surrogate",
    "torch's tar format": "tar_state_dict tar_shared_storage tar_storage_views tar_nested",
    "several pickles as a list": "several_pickles",
    "structured arrays by column": "pickled_structured_array npy_structured forest_pickle",
    "compressed files": "pickle_gzip pickle_bz2 pickle_xz pickle_lzma pickle_zlib torch_zip_gzip torch_legacy_gzip",
    "joblib": (
        "joblib_plain joblib_protocol_2 joblib_array_alone joblib_objects joblib_tensors joblib_shared_array"
        " scaler_joblib"
    ),
    "joblib, compressed": "joblib_zlib joblib_gzip joblib_bz2 joblib_lzma joblib_xz forest_joblib",
    "npy and npz": (
        "npy npy_fortran npy_big_endian npy_scalar npy_empty npy_version_2 npy_objects npz npz_compressed npz_objects"
    ),
    "archives": "tar_gz tar_gz_legacy tar_plain tar_xz tar_gz_two_models zip_of_checkpoint stable_baselines3",
    "folders": "sharded_folder single_file_folder several_files_folder",
}
PENDING = {name: reason for reason, names in _WAITING.items() for name in names.split()}


def _layouts() -> list[object]:
    """test_layouts.py has those of the tests' own zoo."""
    names = [name for name, layout in ZOO.items() if layout.family != spine.FAMILY.name]
    return [
        pytest.param(name, marks=pytest.mark.xfail(strict=True, reason=PENDING[name])) if name in PENDING else name
        for name in names
    ]


@pytest.mark.parametrize("name", _layouts())
def test_layout(name: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path, expected = ZOO[name].make(tmp_path)
    result = read_file(path)
    assert result.end.reason == ""
    assert result.tensors(path.read_bytes()) == expected


def test_nothing_is_pending_that_is_not_there() -> None:
    assert set(PENDING) <= set(ZOO)
