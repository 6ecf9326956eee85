"""What every observer offers PID 1. Members: one file each."""

from __future__ import annotations

from abc import ABC, abstractmethod

from guest.relay import Pump


class WatchError(Exception):
    """The filter isn't wholly in force, or nobody would answer it. There is no load then."""


class Observer(ABC):
    """Answers the watched calls of one loader."""

    name: str

    @abstractmethod
    def take(self, pid: int, listener: int) -> None:
        """Take the armed process over, every thread of it. Raises WatchError.

        `listener` is the number of the filter's listener among the loader's descriptors, where the observer has one.
        """

    @abstractmethod
    def attach(self, pump: Pump) -> None:
        """Answer from now on, whenever the pump runs."""

    @abstractmethod
    def outlived(self) -> bool:
        """Asked when all is dead: whether nothing that carries the filter is left, so that no call went unanswered."""
