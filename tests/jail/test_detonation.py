"""What a payload means to do, in each jail: whom it calls, what it sends, which decoys it touches, what it leaves."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from sandbox.facts import Conversation, Report, Verdict
from sandbox.report.text import text
from tests.detonation.stories import FAR, STORIES, TIME_BOMB, Peer, Story
from tests.jail.conftest import JAILS, Evaluate, in_one_jail
from tests.jail.payloads import running
from tests.malicious.pickles import bare, call

pytestmark = pytest.mark.jail


def detonated(story: Story, evaluated: Evaluate, folder: Path) -> Report:
    path = folder / "model.pkl"
    if story.command:
        bare(call("posix", "system", story.command), path)
    else:
        running(story.source, path)
    return evaluated(path, policy="detonate", timeout=90, **story.options)


def meant(peer: Peer, talk: Conversation) -> bool:
    return peer.address in (talk.address, talk.name) and (peer.port, peer.transport) == (talk.port, talk.transport)


def stolen(report: Report) -> set[str]:
    return {event.detail["name"] for event in report.dynamic.events if event.kind == "decoy.sent"}


def read(report: Report) -> set[str]:
    return {event.detail["name"] for event in report.dynamic.events if event.kind == "decoy.read"}


# Docker has bubblewrap's observer and kernel, but programs of its own.
RUNS = [(jail, story) for jail in JAILS for story in STORIES if jail != "docker" or story.command]


@pytest.mark.parametrize(("jail", "story"), RUNS, ids=lambda value: getattr(value, "name", value))
def test_the_report_tells_what_it_meant_to_do(story: Story, evaluated: Evaluate, tmp_path: Path) -> None:
    report = detonated(story, evaluated, tmp_path)
    page = text(report)
    assert report.verdict == Verdict.MALICIOUS, page
    assert report.dynamic.observer_outlived_loader, page
    for peer in story.peers:
        talks = [talk for talk in report.dynamic.conversations if meant(peer, talk)]
        assert talks, (peer, report.dynamic.conversations)
        assert all(any(words in talk.sent for talk in talks) for words in peer.said), talks
    asked = [event.detail["name"] for event in report.dynamic.events if event.kind == "net.dns"]
    assert all(any(name.endswith(end) for name in asked) for end in story.names), asked
    assert set(story.decoys) <= read(report)
    assert set(story.stolen) <= stolen(report) <= {*story.stolen, *story.may_steal}
    rules = {finding.rule for finding in report.findings}
    assert stolen(report) or not rules & {"decoy.sent", "event.exfiltration"}, page
    kept = [artifact.path for artifact in report.dynamic.artifacts]
    assert all(any(path.endswith(end) for path in kept) for end in story.left), kept
    assert set(story.rules) <= rules
    for words in story.told:
        assert words in page, page


@in_one_jail
def test_a_time_bomb_goes_off_when_the_clock_is_shifted(evaluated: Evaluate, tmp_path: Path) -> None:
    day = datetime.datetime.now(tz=datetime.UTC) + datetime.timedelta(days=300)
    source = TIME_BOMB.format(year=day.year, month=day.month, day=day.day)
    quiet = detonated(Story("today", source=source), evaluated, tmp_path)
    assert not quiet.dynamic.conversations
    late = detonated(Story("later", source=source, options={"clock": FAR}), evaluated, tmp_path)
    assert [talk.address for talk in late.dynamic.conversations if b"GET /late" in talk.sent] == ["203.0.113.14"]
