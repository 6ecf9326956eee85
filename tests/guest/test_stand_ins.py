"""What isn't installed gets a stand-in, and honest uses of one go on; what is installed stays itself."""

from __future__ import annotations

import io
import pathlib

import pytest
from guest.load import unpickler, witness
from guest.load.stand_ins import StandIn
from guest.naming import Branch

from tests.malicious.pickles import call, named, stream


def loaded(body: object) -> object:
    """The object of a pickle that names nothing dangerous."""
    return unpickler.load(io.BytesIO(stream(body)))


def test_a_member_of_an_absent_enumeration_is_a_stand_in() -> None:
    member = loaded(call("builtins", "getattr", named("absent_trainer.trainer_utils", "IntervalStrategy"), "STEPS"))
    assert isinstance(member, type)
    assert issubclass(member, StandIn)
    assert member.__name__ == "STEPS"


def test_members_of_an_absent_flag_can_be_joined() -> None:
    flag = named("absent_flags", "Flag")
    members = (call("builtins", "getattr", flag, name) for name in ("A", "B"))
    assert loaded(call("_operator", "or_", *members)) is not None


def test_a_member_of_a_class_that_is_here_is_looked_up_as_ever() -> None:
    assert loaded(call("builtins", "getattr", named("pathlib", "PurePath"), "name")) is pathlib.PurePath.name
    assert loaded(call("builtins", "getattr", named("pathlib", "PurePath"), "nothing", 7)) == 7
    with pytest.raises(AttributeError):
        loaded(call("builtins", "getattr", named("pathlib", "PurePath"), "nothing"))


def test_an_object_that_copyreg_makes_can_be_looked_at() -> None:
    kinds = (named("absent_estimators", "Scaler"), named("builtins", "object"), None)
    made = loaded(call("copyreg", "_reconstructor", *kinds))
    assert isinstance(made, StandIn)
    assert isinstance(witness.look(made), Branch)
    with pytest.raises(AttributeError):
        made.anything  # noqa: B018


def test_a_path_of_another_system_is_a_pure_one() -> None:
    assert loaded(call("pathlib", "WindowsPath", "C:\\", "runs")) == pathlib.PureWindowsPath("C:\\", "runs")
