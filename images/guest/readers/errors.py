"""Why a reader stops.

UnreadableError       the bytes can't be read further; what was found so far stands
  BoundError   they could, but a bound of the policy says stop
"""

from __future__ import annotations


class UnreadableError(Exception):
    """Carries a sentence."""


class BoundError(UnreadableError):
    """A bound of the policy."""


class ArgumentsError(Exception):
    """Carries the reason."""
