"""Why a reader stops.

UnreadableError       the bytes can't be read further; what was found so far stands
  BoundError     they could, but a bound of the policy says stop
  DisputedError  they could by some of Python's unpicklers, and not by the one that is followed here
"""

from __future__ import annotations


class UnreadableError(Exception):
    """Carries a sentence."""


class BoundError(UnreadableError):
    """A bound of the policy."""


class DisputedError(UnreadableError):
    """Unpicklers differ in whether they go on."""


class ArgumentsError(Exception):
    """Carries the reason."""
