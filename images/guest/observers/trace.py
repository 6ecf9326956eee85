"""The observer `trace`: SECCOMP_RET_TRACE and ptrace, for kernels without user notification such as gVisor's.

Numbers and layouts are from <linux/ptrace.h> and <sys/user.h>, x86-64.
"""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

from guest import filters, processes
from guest.observers.answers import Answers
from guest.observers.decode import CONTINUE, FAKE
from guest.observers.interface import Observer, WatchError
from guest.observers.memory import KeptMemory, UnreadableError
from guest.reaper import Reaper, Tracer
from guest.relay import Pump

_POKEDATA, _WORD = 5, 8
_CONT, _GETREGS, _SETREGS, _GETEVENTMSG, _SEIZE = 7, 12, 13, 0x4201, 0x4206
_EVENT_FORK, _EVENT_VFORK, _EVENT_CLONE, _EVENT_EXEC, _EVENT_SECCOMP, _EVENT_STOP = 1, 2, 3, 4, 7, 128
_STARTS = (_EVENT_FORK, _EVENT_VFORK, _EVENT_CLONE)
_EXIT_KILL = 1 << 20  # whatever ends PID 1 ends what it traces
_OPTIONS = _EXIT_KILL | sum(1 << event for event in (*_STARTS, _EVENT_EXEC, _EVENT_SECCOMP))
_REGISTERS = """r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base
ds es fs gs"""
_NO_AUTOMOUNT = 0x800  # AT_NO_AUTOMOUNT of <linux/fcntl.h>
_FLAGS_IN = {"statx": "rdx", "newfstatat": "r10"}
_NO_CALL = (1 << 64) - 1


class _Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in _REGISTERS.split()]

    @property
    def arguments(self) -> tuple[int, ...]:
        return (self.rdi, self.rsi, self.rdx, self.r10, self.r8, self.r9)


def _returned(answer: str | int) -> int:
    if isinstance(answer, int):
        return answer
    return 0 if answer == FAKE else -int(getattr(errno, answer))


class TraceObserver(Observer, Tracer):
    """Traces every task of the loader, and answers the calls that its filter stops."""

    name = "trace"

    def __init__(self, answers: Answers, reaper: Reaper, most_tasks: int) -> None:
        """`most_tasks` may live at a time: nothing else counts them where this observer is needed."""
        self._answers = answers
        self._answers.memory_of = self._memory
        self._kept: KeptMemory | None = None  # of the task that called last
        self._reaper = reaper
        self._most_tasks = most_tasks
        self._tasks: set[int] = set()
        self._registers = _Registers()
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.ptrace.restype = ctypes.c_long
        self._libc.ptrace.argtypes = [ctypes.c_long] * 4
        self._clone = next(iter(filters.numbers(["clone"])))
        self._flags_of = {number: _FLAGS_IN[name] for number, name in filters.numbers(_FLAGS_IN).items()}
        self._starting = filters.numbers(["clone", "fork", "vfork"])

    def take(self, pid: int, listener: int) -> None:
        """Each thread by itself. Those that start meanwhile start traced, or are in the next look's list."""
        assert listener < 0
        self._reaper.tracer = self
        while new := set(processes.tasks(pid)) - self._tasks:
            for task in new:
                self._seize(task)
                self._tasks.add(task)

    def attach(self, pump: Pump) -> None:
        """The reaper brings the stops, and the pump serves it already."""

    def outlived(self) -> bool:
        return not any(Path(f"/proc/{task}").exists() for task in self._tasks)

    def _seize(self, task: int) -> None:
        if self._ptrace(_SEIZE, task, 0, _OPTIONS):
            raise WatchError(f"thread {task} can't be traced: {os.strerror(ctypes.get_errno())}")

    def stopped(self, task: int, status: int) -> None:
        event, signal = status >> 16, os.WSTOPSIG(status)
        if event in _STARTS:
            self._tasks.add(self._message(task) or task)
        elif event == _EVENT_SECCOMP:
            self._call(task)
        elif event == _EVENT_EXEC:
            self._forget()
        elif event == _EVENT_STOP:
            self._tasks.add(task)  # a new task's first stop may come before the word of its start
        # A stop by a signal (event 0) goes on with it. One that means to stop the task goes on without a stop: whoever
        # stops himself would only be waited for.
        self._ptrace(_CONT, task, 0, signal if event == 0 else 0)

    def gone(self, task: int) -> None:
        self._tasks.discard(task)
        self._forget()

    def _memory(self, task: int) -> KeptMemory:
        """Raises UnreadableError."""
        if self._kept is None or self._kept.pid != task:
            self._forget()
            self._kept = KeptMemory(task)
        return self._kept

    def _forget(self) -> None:
        if self._kept:
            self._kept.close()
        self._kept = None

    def _call(self, task: int) -> None:
        registers = self._registers
        if self._ptrace(_GETREGS, task, 0, ctypes.addressof(registers)):
            return  # killed meanwhile
        foreign = "" if self._message(task) == filters.TRACED else "another ABI"  # so is what can't be asked
        number = ctypes.c_int(registers.orig_rax).value
        answer = self._answer(task, number, foreign)
        if answer == CONTINUE:
            if not foreign and number in self._flags_of:
                self._without_automount(task, self._flags_of[number])
            return
        registers.orig_rax = _NO_CALL
        registers.rax = _returned(answer) & _NO_CALL
        if self._ptrace(_SETREGS, task, 0, ctypes.addressof(registers)):
            processes.kill(task)  # gone already, or it would make the call that it was denied

    def _without_automount(self, task: int, register: str) -> None:
        """gVisor of 2022 refuses a flag that `ls` and `stat` set. Nothing in a jail is mounted by being looked at."""
        flags = getattr(self._registers, register)
        if flags & _NO_AUTOMOUNT:
            setattr(self._registers, register, flags & ~_NO_AUTOMOUNT)
            self._ptrace(_SETREGS, task, 0, ctypes.addressof(self._registers))

    def _answer(self, task: int, number: int, foreign: str) -> str | int:
        arguments = self._registers.arguments
        starts = number in self._starting and not foreign
        if starts and len(self._tasks) >= self._most_tasks:
            self._answers.record.add("limit.processes", "clone", "denied", task, {"value": str(self._most_tasks)})
            return "EAGAIN"
        if starts and number == self._clone and filters.starts_plain_thread(arguments[0]):
            return CONTINUE
        return self._answers.to(task, number, arguments, foreign)

    def write(self, task: int, address: int, raw: bytes) -> None:
        """Change what a stopped task holds at an address. Raises UnreadableError."""
        for at in range(0, len(raw), _WORD):
            word = raw[at : at + _WORD]
            if len(word) < _WORD:
                word += self._memory(task).read(address + at, _WORD)[len(word) :]
            if self._ptrace(_POKEDATA, task, address + at, int.from_bytes(word, "little", signed=True)):
                raise UnreadableError

    def _message(self, task: int) -> int:
        value = ctypes.c_ulong()
        self._ptrace(_GETEVENTMSG, task, 0, ctypes.addressof(value))
        return value.value

    def _ptrace(self, request: int, task: int, address: int, data: int) -> int:
        return int(self._libc.ptrace(request, task, address, data))
