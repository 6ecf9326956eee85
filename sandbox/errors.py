"""Whose fault an error is.

SandboxError
  CallerError    what was asked for can't be done as asked; nothing was judged      -> exit 3
    UnpreparedError   the jail asked for is not ready; says which command prepares it
    MismatchError     the input is not the file that --sha256 names; nothing started -> exit 1
  HostError      this machine stopped us: no space, no permission, an engine gone    -> exit 3
    EvidenceError    the file is judged, and the bundle of --evidence is not written -> the verdict's, or 3 for its 0
  HostileError   the guest or the file broke the rules; the exchange is over         -> judged
        ProtocolError    what it sent is not of the wire, or out of order
"""

from __future__ import annotations

from typing import Any


class SandboxError(Exception):
    """Carries the two halves of the one line a user sees: what happened, and what to do about it."""

    def __init__(self, happened: str, remedy: str = "") -> None:
        super().__init__(f"{happened}; {remedy}" if remedy else happened)
        self.happened = happened
        self.remedy = remedy


class CallerError(SandboxError):
    """What was asked for can't be done as asked."""


class UnpreparedError(CallerError):
    """The jail asked for isn't prepared."""


class MismatchError(CallerError):
    """The input isn't the file that was asked for."""


class HostError(SandboxError):
    """The host stopped us."""


class EvidenceError(HostError):
    """The bundle of evidence can't be written. All else is done: `report` is the evaluation's Report."""

    report: Any = None


class HostileError(SandboxError):
    """The guest or the file broke the rules. After one, nothing more is read from it."""


class ProtocolError(HostileError):
    """What came over the wire is not of the wire, or out of order: whoever sent it isn't our guest."""
