"""What is installed and refuses what a file gives it counts as absent; whatever else raises, still raises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from guest.load import loaders
from guest.load.place import Place
from guest.load.stand_ins import StandIn

from tests.malicious.pickles import call, stream

HERE = __name__


class Lacking:
    """Needs a package of its own."""

    def __init__(self, *_: object) -> None:
        raise ImportError("arrow is required")


class MovedOn:
    """Takes another state than it did."""

    def __setstate__(self, state: Any) -> None:
        raise KeyError(state)


def make(*_: object) -> object:
    raise ModuleNotFoundError("arrow")


def fail() -> object:
    raise ValueError("of its own")


def loaded(body: object, path: Path) -> Any:
    path.write_bytes(stream(body))
    return loaders.load("pickle", Place(str(path)))


@pytest.mark.parametrize("name", ["Lacking", "make"])
def test_what_lacks_a_package_of_its_own_is_a_stand_in(name: str, tmp_path: Path) -> None:
    found = loaded(["before", call(HERE, name, "given")], tmp_path / "model.pkl")
    assert found[0] == "before"
    assert isinstance(found[1], StandIn)


def test_a_class_that_refuses_its_state_is_a_stand_in(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x03c" + f"{HERE}\nMovedOn\n".encode() + b")\x81X\x01\x00\x00\x00xb.")
    assert isinstance(loaders.load("pickle", Place(str(path))), StandIn)


def test_an_error_of_its_own_stays_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="of its own"):
        loaded(call(HERE, "fail"), tmp_path / "model.pkl")
