"""Reports are short, say what they should, follow their schema, and carry nobody's terminal codes."""

from __future__ import annotations

import base64
import json
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any
from unicodedata import category

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from sandbox.facts import (
    Completeness,
    DynamicFacts,
    Finding,
    FormatFact,
    Input,
    InputFile,
    Label,
    Output,
    Report,
    RuleFile,
    TensorCount,
    Verdict,
)
from sandbox.report.renderers import RENDERERS
from sandbox.report.text import size, text
from tests.report.samples import CLEAN, DETONATED, MALICIOUS

HERE = Path(__file__).parent
SCHEMA = json.loads((HERE.parent.parent / "docs" / "report.schema.json").read_text("utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)

STATIC = replace(
    CLEAN,
    verdict=Verdict.UNEXECUTED,
    summary="Not loaded; what the file says is quiet.",
    dynamic=DynamicFacts(),
    tensors={label: TensorCount(1, 1) for label in Label},
)


@pytest.mark.parametrize(("name", "report"), [("clean", CLEAN), ("malicious", MALICIOUS), ("detonated", DETONATED)])
def test_the_text_is_as_it_was_agreed(name: str, report: Report) -> None:
    assert text(report) == (HERE / f"{name}.txt").read_text("utf-8")


def test_an_ordinary_checkpoint_fits_in_a_dozen_lines() -> None:
    assert text(CLEAN).count("\n") <= 12


def test_what_was_used_and_each_limit_are_told_when_asked() -> None:
    lines = [line[10:] for line in text(CLEAN, verbose=1).splitlines()]
    assert "2.25 s of CPU: 0.50 in the load, 0.01 after it" in lines
    assert "at most 310 MB, 3 threads, 9 descriptors, 1 process, in 2 samples" in lines
    assert "memory 2147483648 bytes, by RLIMIT_AS; nothing inside shows it" in lines
    assert "tmp 67108864 bytes, by size of each tmpfs; 67108864 inside" in lines


def test_a_limit_that_is_not_what_was_asked_for_is_told_unasked() -> None:
    limits = tuple(replace(limit, inside=limit.value + number) for number, limit in enumerate(CLEAN.jail.limits))
    page = text(replace(CLEAN, jail=replace(CLEAN.jail, limits=limits)))
    assert "67108865 inside, more than was asked for" in page
    assert "2147483648" not in page


def test_colour_is_only_in_the_verdict() -> None:
    coloured = text(MALICIOUS, colour=True)
    assert coloured.startswith("\033[1;31mMALICIOUS\033[0m:")
    assert coloured.count("\033") == 2
    assert coloured.replace("\033[1;31m", "").replace("\033[0m", "") == text(MALICIOUS)


def test_more_words_say_everything_that_fewer_do() -> None:
    verbose = text(MALICIOUS, verbose=2)
    for needed in ("posix.system", "pickle.trailing", "--unshare-all", "RLIMIT_AS", "os.system sh -c id"):
        assert needed in verbose
    assert "posix.system" not in text(MALICIOUS)


def quiet(rule: str, family: str, title: str) -> Finding:
    """A finding that spoils nothing."""
    return Finding(rule, family, title, "info", "high", Verdict.CLEAN, "Harmless.", ("event 1: openat",))


def test_long_lists_are_cut_and_say_so() -> None:
    event = CLEAN.dynamic.events[0]
    many = replace(MALICIOUS, dynamic=replace(CLEAN.dynamic, events=tuple(replace(event, id=n) for n in range(9))))
    assert "and 4 more (-v shows them)" in text(many)
    assert text(many, verbose=1).count("openat") == 9


def test_what_every_load_does_is_counted_and_told_only_to_who_asks() -> None:
    read = replace(CLEAN.dynamic.events[0], kind="file.read")
    said = quiet("event.read", "event", "Reads files")
    events = (*(replace(read, id=number) for number in range(9)), *MALICIOUS.dynamic.events)
    many = replace(
        MALICIOUS,
        findings=(*MALICIOUS.findings, said),
        dynamic=replace(MALICIOUS.dynamic, events=events, counts={"file.read": 9}),
    )
    assert "openat" not in text(many)
    assert "net.connect" in text(many)
    assert "file.read 9" in text(many)
    assert text(many, verbose=1).count("openat") == 10


def test_what_is_absent_is_told_in_its_own_section_alone() -> None:
    said = replace(quiet("absent", "completeness", "Names packages"), evidence=("absent: mypkg.Thing",))
    report = replace(MALICIOUS, findings=(said,))
    assert text(report).count("mypkg.Thing") == 1
    assert text(report, verbose=1).count("mypkg.Thing") == 2


def test_a_finding_that_explains_what_is_missing_is_not_told_twice() -> None:
    missing = Completeness(complete=False, missing=(MALICIOUS.findings[0].explanation,))
    assert text(replace(MALICIOUS, completeness=missing)).count(missing.missing[0]) == 1


def test_what_to_do_is_told_and_what_a_user_tuned_or_silenced_says_why() -> None:
    page = text(MALICIOUS)
    assert "to do     Keep it for those who look into such attacks." in page
    assert "your own rule: ours" in page
    assert "suspicious: Writes files [event.write] x2: our trainer logs" in page
    assert "acme" not in page
    assert "acme" in text(MALICIOUS, verbose=1)


def test_what_was_not_watched_is_said() -> None:
    assert "the file was read and not loaded" in text(STATIC)
    unarmed = replace(CLEAN, dynamic=DynamicFacts(asked=True))
    assert "the watch was never armed" in text(unarmed)
    killed = replace(CLEAN, dynamic=replace(CLEAN.dynamic, observer_outlived_loader=False))
    assert "lost before the end" in text(killed)


@pytest.mark.parametrize(
    ("nbytes", "shown"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1 kB"), (46_800_000, "46.8 MB"), (1 << 62, "4.61 EB")],
)
def test_sizes_are_for_people(nbytes: int, shown: str) -> None:
    assert size(nbytes) == shown


def test_the_schema_is_itself_sound_and_closed() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$id"] == SCHEMA["properties"]["schema"]["const"] == "sandbox-load/report/1"
    assert not SCHEMA["additionalProperties"]


FOLDER = replace(
    CLEAN,
    input=Input(
        *("repo", 5, "ab" * 32),
        folder=True,
        files=(InputFile("a/m-1-of-2.bin", 5, "cd" * 32), InputFile("config.json", 0, "ef" * 32)),
        beyond=("z.txt",),
        skipped=(".git",),
    ),
    static=replace(
        CLEAN.static,
        formats=(
            FormatFact("folder", supported=True, primary=True, by="content"),
            *(FormatFact("torch-zip", supported=True, primary=True, by="inside", file=file) for file in (0, 1)),
            FormatFact("safetensors", supported=False, primary=False, by="inside", file=2),
        ),
    ),
)


def test_a_folders_formats_are_counted() -> None:
    assert "repo, 5 bytes, folder, with 2 torch-zip, safetensors\n" in RENDERERS["text"](FOLDER)


@pytest.mark.parametrize("report", [CLEAN, MALICIOUS, STATIC, DETONATED, FOLDER])
def test_reports_follow_the_schema(report: Report) -> None:
    VALIDATOR.validate(json.loads(RENDERERS["json"](report)))


def test_bytes_travel_as_base64_and_files_are_cut() -> None:
    told = json.loads(RENDERERS["json"](DETONATED))
    (said,), (kept,) = told["conversations"], told["artifacts"]
    assert base64.b64decode(said["sent"]) == DETONATED.dynamic.conversations[0].sent
    assert base64.b64decode(said["answered"]) == DETONATED.dynamic.conversations[0].answered
    assert said["summary"] == DETONATED.talks[0].summary
    assert base64.b64decode(kept["content"]) == DETONATED.dynamic.artifacts[0].content[:4096]
    assert kept["size"] == 70_000
    assert [node["cause"] for node in told["story"]["nodes"]][:3] == [None, 1, 2]


def test_the_schema_refuses_what_is_not_a_report() -> None:
    good = json.loads(RENDERERS["json"](CLEAN))
    for bad in (good | {"more": 1}, good | {"verdict": "fine"}, {key: good[key] for key in good if key != "events"}):
        assert not VALIDATOR.is_valid(bad)


def test_every_json_key_is_there_in_its_order() -> None:
    assert list(json.loads(RENDERERS["json"](CLEAN))) == list(SCHEMA["properties"])


TRICKS = [
    "\x1b[2J",
    "\x1b]8;;http://x\x1b\\y",
    "\x9b1m",
    "\u202e",
    "\u2066",
    "\n",
    "\r",
    "\u2028",
    "\ud800",
    "\u200b",
    "\0",
]
HOSTILE = st.sampled_from(TRICKS) | st.text(st.characters(codec=None, exclude_categories=()), min_size=1, max_size=5)
# Enumerated by the host, or digests that it took itself: no hostile text can stand there.
OURS = {
    (Finding, "severity"),
    (Finding, "confidence"),
    (Finding, "family"),
    (RuleFile, "sha256"),
    (Output, "kind"),
    (Output, "sha256"),
    (Input, "sha256"),
}


def infected(value: Any, text: str) -> Any:
    """The same report with that text in each of its text fields."""
    if isinstance(value, str) and not isinstance(value, Enum):
        return value + text
    if isinstance(value, dict):
        return {key if key in {"total", *Label} else key + text: infected(item, text) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return tuple(infected(item, text) for item in value)
    if is_dataclass(value):
        changed = {
            spec.name: infected(getattr(value, spec.name), text)
            for spec in fields(value)
            if (type(value), spec.name) not in OURS
        }
        return replace(value, **changed)  # type: ignore[type-var]
    return value


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(HOSTILE, st.sampled_from([CLEAN, MALICIOUS, STATIC, DETONATED]), st.integers(0, 2))
def test_hostile_text_never_reaches_a_terminal_raw(hostile: str, report: Report, verbose: int) -> None:
    shown = text(infected(report, hostile), verbose=verbose)
    assert not {category(letter) for letter in shown if letter != "\n"} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert shown.count("\n") == text(infected(report, "?"), verbose=verbose).count("\n")


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(HOSTILE, st.sampled_from([CLEAN, MALICIOUS, STATIC, DETONATED]))
def test_json_is_ascii_and_follows_the_schema_whatever_the_text(hostile: str, report: Report) -> None:
    written = RENDERERS["json"](infected(report, hostile))
    assert written.isascii()
    VALIDATOR.validate(json.loads(written))
    assert not any(category(letter) in {"Cc", "Cf", "Cs"} for letter in strings(json.loads(written)))


def strings(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(key + strings(item) for key, item in value.items())
    if isinstance(value, list):
        return "".join(map(strings, value))
    return value if isinstance(value, str) else ""
