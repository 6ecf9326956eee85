"""Outputs appear together under their names, or nothing is left of them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from sandbox.errors import CallerError, HostError
from sandbox.weights.group import MANIFEST, METADATA, WEIGHTS, OutputGroup, output_paths, refuse_existing, umask

NAMES = {WEIGHTS: "x.safetensors", MANIFEST: "x.manifest.json", METADATA: "x.metadata.json"}


def fill(group: OutputGroup) -> None:
    os.write(group.create(NAMES[WEIGHTS], WEIGHTS), b"new weights")
    for kind in (MANIFEST, METADATA):
        group.write(NAMES[kind], kind, [b"new ", kind.encode()])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class NamedGroup(OutputGroup):
    """As on a file system without nameless files."""

    def create(self, name: str, kind: str) -> int:
        member = self._create_named(name, kind)
        self._members.append(member)
        return member.fd


@pytest.fixture(params=[OutputGroup, NamedGroup])
def group_type(request: pytest.FixtureRequest) -> type[OutputGroup]:
    return request.param


def test_all_files_appear_with_the_mode_of_an_ordinary_file(group_type: type[OutputGroup], tmp_path: Path) -> None:
    with group_type(tmp_path) as group:
        fill(group)
        assert {stat.S_IMODE(os.fstat(member.fd).st_mode) for member in group._members} == {0o600}
        assert not set(names(tmp_path)) & set(NAMES.values())
        group.commit()
    assert names(tmp_path) == sorted(NAMES.values())
    assert (tmp_path / NAMES[WEIGHTS]).read_bytes() == b"new weights"
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o666 & ~umask()}


def test_the_umask_is_read_and_not_changed() -> None:
    before = os.umask(0o027)
    try:
        assert umask() == 0o027
        assert umask() == 0o027
    finally:
        os.umask(before)


def test_a_written_file_is_described(tmp_path: Path) -> None:
    with OutputGroup(tmp_path) as group:
        output = group.write("m", MANIFEST, [b"a", b"bc"])
    assert (output.path, output.kind, output.size) == (str(tmp_path / "m"), MANIFEST, 3)
    assert output.sha256.startswith("ba7816bf")


def test_leaving_without_a_commit_leaves_nothing(group_type: type[OutputGroup], tmp_path: Path) -> None:
    def interrupted() -> None:
        with group_type(tmp_path) as group:
            fill(group)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert names(tmp_path) == []


@pytest.mark.parametrize("taken", NAMES.values())
@pytest.mark.parametrize("how", ["file", "link", "dangling", "folder"])
def test_an_existing_name_undoes_the_whole_group(
    group_type: type[OutputGroup], tmp_path: Path, taken: str, how: str
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    target = tmp_path / "target"
    make = {
        "file": lambda path: path.write_bytes(b"old"),
        "link": lambda path: (target.write_bytes(b"old"), path.symlink_to(target)),
        "dangling": lambda path: path.symlink_to(target),
        "folder": lambda path: path.mkdir(),
    }[how]
    with group_type(folder) as group:
        fill(group)
        make(folder / taken)
        with pytest.raises(CallerError, match=taken):
            group.commit()
    assert names(folder) == [taken]
    assert target.exists() == (how == "link")
    assert not target.exists() or target.read_bytes() == b"old"
    with pytest.raises(CallerError, match=taken):
        refuse_existing(folder, NAMES.values())


def test_force_replaces_files_and_links_but_not_what_links_point_to(
    group_type: type[OutputGroup], tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (tmp_path / "target").write_bytes(b"old")
    (folder / NAMES[WEIGHTS]).symlink_to(tmp_path / "target")
    (folder / NAMES[MANIFEST]).write_bytes(b"old")
    refuse_existing(folder, NAMES.values(), force=True)
    with group_type(folder, force=True) as group:
        fill(group)
        group.commit()
    assert names(folder) == sorted(NAMES.values())
    assert not (folder / NAMES[WEIGHTS]).is_symlink()
    assert (tmp_path / "target").read_bytes() == b"old"
    assert (folder / NAMES[MANIFEST]).read_bytes() == b"new manifest"


def test_force_gives_the_old_files_back_when_one_can_not_be_replaced(
    group_type: type[OutputGroup], tmp_path: Path
) -> None:
    (tmp_path / NAMES[MANIFEST]).write_bytes(b"old")
    (tmp_path / NAMES[WEIGHTS]).mkdir()
    (tmp_path / NAMES[WEIGHTS] / "inside").write_bytes(b"")
    with group_type(tmp_path, force=True) as group:
        fill(group)
        with pytest.raises(HostError):
            group.commit()
    assert names(tmp_path) == sorted([NAMES[MANIFEST], NAMES[WEIGHTS]])
    assert (tmp_path / NAMES[MANIFEST]).read_bytes() == b"old"
    assert (tmp_path / NAMES[WEIGHTS] / "inside").exists()
    with pytest.raises(CallerError, match="not a file"):
        refuse_existing(tmp_path, NAMES.values(), force=True)


def test_the_input_itself_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(b"")
    with pytest.raises(CallerError, match="the input itself"):
        refuse_existing(tmp_path, ["model.pt"], force=True, sources=[(tmp_path / "model.pt").stat()])


def test_an_interrupt_in_the_middle_of_a_commit_undoes_it(tmp_path: Path) -> None:
    class Interrupted(OutputGroup):
        def _install(self, member: object) -> None:
            super()._install(member)
            if member is self._members[2]:
                raise KeyboardInterrupt

    for force in (False, True):
        if force:
            (tmp_path / NAMES[METADATA]).write_bytes(b"old")
        before = names(tmp_path)
        with Interrupted(tmp_path, force=force) as group:
            fill(group)
            with pytest.raises(KeyboardInterrupt):
                group.commit()
        assert names(tmp_path) == before
    assert (tmp_path / NAMES[METADATA]).read_bytes() == b"old"


def test_a_missing_folder_is_the_callers_mistake(tmp_path: Path) -> None:
    with pytest.raises(CallerError):
        OutputGroup(tmp_path / "no")
    with pytest.raises(CallerError, match="does not exist"):
        refuse_existing(tmp_path / "no", ["x"])
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CallerError):
        OutputGroup(tmp_path / "file")


def test_a_name_that_is_too_long_is_the_callers_mistake(tmp_path: Path) -> None:
    with pytest.raises(CallerError, match="too long"):
        refuse_existing(tmp_path, ["x" * 300])


def test_a_folder_without_room_is_refused_before_the_first_byte(tmp_path: Path) -> None:
    with OutputGroup(tmp_path) as group:
        group.require_space(1)
        with pytest.raises(HostError, match="needs"):
            group.require_space(1 << 62)


def test_the_three_files_stand_side_by_side() -> None:
    assert {kind: path.name for kind, path in output_paths(Path("a/x.safetensors")).items()} == NAMES
