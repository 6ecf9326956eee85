"""Why something happened: a hint of the loader joined with what the reader saw. Pure.

A hint comes from hostile ground, and says which global was looked up last. Where the stream stood it doesn't know: the
unpickler that loads use is written in C. The reader saw each use of each global without running any.
"""

from __future__ import annotations

from sandbox.facts import GlobalUse, Hint, StaticFacts

# What runs something, before what only names it.
_USES = ("reduce", "obj", "inst", "newobj", "build")


def cause(hint: Hint, static: StaticFacts) -> GlobalUse | None:
    """The use of the global that the hint names: the first that runs it, else the first that there is."""
    uses = [use for use in static.globals if use.name == hint.because]
    return next((use for use in uses if use.use in _USES), uses[0] if uses else None)


def told(hint: Hint, static: StaticFacts) -> str:
    """The cause in a few words, which say that they rest on a hint; "" when there is none."""
    if not hint.because:
        return ""
    use = cause(hint, static)
    where = f", {use.use} at {use.offset} of {use.record or 'the file'}" if use else ""
    return f"{hint.because}{where} (a hint from hostile ground)"
