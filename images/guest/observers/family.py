"""Which observer works in this jail, and how it is made."""

from __future__ import annotations

from guest.events import Record
from guest.observers import notify
from guest.observers.answers import Answers
from guest.observers.interface import Observer
from guest.observers.notify import NotifyObserver
from guest.observers.trace import TraceObserver
from guest.order import Order
from guest.reaper import Reaper


def choose() -> str:
    """`notify` where the kernel has it: it costs a tenth of what ptrace does."""
    return NotifyObserver.name if notify.available() else TraceObserver.name


def make(name: str, order: Order, record: Record, reaper: Reaper) -> Observer:
    """The observer of that name, not yet watching anything."""
    answers = Answers(order.watched, record, order.watch["sleep_ms"] / 1000)
    if name == NotifyObserver.name:
        return NotifyObserver(answers)
    return TraceObserver(answers, reaper, order.processes)
