"""Which installed class or function refused what a file gives it: it counts as absent, and the load begins anew."""

from __future__ import annotations

import sys
from collections.abc import Container
from types import CodeType, FrameType, TracebackType

# They raise whatever comes of a part that isn't here, such as a column of text whose package is absent.
_FRAGILE = ("pandas.",)
_METHODS = ("__init__", "__new__", "__setstate__")


def name(error: BaseException, looked_up: Container[str], absent: Container[str]) -> tuple[str, str] | None:
    """Module and name. A class whose __setstate__ raised has moved on since the file was written; what a stream calls
    may lack a package of its own, or be given what stands in for one that is absent."""
    refused = _refused_state(error)
    for frame in [] if refused is not None else _frames(error.__traceback__):
        module, called = _called(frame)
        full = f"{module}.{called}"
        fragile = isinstance(error, ImportError) or module.startswith(_FRAGILE)
        if fragile and full in looked_up and full not in absent:
            return module, called
    return (refused.__module__, refused.__qualname__) if refused is not None else None


def _frames(trace: TracebackType | None) -> list[FrameType]:
    frames = []
    while trace is not None:
        frames.append(trace.tb_frame)
        trace = trace.tb_next
    return frames


def _called(frame: FrameType) -> tuple[str, str]:
    """Of the class that the frame makes an object of, otherwise of its function; what Cython compiled has its full name
    there."""
    code: CodeType = frame.f_code
    if code.co_name in _METHODS:
        made = frame.f_locals.get("cls", frame.f_locals.get("self"))
        kind = made if isinstance(made, type) else type(made)
        return kind.__module__, kind.__qualname__
    return str(frame.f_globals.get("__name__")), code.co_name.rpartition(".")[2]


def _refused_state(error: BaseException) -> type | None:
    """The class whose __setstate__ raised, the innermost."""
    refused = None
    for frame in _frames(error.__traceback__):
        if frame.f_code.co_name == "__setstate__" and "self" in frame.f_locals:
            refused = type(frame.f_locals["self"])
        elif frame.f_code.co_name.endswith(".__setstate__"):
            refused = _compiled(frame.f_code.co_name) or refused
    return refused


def _compiled(method: str) -> type | None:
    """The class of a method that Cython compiled: its frames have no locals, and its full name instead."""
    module, _, name = method.rpartition(".")[0].rpartition(".")
    found = getattr(sys.modules.get(module), name, None)
    return found if isinstance(found, type) else None
