"""Which modules a reading names: the loader may have those imported early that are on its own list."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable

from tests.guest.readers.reading_results import Result


def test_a_global_names_its_package_and_its_module(read: Callable[..., Result]) -> None:
    named = read(b"\x80\x04cone.two\nThree\n.", ".pkl").end.frameworks
    assert named == ("one", "one.two")


def test_each_is_named_once(read: Callable[..., Result]) -> None:
    raw = pickle.dumps([OrderedDict(a=1), OrderedDict(b=2)], 4)
    assert read(raw, ".pkl").end.frameworks == ("collections",)


def test_a_global_without_a_module_names_none(read: Callable[..., Result]) -> None:
    assert read(b"\x80\x04c\nx\n.", ".pkl").end.frameworks == ()
