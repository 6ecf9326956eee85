"""What made the loader itself do something: the unpickler's call, the payload's line of Python, or the phase.

All but the phase are hints from hostile ground; a call is only believed when the file names that global.
"""

from __future__ import annotations

from sandbox.facts import DynamicFacts, Event, GlobalUse, Hint, StaticFacts

_CALLED = ("reduce", "obj", "inst", "newobj", "build")  # uses of a global, the most telling first
_OURS = ("/usr/", "/lib", "/env/", "/code/", "<frozen ")  # frames that are not the payload's
# After the load the last global that was looked up says nothing.
PHASES = {"after": "after the load", "exercise": "when the model is used", "end": "as the process ends"}
_NONE = Hint("", "", "")


class Because:
    """The reasons for the events of one evaluation."""

    def __init__(self, dynamic: DynamicFacts, static: StaticFacts) -> None:
        self._dynamic = dynamic
        self._uses: dict[str, GlobalUse] = {}
        for use in sorted(static.globals, key=_rank):
            self._uses.setdefault(use.name, use)
        # The last hint before such a phase: what came no later says nothing of what happens in it.
        phases = [event for event in dynamic.events if event.kind == "phase" and event.call in PHASES]
        self._before = {event.call: dynamic.hint_of.get(event.id, -1) for event in phases}

    def reasons(self, event: Event, phase: str) -> list[tuple[str, str]]:
        """Kind and text of each, what came first in front."""
        index = self._dynamic.hint_of.get(event.id, -1)
        fresh = max(-1, self._before.get(phase, -1)) < index < len(self._dynamic.hints)
        hint = self._dynamic.hints[index] if fresh else _NONE
        found = []
        use = self._uses.get(hint.because)
        if phase in PHASES:
            found.append(("phase", PHASES[phase]))
        elif use is not None:
            found.append(("call", _called(use)))
        frame = next((frame for frame in hint.stack if not frame.startswith(_OURS)), "")
        if frame:
            found.append(("code", f"Python at {frame[:200]}"))
        return found


def _rank(use: GlobalUse) -> int:
    return _CALLED.index(use.use) if use.use in _CALLED else len(_CALLED)


def _called(use: GlobalUse) -> str:
    """unpickling calls posix.system (data.pkl, offset 0x1f)"""
    verb = "calls" if use.use in _CALLED else "names"
    return f"unpickling {verb} {use.name[:200]} ({(use.record or use.format)[:100]}, offset {use.offset:#x})"
