"""Which observer works in this jail, and how it is made."""

from __future__ import annotations

from guest.events import Record
from guest.observers import notify
from guest.observers.answers import Answers
from guest.observers.borrow import BorrowingHands
from guest.observers.freedoms import Freedoms
from guest.observers.interface import Observer
from guest.observers.notify import NotifyObserver
from guest.observers.rewrite import RewritingHands
from guest.observers.trace import TraceObserver
from guest.order import Order
from guest.reaper import Reaper


def choose() -> str:
    """`notify` where the kernel has it: it costs a tenth of what ptrace does."""
    return NotifyObserver.name if notify.available() else TraceObserver.name


def make(name: str, order: Order, record: Record, reaper: Reaper, freedoms: Freedoms | None) -> Observer:
    """The observer of that name, not yet watching anything. `freedoms`: where the policy has some; gets its hands."""
    sinkhole = freedoms.sinkhole if freedoms else None
    answers = Answers(order.watched, record, order.watch["sleep_ms"] / 1000, freedoms)
    if name == NotifyObserver.name:
        if freedoms and sinkhole:
            freedoms.hands = BorrowingHands(sinkhole)
        return NotifyObserver(answers)
    observer = TraceObserver(answers, reaper, order.processes)
    if freedoms and sinkhole:
        freedoms.hands = RewritingHands(sinkhole, observer.write)
    return observer
