"""What hostile code that knows this design tries on the watch, on PID 1 and on the wire: it fails, and is reported."""

from __future__ import annotations

import ast
import signal

import pytest

from sandbox.facts import Report, Verdict
from tests.jail.conftest import Evaluate, parametrize_jails

pytestmark = pytest.mark.jail

IN_EVERY_JAIL = [
    "every_thread_carries_the_filter",
    "calls_of_a_foreign_abi_are_denied_and_recorded",
    "an_interrupt_of_i386_is_denied_and_recorded",
    "pid_1_is_out_of_reach",
    "the_environment_of_pid_1_tells_nothing",
    "own_executable_memory_is_refused",
    "nothing_of_the_host_is_there",
    "no_package_of_the_host_can_be_imported",
    "nothing_outside_the_jail_s_own_tmp_can_be_written",
    "a_flood_of_output_is_bounded",
    "a_memory_bomb_ends_the_load_and_not_the_evaluation",
    "a_load_that_never_ends_is_ended",
    "what_happens_at_exit_is_watched",
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    parametrize_jails(metafunc, IN_EVERY_JAIL)


def printed(report: Report) -> str:
    """What the payload printed."""
    texts = {stream: text for stream, text, _ in report.dynamic.printed}
    assert "supervisor arming" not in texts, texts
    return texts.get("loader stdout", "")


def kinds(report: Report) -> set[str]:
    return {event.kind for event in report.dynamic.events}


def watched_to_the_end(report: Report) -> bool:
    return report.dynamic.armed and report.dynamic.ended and report.dynamic.observer_outlived_loader


def test_every_thread_carries_the_filter(report_of: Evaluate) -> None:
    """Importing numpy leaves threads; one without the filter could do anything, unseen."""
    report = report_of(
        """
        import numpy, os
        def seccomp(task):
            lines = open(f"/proc/self/task/{task}/status").read().splitlines()
            return next(line.split()[1] for line in lines if line.startswith("Seccomp:"))
        print([seccomp(task) for task in os.listdir("/proc/self/task")])
        """
    )
    states = ast.literal_eval(printed(report))
    assert set(states) == {"2"}
    assert report.dynamic.tasks == len(states)


def test_the_listener_is_not_left_with_the_loader(report_of: Evaluate) -> None:
    """A kept listener could answer the loader's own calls."""
    report = report_of(
        """
        import fcntl, os
        links, answered = [], 0
        for fd in range(64):
            try:
                links.append(os.readlink(f"/proc/self/fd/{fd}"))
                fcntl.ioctl(fd, 0xC0502100, bytearray(80))
                answered += 1
            except OSError:
                pass
        print([link for link in links if "seccomp" in link or "socket" in link], len(links) > 3, answered)
        """
    )
    assert printed(report).strip() == "[] True 0"
    assert watched_to_the_end(report)


def test_calls_of_a_foreign_abi_are_denied_and_recorded(report_of: Evaluate) -> None:
    report = report_of(
        """
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        print(libc.syscall(0x40000000 | 41, 2, 1, 0))  # x32's socket(AF_INET, SOCK_STREAM)
        """
    )
    assert printed(report).strip() == "-1"
    assert "abi.foreign" in kinds(report)
    assert report.verdict == Verdict.MALICIOUS


def test_an_interrupt_of_i386_is_denied_and_recorded(jail: str, report_of: Evaluate) -> None:
    """The two bytes of int 0x80 stand somewhere in the interpreter's own code. gVisor ends who executes them."""
    report = report_of(
        """
        import ctypes
        for line in open("/proc/self/maps"):
            words = line.split()
            if "x" in words[1] and words[-1].startswith("/"):
                low, high = (int(word, 16) for word in words[0].split("-"))
                at = ctypes.string_at(low, high - low).find(bytes.fromhex("cd80"))
                if at >= 0:
                    ctypes.CFUNCTYPE(ctypes.c_long)(low + at)()
        """
    )
    if jail == "gvisor":
        assert report.dynamic.end is not None
        assert report.dynamic.end.exit == -signal.SIGSEGV
        assert not report.completeness.complete
    else:
        assert "abi.foreign" in kinds(report)
    assert report.verdict == Verdict.MALICIOUS


def test_the_model_s_own_bytes_are_not_mapped_to_be_run(report_of: Evaluate) -> None:
    report = report_of(
        """
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)
        model, = os.scandir("/model")
        libc.mmap.restype = ctypes.c_void_p
        refused = ctypes.c_void_p(-1).value
        print(libc.mmap(None, 4096, 5, 2, os.open(model.path, os.O_RDONLY), 0) == refused)
        """
    )
    assert printed(report).strip() == "True"
    assert any(event.kind == "memory.exec" and "/model/" in event.detail["path"] for event in report.dynamic.events)


GOING_FOR_PID_1 = (
    ("os.kill(1, 9)", "signal.send"),
    ("os.kill(1, 2)", "signal.send"),
    ("os.kill(-1, 9)", "signal.send"),
    ("libc.syscall(234, 1, 1, 2)", "signal.send"),  # tgkill
    ("libc.syscall(424, os.pidfd_open(1), 9, 0, 0) if False else libc.syscall(434, 1, 0)", "process.trace"),
    ("libc.ptrace(16, 1, 0, 0)", "process.trace"),
    ("libc.prctl(4, 0, 0, 0, 0)", "watch.tamper"),  # PR_SET_DUMPABLE
    ("libc.prctl(22, 2, 0, 0, 0)", "watch.tamper"),  # PR_SET_SECCOMP
    ("libc.syscall(317, 1, 0, 0)", "watch.tamper"),  # seccomp
    ("resource.prlimit(1, resource.RLIMIT_NOFILE, (3, 3))", "watch.tamper"),
    ("resource.prlimit(1, resource.RLIMIT_CPU, (1, 1))", "watch.tamper"),
    ("os.setpriority(os.PRIO_PROCESS, 1, 19)", "watch.tamper"),
    ("os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0))", "watch.tamper"),
    ("fcntl.fcntl(3, fcntl.F_SETOWN, 1)", "watch.tamper"),
    ("open('/proc/1/mem', 'rb')", "watch.tamper"),
    ("os.open('/proc/1/fd/1', os.O_WRONLY)", "watch.tamper"),
)


def test_pid_1_is_out_of_reach(report_of: Evaluate) -> None:
    """One load makes all of these calls."""
    report = report_of(
        f"""
        import ctypes, fcntl, os, resource
        libc = ctypes.CDLL(None, use_errno=True)
        for call in {[call for call, _ in GOING_FOR_PID_1]!r}:
            try:
                print("result", eval(call))
            except OSError as error:
                print("refused", error)
        """
    )
    outcomes = printed(report).splitlines()
    assert len(outcomes) == len(GOING_FOR_PID_1)
    assert [line for line in outcomes if not line.startswith(("refused", "result -1"))] == []
    assert {kind for _, kind in GOING_FOR_PID_1} <= kinds(report)
    assert watched_to_the_end(report)
    assert report.verdict == Verdict.MALICIOUS


def test_the_environment_of_pid_1_tells_nothing(jail: str, report_of: Evaluate) -> None:
    """gVisor gives it out all the same: the decoys are the loader's alone, and nothing of the host is in it."""
    report = report_of(
        "print([word.split(b'=')[0] for word in open('/proc/1/environ', 'rb').read().split(b'\\0') if word])"
    )
    assert "watch.tamper" in kinds(report)
    if jail == "gvisor":
        assert set(ast.literal_eval(printed(report))) == {b"PATH", b"HOME", b"LANG"}
    else:
        assert not report.dynamic.loaded


@pytest.mark.parametrize("kind", ["ORDER", "HELLO", "TENSOR", "READ_END", "EVENT", "END", "nonsense", "too long"])
def test_a_forged_frame_is_refused_and_recorded(report_of: Evaluate, kind: str) -> None:
    """The loader's own pipe takes only the words a loader may say."""
    report = report_of(
        f"""
        import os, sys, struct
        wire = sys.modules["wire"]
        head = {{"nonsense": b"\\xee" * 32, "too long": struct.pack(">BI", 30, 1 << 31)}}
        os.write(3, head.get({kind!r}) or wire.frame(getattr(wire.Kind, {kind!r}), b"{{}}"))
        """
    )
    assert any(event.kind == "watch.tamper" and event.call == "frame" for event in report.dynamic.events)
    assert report.verdict == Verdict.MALICIOUS
    assert report.dynamic.ended


def test_a_lying_loader_is_caught_by_the_host(report_of: Evaluate) -> None:
    """A row out of order ends the exchange, and what ended it is a finding."""
    report = report_of(
        """
        import os, sys
        wire = sys.modules["wire"]
        os.write(3, wire.encode(wire.Kind.WITNESS, wire.Witness("a", "F32", (1,), "0" * 64)))
        """
    )
    assert report.verdict == Verdict.MALICIOUS
    assert not report.completeness.complete


def test_an_early_word_that_all_is_done_hides_nothing(report_of: Evaluate) -> None:
    report = report_of(
        """
        import os, sys, socket
        wire = sys.modules["wire"]
        os.write(3, wire.encode(wire.Kind.LOADED, wire.Loaded(True, "", 0.0)))
        try:
            socket.create_connection(("203.0.113.7", 4444), 1)
        except OSError:
            pass
        """
    )
    assert "net.connect" in kinds(report)
    assert report.verdict == Verdict.MALICIOUS


def test_own_executable_memory_is_refused(report_of: Evaluate) -> None:
    report = report_of(
        """
        import mmap
        for protection in (mmap.PROT_EXEC | mmap.PROT_READ, mmap.PROT_EXEC | mmap.PROT_WRITE | mmap.PROT_READ):
            try:
                mmap.mmap(-1, 4096, prot=protection)
                print("mapped")
            except OSError as error:
                print("refused", error.errno)
        """
    )
    assert printed(report).splitlines() == ["refused 13", "refused 13"]
    assert "memory.exec" in kinds(report)


def test_nothing_of_the_host_is_there(report_of: Evaluate) -> None:
    report = report_of(
        """
        import glob, os
        for path in ("/var/run/docker.sock", "/run/user", "/home/*", "/usr/bin/sh", "/mnt/model", "/opt/*", "/boot/*"):
            print(path, any(map(os.path.exists, glob.glob(path))))  # an image's links to programs lead nowhere
        print(os.getuid() != 0, os.environ.get("PATH"), len(os.uname().nodename))
        """
    )
    lines = printed(report).splitlines()
    present = {line.split()[0] for line in lines if line.endswith("True") and line.startswith("/")}
    assert present == {"/home/*"}
    assert lines[-1].startswith("True")


def test_no_package_of_the_host_can_be_imported(report_of: Evaluate) -> None:
    """What is importable in the jail is the standard library and the locked packages, on whatever host."""
    report = report_of(
        """
        import os, sys
        print([path for path in sys.path if "-packages" in path and os.path.isdir(path) and os.listdir(path)])
        """
    )
    assert printed(report).strip() == "[]"


@pytest.mark.parametrize(
    "path", ["/x", "/dev/x", "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/code/x", "/env/x"]
)
def test_nothing_outside_the_jail_s_own_tmp_can_be_written(report_of: Evaluate, path: str) -> None:
    """Denied by wall 2 and, were it open, by the mounts."""
    report = report_of(
        f"""
        import os
        try:
            os.open({path!r}, os.O_WRONLY | os.O_CREAT)
            print("open")
        except OSError as error:
            print("refused")
        print(os.access(os.path.dirname({path!r}), os.W_OK))
        """
    )
    assert printed(report).splitlines() == ["refused", "False"]
    assert "file.write" in kinds(report)


def test_a_flood_of_calls_is_counted_and_bounded(report_of: Evaluate) -> None:
    report = report_of(
        """
        import socket
        s = socket.socket()
        for port in range(20000):
            s.connect_ex(("203.0.113.7", port + 1))
        """
    )
    assert report.dynamic.counts["net.connect"] == 20000
    rows = [event.detail["port"] for event in report.dynamic.events if event.kind == "net.connect"]
    assert len(rows) <= 65
    assert "53" in rows  # which is told apart, so it has a row of its own however early the others came
    assert report.dynamic.dropped > 19000
    assert report.verdict == Verdict.MALICIOUS


def test_a_flood_of_output_is_bounded(report_of: Evaluate) -> None:
    report = report_of("print('x' * 50_000_000)")
    stream, text, total = report.dynamic.printed[0]
    assert (stream, total) == ("loader stdout", 50_000_001)
    assert len(text) <= 1 << 16


def test_a_memory_bomb_ends_the_load_and_not_the_evaluation(jail: str, report_of: Evaluate) -> None:
    """In gVisor the host may see it before PID 1, and ends the jail."""
    report = report_of("held = [bytearray(1 << 24) for _ in range(1 << 20)]", memory=512 << 20)
    assert report.dynamic.ended or (
        jail == "gvisor" and any("memory limit" in why for why in report.completeness.missing)
    )
    assert report.verdict in (Verdict.MALICIOUS, Verdict.SUSPICIOUS)
    assert not report.completeness.complete


def test_a_load_that_never_ends_is_ended(report_of: Evaluate) -> None:
    report = report_of("while True: pass", timeout=3)
    assert report.dynamic.ended
    assert "limit.time" in kinds(report)
    assert not report.completeness.complete


def test_calls_that_never_stop_don_t_keep_the_watch_from_its_end(report_of: Evaluate) -> None:
    """From machine code in more threads than PID 1 can answer: it still looks at the clock and tells what it saw."""
    report = report_of(
        """
        import ctypes, os, threading
        libc = ctypes.CDLL(None)
        libc.lfind.argtypes = [ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
        many = ctypes.c_size_t(1 << 40)
        access = ctypes.cast(libc.access, ctypes.c_void_p)
        def flood():
            libc.lfind(b"/x", ctypes.addressof(many), ctypes.addressof(many), 0, access)
        for _ in range(200):
            threading.Thread(target=flood, daemon=True).start()
        os.open(os.path.expanduser("~/.aws/credentials"), os.O_RDONLY)
        threading.Event().wait()
        """,
        timeout=6,
    )
    assert report.dynamic.ended
    assert "limit.time" in kinds(report)


def test_a_thread_that_stays_is_waited_for_and_said(report_of: Evaluate) -> None:
    report = report_of(
        """
        import threading, select
        threading.Thread(target=lambda: select.select([], [], [], 3600), daemon=True).start()
        """
    )
    assert report.dynamic.loaded
    assert watched_to_the_end(report)


def test_what_happens_at_exit_is_watched(report_of: Evaluate) -> None:
    report = report_of(
        """
        import atexit, os
        atexit.register(lambda: os.system("id"))
        """
    )
    assert any(event.kind == "process.exec" and "id" in event.detail["argv"] for event in report.dynamic.events)


def test_an_end_between_the_waits_does_not_end_the_watch(report_of: Evaluate) -> None:
    """PID 1 reaps what is dead; the loader's end, whenever it comes, is still told."""
    report = report_of(
        """
        import os, time
        os.close(3)
        end = time.monotonic() + 3
        while time.monotonic() < end:
            pass
        os._exit(7)
        """
    )
    assert watched_to_the_end(report)
    assert report.dynamic.end is not None
    assert report.dynamic.end.exit == 7


def test_frames_that_their_own_sender_takes_back_do_not_stop_the_watch(report_of: Evaluate) -> None:
    """A pipe's reading end can be opened by who writes into it: what made PID 1 look may be gone when it reads."""
    report = report_of(
        """
        import ctypes, os, sys, threading
        pipe = os.open("/proc/self/fd/3", os.O_RDONLY)
        libc = ctypes.CDLL(None)
        done = False
        def steal():
            held = ctypes.create_string_buffer(1 << 16)
            while not done:
                libc.read(pipe, held, 1 << 16)
        thieves = [threading.Thread(target=steal, daemon=True) for _ in range(3)]
        for thief in thieves:
            thief.start()
        wire = sys.modules["wire"]
        row = wire.encode(wire.Kind.HINT, wire.Hint("", "", "", ()))
        for _ in range(900):
            libc.write(3, row, len(row))
            os.stat("/")
        os._exit(0)
        """
    )
    assert watched_to_the_end(report)
    assert "limit.time" not in kinds(report)
