"""Which modules a reading names: the loader may have those imported early that are on its own list."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable

import wire

from tests.guest.readers.reading_results import Result


def test_a_global_names_its_module(read: Callable[..., Result]) -> None:
    assert read(b"\x80\x04cone.two\nThree\n.", ".pkl").end.frameworks == ("one.two",)


def test_each_is_named_once(read: Callable[..., Result]) -> None:
    raw = pickle.dumps([OrderedDict(a=1), OrderedDict(b=2)], 4)
    assert read(raw, ".pkl").end.frameworks == ("collections",)


def test_more_than_the_wire_takes_are_not_named(read: Callable[..., Result]) -> None:
    raw = b"\x80\x04" + b"".join(b"cm%d\nX\n0" % number for number in range(wire.MAX_MODULES + 9)) + b"N."
    assert len(read(raw, ".pkl").end.frameworks) == wire.MAX_MODULES
