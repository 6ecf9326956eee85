"""Wall 2 on a real process: a child arms itself, this test is its supervisor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import wire
from guest import filters, processes
from guest.events import Record
from guest.observers.answers import Answers
from guest.observers.notify import NotifyObserver
from guest.observers.trace import TraceObserver
from guest.reaper import Reaper
from guest.relay import Pump

from sandbox.bundle import find
from sandbox.policy import load

SYSCALLS = load("evaluate", find().configs).syscalls
WATCHED = [(row.kind, list(row.calls), row.answer) for row in SYSCALLS.watch]
ROOT = Path(__file__).resolve().parents[2]
CHILD = """
import ctypes, mmap, os, sys, threading
sys.path[:0] = [{images!r}, {wire!r}]
from guest import filters
{before}
listener = filters.arm({load!r}, {absent!r}, {observer!r})
os.write(1, b"%d\\n" % listener)
assert os.read(0, 5) == b"taken"
if listener >= 0:
    os.close(listener)
os.write(1, b"ready\\n")
assert os.read(0, 2) == b"go"
{after}
os._exit(0)
"""


MOST_TASKS = 4


class Supervised:
    """A child that waits for the go, and the observer of its calls."""

    def __init__(self, observer: str, before: str, after: str, other_answers: dict[str, str]) -> None:
        places = {"images": str(ROOT / "images"), "wire": str(ROOT / "sandbox" / "untrusted")}
        lists = {"load": SYSCALLS.load, "absent": SYSCALLS.absent}
        parts = {"before": textwrap.dedent(before), "after": textwrap.dedent(after)}
        script = CHILD.format(**places, **lists, **parts, observer=observer)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen([sys.executable, "-c", script], bufsize=0, **pipes)  # type: ignore[call-overload]
        self.rows: list[wire.Event] = []
        listener = int(self.process.stdout.readline())
        self.record = Record(self._row, 64, time.monotonic())
        self.reaper = Reaper()
        self.reaper.keep(self.process.pid)
        self.pump = Pump(time.monotonic() + 20)
        self.pump.add(self.reaper.wake(), self.reaper.serve)
        others = [("process.fork", [call], answer) for call, answer in other_answers.items()]
        answers = Answers(WATCHED + others, self.record, 0.005)
        notify = observer == "notify"
        self.observer = NotifyObserver(answers) if notify else TraceObserver(answers, self.reaper, MOST_TASKS)
        self.observer.take(self.process.pid, listener)
        self.observer.attach(self.pump)
        self.process.stdin.write(b"taken")
        assert self.process.stdout.readline() == b"ready\n"

    def _row(self, raw: bytes) -> None:
        ((kind, payload),) = wire.Decoder().feed(raw)
        self.rows.append(wire.decode(kind, payload))

    def over(self) -> bool:
        """The reaper takes the end, so Popen has to be told."""
        if ended := self.reaper.end(self.process.pid):
            self.process.returncode = os.waitstatus_to_exitcode(ended[0])
        return ended is not None

    def go(self) -> bytes:
        """Let it run to its end under watch; what it printed."""
        self.process.stdin.write(b"go")
        assert self.pump.run_until(self.over)
        assert self.observer.outlived()
        return bytes(self.process.stdout.read())

    @property
    def kinds(self) -> set[str]:
        return {row.kind for row in self.rows}


Supervise = Callable[..., AbstractContextManager[Supervised]]


@pytest.fixture(params=["notify", "trace"])
def supervised(request: pytest.FixtureRequest) -> Supervise:
    """Both observers give the same answers and the same record."""

    @contextmanager
    def start(before: str = "", after: str = "", others: dict[str, str] | None = None) -> Iterator[Supervised]:
        child = Supervised(request.param, before, after, others or {})
        try:
            yield child
        finally:
            if not child.over():
                processes.kill(child.process.pid)
                assert child.pump.run_until(child.over)
            child.process.stdin.close()
            child.process.stdout.close()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)

    return start


LATE_THREAD = """
release = threading.Event()
def act():
    release.wait()
    import socket
    try:
        socket.socket().connect(("203.0.113.7", 4444))
    except OSError:
        pass
thread = threading.Thread(target=act)
thread.start()
"""


def test_a_thread_that_was_there_before_carries_the_filter(supervised: Supervise) -> None:
    with supervised(LATE_THREAD, "release.set(); thread.join()") as child:
        tasks = processes.tasks(child.process.pid)
        states = [processes.status(f"/proc/{child.process.pid}/task/{task}/status")["Seccomp"] for task in tasks]
        assert states == ["2", "2"]
        child.go()
        assert "net.connect" in child.kinds


# mov eax, 20 (getpid of i386); int 0x80; ret
FOREIGN = """
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(bytes.fromhex("b814000000cd80c3"))
call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
"""


def test_a_call_of_the_32_bit_abi_is_denied_and_recorded(supervised: Supervise) -> None:
    with supervised(FOREIGN, "os.write(1, b'%d' % call())") as child:
        assert child.go() == b"-38"
        assert [(row.kind, row.answer) for row in child.rows] == [("abi.foreign", "denied")]
        assert child.rows[0].detail["flags"] in ("0x40000003", "another ABI")


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ("clone_thread_with_new_user", "escape.namespace"),
        ("fork", "process.fork"),
        ("child_that_no_tracer_follows", "process.fork"),
        ("thread_that_no_tracer_follows", "process.fork"),
        ("upper_bits", "watch.tamper"),
    ],
)
def test_an_argument_test_can_t_be_passed_by_other_bits(supervised: Supervise, call: str, kind: str) -> None:
    after = {
        "clone_thread_with_new_user": "libc.syscall(56, ctypes.c_ulong(0x10010900), 0, 0, 0, 0)",
        "fork": "libc.fork()",
        "child_that_no_tracer_follows": "libc.syscall(56, ctypes.c_ulong(0x804111), 0, 0, 0, 0)",
        "thread_that_no_tracer_follows": "libc.syscall(56, ctypes.c_ulong(0x810900), 0, 0, 0, 0)",
        "upper_bits": "libc.syscall(157, ctypes.c_ulong(1 << 32 | 15), b'name', 0, 0, 0)",
    }[call]
    with supervised("libc = ctypes.CDLL(None)", after) as child:
        child.go()
        assert kind in child.kinds


def test_clone3_and_openat2_do_not_exist(supervised: Supervise) -> None:
    after = "os.write(1, b'%d %d' % (libc.syscall(435, 0, 0), libc.syscall(437, 0, 0, 0, 0)))"
    with supervised("libc = ctypes.CDLL(None)", after) as child:
        assert child.go() == b"-1 -1"
        assert not child.rows


def test_a_tracer_counts_threads_and_stops_at_the_limit(supervised: Supervise) -> None:
    """Under notify that is the control group's work: a plain thread makes no event."""
    after = """
    started = 0
    for _ in range(6):
        try:
            threading.Thread(target=hold.wait, daemon=True).start()
            started += 1
        except RuntimeError:
            pass
    os.write(1, b"%d" % started)
    """
    with supervised("hold = threading.Event()", after) as child:
        started = int(child.go())
        traced = isinstance(child.observer, TraceObserver)
        assert started == (MOST_TASKS - 1 if traced else 6)
        assert ("limit.processes" in child.kinds) == traced


def test_a_child_of_a_child_is_watched(supervised: Supervise) -> None:
    with supervised("import subprocess", "subprocess.run(['/bin/true'])") as child:
        child.go()
        assert {"process.fork", "process.exec"} <= child.kinds


def test_what_one_process_names_is_never_read_from_another(supervised: Supervise) -> None:
    """A tracer keeps the memory of its last caller open. Here two call in turns, with other text at like addresses."""
    after = """
    mine, theirs = os.pipe(), os.pipe()
    name = "child" if os.fork() == 0 else "parent"
    (take, _), (_, give) = (mine, theirs) if name == "parent" else (theirs, mine)
    for number in range(10):
        if name == "child" or number:
            os.read(take, 1)
        try:
            open(f"/nowhere/{name}/{number}")
        except OSError:
            pass
        os.write(give, b".")
    if name == "parent":
        os.wait()
    """
    with supervised("", after, {"clone": "continue"}) as child:
        child.go()
        paths = {row.detail.get("path", "") for row in child.rows}
        assert {f"/nowhere/{name}/{number}" for name in ("child", "parent") for number in range(10)} <= paths
        assert child.record.unreadable == 0


def test_what_a_new_program_names_is_read_from_its_own_memory(supervised: Supervise) -> None:
    with supervised("", "os.execv('/bin/true', ['true'])", {"execve": "continue"}) as child:
        child.go()
        after_it = [row for row in child.rows if row.at > next(row.at for row in child.rows if row.call == "execve")]
        assert any(row.detail.get("path") == "/etc/ld.so.cache" for row in after_it)
        assert child.record.unreadable == 0


def test_when_all_is_over_the_pump_rests(supervised: Supervise) -> None:
    """A listener that hung up is readable for ever."""
    with supervised("", "") as child:
        child.go()
        turns: list[bool] = []
        assert not child.pump.run_until(lambda: bool(turns.append(True)), 0.2)  # type: ignore[func-returns-value]
        assert len(turns) < 100


def test_a_stop_that_a_task_sends_itself_is_no_way_to_wait(supervised: Supervise) -> None:
    """Nor is it one to get lost: what comes after it is watched."""
    after = "os.kill(os.getpid(), 19); libc.syscall(234, os.getpid(), libc.gettid(), 10); os.fork()"
    with supervised(
        "libc = ctypes.CDLL(None); import signal; signal.signal(10, lambda *_: None)",
        f"try:\n    {after}\nexcept OSError:\n    pass",
    ) as child:
        child.go()
        assert "signal.send" in child.kinds


def test_the_reader_s_filter_kills_what_isn_t_reading() -> None:
    script = (
        f"import sys; sys.path[:0] = [{str(ROOT / 'images')!r}]; import os; from guest import filters; "
        f"filters.confine({SYSCALLS.reader!r}); os.write(1, b'in'); os.%s; os.write(1, b'out')"
    )
    for act, said in (("getppid()", b"in"), ("lseek(0, 0, 1) if False else None", b"inout")):
        done = subprocess.run([sys.executable, "-c", script % act], capture_output=True, check=False)
        assert done.stdout == said
        assert (done.returncode == -31) == (said == b"in")


def test_numbers_leave_out_what_this_architecture_has_not() -> None:
    assert filters.numbers(["read", "socketcall", "no_such_call"]) == {0: "read"}
