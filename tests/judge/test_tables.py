"""The rules that the tables of callables keep among themselves, and against what is installed."""

from __future__ import annotations

import importlib
import sys
import tomllib
from collections.abc import Callable
from contextlib import suppress

import pytest
from torch._weights_only_unpickler import _get_allowed_globals

from sandbox.judge.conditions import GlobalWhen
from sandbox.judge.names import ORDER, parse_names
from tests.judge.rows import CONFIGS, GLOBALS_TABLE, RULES

HARMLESS = ("binder", "type", "function", "constructor")
ALARMING = ("dangerous", "code", "resolver", "applier", "rebuilder")


def names_of(*classes: str) -> list[str]:
    groups = [group for group in GLOBALS_TABLE["group"] if group["class"] in classes]
    return [name for group in groups for text in group["names"] for name in text.split()]


def test_what_torch_allows_is_harmless() -> None:
    classes = {name: RULES.names.named(name).cls for name in _get_allowed_globals()}
    assert {name: cls for name, cls in classes.items() if cls not in HARMLESS} == {}


def test_each_group_says_where_its_names_come_from() -> None:
    assert all(len(group["source"].split()) > 3 for group in GLOBALS_TABLE["group"])


def test_what_alarms_says_what_it_does() -> None:
    groups = [group for group in GLOBALS_TABLE["group"] if group["class"] in ALARMING]
    assert [group["names"] for group in groups if not group.get("does")] == []


@pytest.mark.parametrize("cls", ORDER[:1] + ORDER[2:])
def test_each_name_is_looked_up_as_the_class_it_stands_in(cls: str) -> None:
    """A name written out that an alias turns into another, or a glob that a worse one covers, would be of no use."""
    exact = [name for name in names_of(cls) if "*" not in name]
    assert {name for name in exact if RULES.names.named(name).cls != cls} == set()


def test_no_glob_of_constructors_covers_a_name_that_alarms() -> None:
    groups = [group for group in GLOBALS_TABLE["group"] if group["class"] == "constructor"]
    harmless = parse_names(GLOBALS_TABLE | {"group": groups}).globs
    written_out = [name for name in names_of("dangerous", "code") if "*" not in name]
    assert {name for name in written_out if harmless.find(name)} == set()


def test_a_constructor_glob_ends_in_a_class_or_in_a_helper_of_pickles() -> None:
    """`package.**` would call harmless whatever is in a package."""
    wide = [name for name in names_of("constructor") if name.endswith("**")]
    assert wide == []
    deep = {name for name in names_of("constructor") if "**" in name}
    assert {
        name for name in deep if not name.endswith(("Output", "*ModelOutput*", "*OutputWith*", "__pyx_unpickle_*"))
    } == set()


def test_a_file_of_the_folder_is_one_kind() -> None:
    for path in (CONFIGS / "globals").glob("*.toml"):
        classes = {group["class"] for group in tomllib.loads(path.read_text(encoding="utf-8")).get("group", [])}
        assert path.name.startswith("dangerous-") == (classes == {"dangerous"}), path.name


def test_all_of_pythons_library_is_surveyed() -> None:
    assert {name for name in sys.stdlib_module_names if not RULES.names.is_surveyed(f"{name}.f")} == set()


@pytest.mark.parametrize("name", ["functorch.f", "torchgen.f", "isympy.f", "_distutils_hack.f"])
def test_all_that_an_installed_package_brings_is_surveyed(name: str) -> None:
    assert RULES.names.is_surveyed(name)


@pytest.mark.parametrize(
    "path", ["logging.FileHandler", "joblib.logger.logging.FileHandler", "tempfile.mktemp", "urllib.request.urlopen"]
)
def test_a_module_of_pythons_own_stays_itself_behind_a_harmless_glob(path: str) -> None:
    assert RULES.names.named(f"sklearn.utils.parallel.{path}").cls == "dangerous"


class _Asked:
    """Notes whether anything of it was asked for."""

    def __init__(self) -> None:
        self.__dict__["was"] = False

    def __getattribute__(self, name: str) -> object:
        if name != "__dict__":
            self.__dict__["was"] = True
        return object.__getattribute__(self, name)


def _ask(name: str) -> Callable[..., object]:
    def act(self: _Asked, *_: object) -> object:
        self.__dict__["was"] = True
        raise TypeError(name)

    return act


_DUNDERS = """iter len getitem index int float complex bool hash eq str repr bytes call fspath contains add mul"""
for _name in _DUNDERS.split():
    setattr(_Asked, f"__{_name}__", _ask(_name))


def _of_python(name: str) -> Callable[..., object] | None:
    module, _, word = name.rpartition(".")
    known = module.split(".")[0] in sys.stdlib_module_names
    return getattr(importlib.import_module(module), word, None) if known and not name.startswith("copyreg.") else None


def test_what_is_excused_from_walking_asks_nothing_of_its_arguments() -> None:
    unlike = next(when for row, when in RULES.of(GlobalWhen) if row.id == "global.constructor.walks").names_unlike
    assert unlike
    names = {name for name in names_of("constructor") if "*" not in name} - {"inspect.Signature"}
    excused = [name for name in names if unlike.fullmatch(name)]
    tried = {name: make for name in excused if (make := _of_python(name))}
    assert len(tried) > 30
    walked = set()
    for name, make in tried.items():
        for before in ((), (1,), (1, 1)):
            thing = _Asked()
            with suppress(TypeError, ValueError):
                make(*before, thing)
            walked.update({name} if thing.__dict__["was"] else ())
    assert walked == set()
