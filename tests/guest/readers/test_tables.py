"""What pandas and scikit-learn really wrote: tests/fixtures/make_tables.py says how."""

from __future__ import annotations

import json
from typing import Any

import blake3
import pytest
from guest.load import joblib_file, pickle_file, unpickler, witness

from tests.conftest import ROOT
from tests.guest.readers.reading_results import read_file

FIXTURES = ROOT / "tests" / "fixtures"
LOADS: dict[str, Any] = {"tables.pkl": pickle_file.load, "estimators.joblib": joblib_file.load}


@pytest.fixture
def unmarked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The record of what was absent as it was."""
    monkeypatch.setattr(unpickler, "absent", {})
    monkeypatch.setattr(unpickler, "_stand_ins", {})


@pytest.mark.parametrize("name", LOADS)
@pytest.mark.usefixtures("unmarked")
def test_they_hold_what_the_libraries_say_and_loads_agree(name: str) -> None:
    path = FIXTURES / name
    result = read_file(path)
    assert (result.end.reason, result.oddities, result["LEFT_OUT"]) == ("", set(), [])
    found = result.tensors(path.read_bytes())
    for known, (shape, raw) in json.loads((FIXTURES / "arrays.json").read_text())[name].items():
        assert (list(found[known][1]), found[known][2].hex()) == (shape, raw), known
    with path.open("rb") as file:
        forms = witness.forms(LOADS[name](file), 1 << 30)
    assert forms == {key: (*value[:2], blake3.blake3(value[2]).hexdigest()) for key, value in found.items()}
