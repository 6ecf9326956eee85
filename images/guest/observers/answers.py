"""What the supervisor answers to a watched call, and what it records of it: the same for every observer."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from guest import filters
from guest.events import Record
from guest.observers.decode import CONTINUE, FAKE, Arguments, Decision, decoder
from guest.observers.freedoms import Freedoms
from guest.observers.memory import Memory, UnreadableError

_PAGE = 4096
_X32_BIT = 0x40000000
_WORDS = {CONTINUE: "continued", FAKE: "faked"}
# Times that a call goes on in one load. What is written into a pair of sockets is the kernel's memory, hundreds of kB
# for each, and counts as nobody's where the jail has no control group.
_MOST = {"socketpair": (64, "EMFILE")}


@dataclass(frozen=True)
class Call:
    """One row of the watch's table."""

    name: str
    kind: str
    answer: str  # an errno's name, "continue" or "fake"


class Answers:
    """The table of configs/syscalls.toml over this kernel's numbers. Whatever goes wrong, the answer is a denial."""

    def __init__(
        self,
        watch: list[tuple[str, list[str], str]],
        record: Record,
        sleep_seconds: float,
        freedoms: Freedoms | None = None,
    ) -> None:
        """`freedoms`: what goes on all the same, where the policy lets it."""
        self.record = record
        self.freedoms = freedoms
        self.memory_of: Callable[[int], Memory] = Memory
        self._sleep_seconds = sleep_seconds
        self._continued: Counter[str] = Counter()
        self._calls = {
            number: Call(name, kind, answer)
            for kind, names, answer in watch
            if kind != "abi.foreign"
            for number, name in filters.numbers(names).items()
            if kind != "other.denied" or (freedoms and name in freedoms.free)  # the rest has no decoder
        }

    def to(self, task: int, number: int, args: Arguments, foreign: str = "") -> str | int:
        """Record the call; the answer is a Decision's. `foreign`: the ABI it came by, if not this one's."""
        process = self.freedoms.process_of(task) if self.freedoms else task
        call, decision = self._judge(task, number, args, foreign)
        answer = call.answer if decision.answer == "" else decision.answer
        if answer == CONTINUE and call.name in _MOST:
            self._continued[call.name] += 1
            most, beyond = _MOST[call.name]
            answer = beyond if self._continued[call.name] > most else answer
        for row in (decision, *decision.also):
            word = decision.word or ("faked" if isinstance(answer, int) else _WORDS.get(answer, "denied"))
            if not row.quiet or word == "denied":  # what is denied is told, however little it says
                self.record.add(row.kind or call.kind, call.name, word, process, row.detail)
        return answer

    def _judge(self, task: int, number: int, args: Arguments, foreign: str) -> tuple[Call, Decision]:
        x32 = bool(number & _X32_BIT and number >= 0)
        if foreign or x32:
            detail = {"value": str(number), "flags": "x32" if x32 else foreign}
            return Call("foreign", "abi.foreign", "ENOSYS"), Decision(detail)
        call = self._calls.get(number)
        if call is None:
            name = filters.name_of(number)
            # An address differs each time, and would make each call a row of its own.
            return Call(name, "other.denied", "EPERM"), Decision({"value": hex(args[0])} if args[0] < _PAGE else {})
        try:
            with self.memory_of(task) as memory:
                decision = decoder(call.name)(memory, args)
                if self.freedoms:
                    decision = self.freedoms.revise(call.name, memory, args, decision)
        except (UnreadableError, struct.error, ValueError, OverflowError, OSError):
            self.record.unreadable += 1
            return call, Decision({"unreadable": "yes"}, answer="EFAULT" if call.answer == CONTINUE else "")
        if call.kind == "time.sleep" and float(decision.detail["value"]) < self._sleep_seconds:
            decision = replace(decision, quiet=True)
        return call, decision
