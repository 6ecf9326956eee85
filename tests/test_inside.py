"""Limits beside what stands inside for them."""

from __future__ import annotations

from sandbox.facts import Limit
from sandbox.inside import lacking, read_back


def limits(*names: str) -> tuple[Limit, ...]:
    return tuple(Limit(name, 7, "", "somebody") for name in names)


def test_each_limit_gets_the_number_that_shows_it_best() -> None:
    seen = {"cgroup memory": 5, "tmpfs /tmp": 1, "tmpfs /dev/shm": 3, "cpus": 2, "rlimit CORE": 0, "rlimit FSIZE": 9}
    asked = limits("memory", "tmp", "cpu", "core files", "file size", "processes", "wall clock")
    shown = {limit.name: limit.inside for limit in read_back(asked, seen, {"FSIZE": 8, "NPROC": 6})}
    assert shown == {
        "memory": 5,
        "tmp": 3,
        "cpu": 2000,
        "core files": 0,
        "file size": 8,
        "processes": 6,
        "wall clock": None,
    }


def test_a_silent_jail_shows_nothing() -> None:
    assert [limit.inside for limit in read_back(limits("memory", "tmp"), {}, {})] == [None, None]


def test_a_promise_is_kept_by_less_and_broken_by_more_or_nothing() -> None:
    assert lacking({"a": 3}, {"a": 3, "b": 9}) == ""
    assert lacking({"a": 3}, {"a": 4}) == "a is 4 instead of 3"
    assert lacking({"a": 3}, {}) == "a is not to be seen instead of 3"
