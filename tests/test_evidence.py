"""The bundle for an analyst: whole or not at all, under names of our own, and nothing in it can be run."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.fuzz import conversation, corpus
from sandbox import cli, controller, evidence
from sandbox.errors import CallerError, EvidenceError
from sandbox.facts import Artifact, Event, Exit, Report
from sandbox.jail import family
from sandbox.report.as_json import as_json
from tests.report.samples import CLEAN, DETONATED

(SAID,) = DETONATED.dynamic.conversations
EXEC = Event(9, "process.exec", "execve", "continued", 12, 2.0, 1, {"path": "/bin/sh", "argv": "sh -c 'id\x1b[2J'"})


def changed(**changes: Any) -> Report:
    return replace(DETONATED, dynamic=replace(DETONATED.dynamic, **changes))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write(report: Report, folder: Path) -> None:
    """As an evaluation does it."""
    with evidence.place(folder) as half:
        evidence.write(report, half, folder)


def index(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "index.json").read_bytes())
    return found


def test_what_was_said_left_and_run_is_there_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "evidence"
    report = changed(events=(EXEC,))
    write(report, folder)
    assert files(folder) == {
        "README.txt": evidence._README.encode(),
        "index.json": (folder / "index.json").read_bytes(),
        "report.json": as_json(report).encode(),
        "conversations/0001-tcp-203.0.113.9-80.sent.bin": SAID.sent,
        "conversations/0001-tcp-203.0.113.9-80.answered.bin": SAID.answered,
        "files/0001.bin": DETONATED.dynamic.artifacts[0].content,
        "scripts/0001.txt": b"id\x1b[2J",
        "tools/0001.stdin.bin": b"* * * * * sh",
    }
    assert os.listdir(tmp_path) == ["evidence"]


def test_the_index_says_what_each_file_is(tmp_path: Path) -> None:
    write(changed(events=(EXEC,)), tmp_path / "evidence")
    found = index(tmp_path / "evidence")
    assert found["schema"] == "sandbox-load/evidence/1"
    assert [node["cause"] for node in found["story"]["nodes"]][:3] == [None, 1, 2]
    listed = {row["file"]: row for row in found["files"]}
    there = files(tmp_path / "evidence")
    assert listed.keys() == there.keys() - {"index.json", "README.txt"}
    for name, row in listed.items():
        assert row["size"] == len(there[name])
        assert row["sha256"] == hashlib.sha256(there[name]).hexdigest()
    assert listed["files/0001.bin"]["path"] == "/tmp/a\ufffd[2J"
    assert listed["files/0001.bin"]["whole_size"] == 70_000
    assert listed["scripts/0001.txt"]["program"] == "sh"
    assert listed["conversations/0001-tcp-203.0.113.9-80.sent.bin"]["summary"] == DETONATED.talks[0].summary


def test_nobody_else_can_look_and_nothing_can_be_run(tmp_path: Path) -> None:
    folder = tmp_path / "evidence"
    before = os.umask(0)
    try:
        write(changed(events=(EXEC,)), folder)
    finally:
        os.umask(before)
    for path in (folder, *folder.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o400), path


def test_where_nothing_happened_there_is_an_index_and_a_report(tmp_path: Path) -> None:
    write(CLEAN, tmp_path / "evidence")
    assert files(tmp_path / "evidence").keys() == {"README.txt", "index.json", "report.json"}


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ({"address": "2001:db8::1"}, "tcp-2001_db8__1-80"),
        ({"address": "fe80::1%../../../x"}, "tcp-fe80__1-80"),
        ({"address": "../../x"}, "tcp-unknown-80"),
        ({"address": ""}, "tcp-unknown-80"),
        ({"transport": "../x"}, "other-203.0.113.9-80"),
        ({"transport": "udp", "port": 53}, "udp-203.0.113.9-53"),
    ],
)
def test_no_name_is_the_attackers(said: dict[str, Any], name: str, tmp_path: Path) -> None:
    write(changed(conversations=(replace(SAID, **said),)), tmp_path / "evidence")
    assert f"conversations/0001-{name}.sent.bin" in files(tmp_path / "evidence")


HOSTILE = st.text(max_size=8) | st.sampled_from(["/", "..", "../../x", "\0", "a\nb", "1.2.3.4", "::1%a/b", "tcp"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(HOSTILE, HOSTILE, st.binary(max_size=9))
def test_whatever_the_text_only_our_names_are_there(tmp_path: Path, text: str, other: str, content: bytes) -> None:
    folder = tmp_path / os.urandom(4).hex()
    report = changed(
        conversations=(replace(SAID, address=text, transport=other, name=text, protocol=other),),
        artifacts=(Artifact(text, other, 0o4777, 1, text, content),),
        events=(replace(EXEC, detail={"argv": f"sh -c {text}", "path": other}),),
    )
    write(report, folder)
    for name in files(folder):
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyzREADM0123456789-_./")
        assert ".." not in name
    assert (folder / "files/0001.bin").read_bytes() == content
    assert index(folder)["files"]


def a_file(path: Path) -> None:
    path.write_text("mine")


def a_link(path: Path) -> None:
    path.symlink_to("nowhere")


def refused(folder: Path, why: str) -> None:
    with pytest.raises(CallerError, match=why), evidence.place(folder):
        raise AssertionError("something was about to start")


@pytest.mark.parametrize("there", [Path.mkdir, a_file, a_link])
def test_what_is_there_is_refused_before_anything_starts(there: Callable[[Path], None], tmp_path: Path) -> None:
    there(tmp_path / "evidence")
    refused(tmp_path / "evidence", "exists already")
    assert os.listdir(tmp_path) == ["evidence"]


@pytest.mark.parametrize(
    ("place", "why"),
    [
        *(("no/such", "folder no does not exist"), ("a_file/x", "Not a directory"), ("n" * 256, "File name too long")),
        *((name, "exists already") for name in (".", "..", "/", "")),
    ],
)
def test_a_place_that_can_not_be_is_refused(
    place: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a_file").write_text("mine")
    refused(Path(place), why)
    assert os.listdir(tmp_path) == ["a_file"]


def test_a_name_as_long_as_may_be_is_taken(tmp_path: Path) -> None:
    write(CLEAN, tmp_path / ("n" * 255))
    assert index(tmp_path / ("n" * 255))["files"]


@pytest.mark.parametrize("step", ["mkdir", "rename"])
def test_a_closed_folder_is_refused(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, step, fail)
    refused(tmp_path / "new", "can't be made .Read-only file system")
    assert os.listdir(tmp_path) == []


def test_where_nothing_is_written_nothing_is_left(tmp_path: Path) -> None:
    with evidence.place(tmp_path / "new") as half:
        assert os.listdir(tmp_path) == [half.name]
        assert stat.S_IMODE(half.stat().st_mode) == 0o700
    assert os.listdir(tmp_path) == []


def test_a_name_that_was_taken_meanwhile_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="File exists"), evidence.place(tmp_path / "new") as half:  # noqa: PT012
        a_file(tmp_path / "new")
        evidence.write(CLEAN, half, tmp_path / "new")
    assert (tmp_path / "new").read_text() == "mine"
    assert os.listdir(tmp_path) == ["new"]


@pytest.mark.parametrize("step", ["_put", "_sync", "_appear"])
@pytest.mark.parametrize(
    ("error", "becomes"), [(KeyboardInterrupt(), KeyboardInterrupt), (OSError(28, "full"), EvidenceError)]
)
def test_what_stops_half_way_leaves_nothing(
    step: str, error: BaseException, becomes: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    act = getattr(evidence, step)
    calls = 0

    def fail(*words: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == (1 if step == "_appear" else 2):
            raise error
        return act(*words)

    monkeypatch.setattr(evidence, step, fail)
    with pytest.raises(becomes) as raised:
        write(DETONATED, tmp_path / "evidence")
    assert getattr(raised.value, "report", DETONATED) is DETONATED
    assert os.listdir(tmp_path) == []


def test_a_rename_that_fails_gives_the_name_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with evidence.place(tmp_path / "evidence") as half:
        monkeypatch.setattr(Path, "rename", interrupt)
        with pytest.raises(KeyboardInterrupt):
            evidence.write(DETONATED, half, tmp_path / "evidence")
    assert os.listdir(tmp_path) == []


def test_the_command_refuses_an_existing_folder_and_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.pt").write_bytes(b"\x80\x04K\x01.")
    (tmp_path / "there").mkdir()
    assert cli.run(["model.pt", "--evidence", "there"]) == Exit.USAGE
    said = capsys.readouterr()
    assert said.err == "sandbox-load: model.pt: there exists already; name a new folder with --evidence\n"
    assert sorted(os.listdir(tmp_path)) == ["model.pt", "there"]


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A malicious file in the working folder, whose evaluation is a replay."""
    played = conversation.Conversation.parse(corpus.read("conversation")["malicious.bin"])
    jail = conversation.ReplayJail(played)
    monkeypatch.setattr(family, "choose", lambda *_: (jail, conversation._READY))
    monkeypatch.setattr(controller, "_Run", conversation._Run)
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.pt"
    path.write_bytes(played.model)
    return path


COMMAND = ("model.pt", "--no-output", "--evidence", "new", "--format", "json", "-q")


@pytest.mark.usefixtures("model")
def test_the_command_writes_the_bundle_of_its_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.run(COMMAND)
    told = capsys.readouterr().out.encode()
    assert files(tmp_path / "new")["report.json"] == told
    assert code == json.loads(told)["exit_code"] != Exit.QUIET
    assert index(tmp_path / "new")["verdict"] == json.loads(told)["verdict"]
    assert sorted(os.listdir(tmp_path)) == ["model.pt", "new"]


def full(*_: object) -> None:
    raise OSError(28, "No space left on device")


FULL = "the evidence can't be written to new (No space left on device); free some space, or name a new folder with"


@pytest.mark.usefixtures("model")
def test_evidence_that_can_not_be_written_does_not_cost_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(evidence, "_put", full)
    code = cli.run([*COMMAND, "--report", "json=x"])
    said = capsys.readouterr()
    assert said.err == f"sandbox-load: model.pt: {FULL} --evidence\n"
    assert said.out.encode() == (tmp_path / "x").read_bytes()
    assert code == json.loads(said.out)["exit_code"] == Exit.ALARM
    assert sorted(os.listdir(tmp_path)) == ["model.pt", "x"]


@pytest.mark.usefixtures("model")
def test_evidence_that_can_not_be_written_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def evaluate(_request: object) -> None:
        failure = EvidenceError("x", "y")
        failure.report = CLEAN
        raise failure

    monkeypatch.setattr(controller, "evaluate", evaluate)
    assert cli.run(COMMAND) == Exit.USAGE
    said = capsys.readouterr()
    assert (json.loads(said.out)["verdict"], said.err) == ("clean", "sandbox-load: model.pt: x; y\n")


def test_from_python_too(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = controller.evaluate(model, write=False, evidence=str(tmp_path / "new"))
    assert files(tmp_path / "new")["report.json"] == as_json(report).encode()
    monkeypatch.setattr(evidence, "_put", full)
    with pytest.raises(EvidenceError) as raised:
        controller.evaluate(model, write=False, evidence=tmp_path / "other")
    assert raised.value.report.verdict == report.verdict


def test_a_name_that_can_not_be_stops_everything(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(family, "choose", full)
    assert cli.run([model.name, "--evidence", "n" * 256, "--report", "json=x"]) == Exit.USAGE
    assert "File name too long" in capsys.readouterr().err
    assert os.listdir(model.parent) == [model.name]
