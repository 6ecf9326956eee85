"""Configuration is checked key by key, and the one that ships is sound."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from sandbox.bundle import find
from sandbox.errors import CallerError, HostError
from sandbox.policy import Policy, load, parse_shift, parse_size, read_table, united

CONFIGS = find().configs


@pytest.fixture
def policy() -> Policy:
    return load("evaluate", CONFIGS)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A policy file of the user's own."""
    return Path(shutil.copy(CONFIGS / "policies" / "evaluate.toml", tmp_path / "own.toml"))


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ("1000000", 1_000_000),
        ("4K", 4096),
        ("512M", 512 << 20),
        ("4G", 4 << 30),
        ("4GiB", 4 << 30),
        ("512 MiB", 512 << 20),
        (" 1.5 GiB ", 3 << 29),
        ("7 B", 7),
        ("1T", 1 << 40),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "G", "x", "-1", "0", "4Q", "4 G B", "4GB4", "nan", "inf", "1e30", "1_0_", "0x10"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(CallerError, match="is not a size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("+400d", 400 * 86400), ("-30d", -30 * 86400), ("+12h", 43200), ("-90s", -90), ("+0.5m", 30)),
        *(("+2w", 1209600), ("+1y", 365 * 86400), ("-60y", -60 * 365 * 86400)),
    ],
)
def test_shifts_of_the_clock(text: str, seconds: float) -> None:
    assert parse_shift(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "400d", "+d", "+400", "+400 d", "+1e3d", "+-1d", "+0d", "+0.1s", "+61y", "-61y", "+٣d"]
)
def test_what_is_no_shift_is_refused(text: str) -> None:
    with pytest.raises(CallerError, match="is no shift of the clock"):
        parse_shift(text)


def test_the_default_policy_says_what_the_design_says(policy: Policy) -> None:
    assert policy.name == "evaluate"
    assert (policy.limits.memory_base, policy.limits.memory_per_byte) == (2 << 30, 2.2)
    assert policy.limits.memory_share_of_ram == 0.75
    assert (policy.limits.wall_base, policy.limits.linger) == (120.0, 2.0)
    assert policy.limits.wall_per_byte * 50_000_000 == pytest.approx(1.0)
    assert (policy.write.total_per_byte, policy.write.total_base) == (4.0, 1 << 30)


def test_a_policy_is_also_a_path(own: Path, policy: Policy) -> None:
    own.write_text(
        own.read_text().replace('name = "evaluate"', 'name = "own"').replace("open_files = 256", "open_files = 300")
    )
    mine = load(str(own), CONFIGS)
    assert (mine.name, mine.limits.open_files) == ("own", 300)
    assert mine.syscalls == policy.syscalls


def test_a_policy_file_in_the_working_folder_needs_no_slash(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(own.parent)
    assert load("own.toml", CONFIGS).name == "evaluate"


@pytest.mark.parametrize("named", ["nonsense", "../policies/evaluate", "", "/nowhere.toml", "/tmp"])
def test_a_policy_that_is_not_there_is_refused(named: str) -> None:
    with pytest.raises(CallerError, match=r"there is no policy .*; use one of detonate, evaluate"):
        load(named, CONFIGS)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('name = "evaluate"', "", "it needs exactly name"),
        ("[watch]", "[wach]", "it needs exactly name"),
        ("[limits]", "more = 1\n[limits]", "it needs exactly name"),
        ("nodes = ", "noddes = ", "[read]: missing or unknown: noddes, nodes"),
        ("open_files = 256", 'open_files = "many"', "'many' is not a size"),
        ("open_files = 256", "open_files = -1", "[limits]: open_files is not a number"),
        ("open_files = 256", "open_files = true", "[limits]: open_files is not a number"),
        ("open_files = 256", "open_files = [1]", "[limits]: open_files is not a number"),
        ("open_files = 256", "open_files = ", "is not TOML"),
        ("open_files = 256", "open_files = nan", "[limits]: open_files is not a number"),
        ("open_files = 256", "open_files = inf", "[limits]: open_files is not a number"),
    ],
)
def test_what_is_wrong_with_a_policy_is_named(own: Path, old: str, new: str, named: str) -> None:
    text = own.read_text()
    assert old in text
    own.write_text(text.replace(old, new, 1))
    with pytest.raises(CallerError, match=re.escape(named)):
        load(str(own), CONFIGS)


@pytest.mark.parametrize("freedoms", ['"programs"', '["everything"]', "[1]", "true"])
def test_freedoms_are_a_list_of_known_words(own: Path, freedoms: str) -> None:
    text = own.read_text()
    own.write_text(text.replace("freedoms = []", f"freedoms = {freedoms}", 1))
    with pytest.raises(CallerError, match="freedoms is a list of programs, writes, sinkhole"):
        load(str(own), CONFIGS)


def test_only_detonation_has_freedoms(policy: Policy) -> None:
    assert policy.freedoms == frozenset()
    assert load("detonate", CONFIGS).freedoms == {"programs", "writes", "sinkhole"}


def test_the_programs_are_plain_names_none_twice() -> None:
    programs = load("detonate", CONFIGS).programs
    assert {"sh", "bash", "perl", "cat", "["} <= set(programs.real)
    assert {"curl", "nc", "xdg-open"} <= set(programs.tools)
    assert programs.python == ("python", "python3")
    names = [*programs.real, *programs.tools, *programs.python]
    assert len(set(names)) == len(names)
    assert not {"sudo", "su", "mount", "passwd"} & set(programs.real)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("python = ", "pythons = "),
        ("python = ", "more = []\npython = "),
        ('python = ["python", "python3"]', 'python = "python"'),
        ('python = ["python", "python3"]', "python = []"),
        ('"python3"', '"sh"'),
        ('"python3"', '"../python3"'),
        ('"python3"', '"-python"'),
        ('"python3"', '""'),
        ('"python3"', "3"),
    ],
)
def test_what_is_wrong_with_the_programs_is_refused(tmp_path: Path, old: str, new: str) -> None:
    configs = Path(shutil.copytree(CONFIGS, tmp_path / "configs"))
    text = (configs / "programs.toml").read_text()
    assert old in text
    (configs / "programs.toml").write_text(text.replace(old, new))
    with pytest.raises(CallerError, match="exactly real, tools and python"):
        load("evaluate", configs)


def test_a_policy_whose_table_is_a_value_is_refused(own: Path) -> None:
    own.write_text('name = "x"\nfreedoms = []\nlimits = 1\nread = 1\nfolder = 1\nwrite = 1\nwatch = 1\n')
    with pytest.raises(CallerError, match="missing or unknown"):
        load(str(own), CONFIGS)


def test_a_file_that_is_not_text_is_not_toml(own: Path) -> None:
    own.write_bytes(b"\xff\xfe")
    with pytest.raises(CallerError, match=r"own\.toml is not TOML"):
        load(str(own), CONFIGS)


def test_a_table_that_is_gone_is_the_hosts_fault(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="can't be read"):
        read_table(tmp_path / "gone.toml")


def test_several_files_tables_are_one_table() -> None:
    tables = {
        "a.toml": {"words": ["a"], "group": [{"name": "a"}], "aliases": {"a": "x"}},
        "b.toml": {"group": [{"name": "b"}], "aliases": {"b": "x"}},
    }
    groups = [{"name": "a"}, {"name": "b"}]
    assert united(tables) == {"words": ["a"], "group": groups, "aliases": {"a": "x", "b": "x"}}
    with pytest.raises(CallerError, match=r"c\.toml: another file of its folder has aliases"):
        united(tables | {"c.toml": {"aliases": {"a": "y"}}})


def test_no_call_is_both_allowed_and_watched(policy: Policy) -> None:
    watched = {name for row in policy.syscalls.watch for name in row.calls}
    assert not watched & set(policy.syscalls.load) - {"mmap", "mprotect", "clone", "fcntl", "ioctl", "tgkill"}
    assert not set(policy.syscalls.absent) & (watched | set(policy.syscalls.load))


def test_wall_one_lets_through_what_wall_two_wants_to_see(policy: Policy) -> None:
    wall_one = set(policy.syscalls.wall_one)
    for row in policy.syscalls.watch:
        assert set(row.calls) - set(policy.syscalls.absent) <= wall_one
    assert list(policy.syscalls.wall_one) == sorted(wall_one)
    assert not wall_one & set(policy.syscalls.absent)


def test_a_home_is_full_only_where_a_load_may_do_something_with_it(policy: Policy) -> None:
    assert policy.persona.home == ()
    assert load("detonate", CONFIGS).persona.home


def test_the_default_is_a_laptop(policy: Policy) -> None:
    assert policy.persona == load("evaluate", CONFIGS, "laptop").persona


def test_a_persona_that_is_not_there_is_refused() -> None:
    with pytest.raises(CallerError, match="there is no persona 'mainframe'; use one of ci, gpu-vm, laptop, notebook"):
        load("evaluate", CONFIGS, "mainframe")
