"""What made the loader itself do something: the unpickler's call, the payload's line of Python, or the phase.

All but the phase are hints from hostile ground; a call is only believed when the reader saw the file make it. Which
global was looked up last says little: what was looked up before it may be kept, and called afterwards.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from sandbox.facts import DynamicFacts, Event, GlobalUse, Hint, StaticFacts

_CALLED = ("reduce", "obj", "inst", "newobj", "subtype", "build", "kept")  # uses of a global, the most telling first
_OURS = ("/usr/", "/lib", "/env/", "/code/", "<frozen ")  # frames that the payload needn't have made; but it may
# After the load the last global that was looked up says nothing.
PHASES = {"after": "after the load", "exercise": "when the model is used", "end": "as the process ends"}
_NONE = Hint("", "", "")

# Python's audit event -> the globals that raise it when they are called.
_RAISES = {
    "os.system": ("posix.system", "os.system", "nt.system"),
    "os.exec": ("posix.exec*", "os.exec*", "nt.exec*"),
    "os.posix_spawn": ("posix.posix_spawn*", "os.posix_spawn*", "os.spawn*"),
    "os.fork": ("posix.fork*", "os.fork*", "pty.fork"),
    "os.kill": ("posix.kill*", "os.kill*"),
    "os.remove": ("posix.remove", "posix.unlink", "os.remove", "os.unlink", "shutil.*", "pathlib.*"),
    "os.rename": ("posix.rename*", "posix.replace", "os.rename*", "os.replace", "shutil.*", "pathlib.*"),
    "os.chmod": ("posix.*chmod", "os.*chmod", "shutil.*", "pathlib.*"),
    "os.symlink": ("posix.symlink", "os.symlink", "pathlib.*"),
    "os.link": ("posix.link", "os.link", "pathlib.*"),
    "os.mkdir": ("posix.mkdir", "os.mkdir", "os.makedirs", "pathlib.*"),
    "subprocess.Popen": ("subprocess.*", "os.popen", "commands.*"),
    "pty.spawn": ("pty.spawn",),
    "shutil.rmtree": ("shutil.rmtree",),
    "open": ("builtins.open", "io.open", "_io.*", "codecs.open", "posix.open", "os.open", "pathlib.*", "shutil.*"),
    "urllib.Request": ("urllib.request.*",),
    "webbrowser.open": ("webbrowser.*",),
    "builtins.input": ("builtins.input",),
    **{f"socket.{what}": ("socket.*", "_socket.*") for what in ("connect", "getaddrinfo", "gethostbyname", "sendto")},
    **{f"ctypes.{what}": ("ctypes.*", "_ctypes.*") for what in ("dlopen", "dlsym")},
    **{f"{module}.connect": (f"{module}.*",) for module in ("smtplib", "ftplib")},
}
# What runs Python of the file's own, which may do anything.
_CODE = (
    *("builtins.exec", "builtins.eval", "builtins.compile", "__builtin__.exec*", "__builtin__.eval", "runpy.*"),
    *("builtins.execfile", "code.*", "marshal.loads", "types.FunctionType", "importlib.*", "timeit.*", "pdb.*"),
)
_DANGEROUS = (*_CODE, *(name for names in _RAISES.values() for name in names))


class Because:
    """The reasons for the events of one evaluation."""

    def __init__(self, dynamic: DynamicFacts, static: StaticFacts) -> None:
        self._dynamic = dynamic
        self._uses: dict[str, GlobalUse] = {}
        for use in sorted(static.globals, key=_rank):
            self._uses.setdefault(use.name, use)
        self._dangerous = [use for use in self._uses.values() if use.use in _CALLED and _is(use, _DANGEROUS)]
        # The last hint before such a phase: what came no later says nothing of what happens in it.
        phases = [event for event in dynamic.events if event.kind == "phase" and event.call in PHASES]
        self._before = {event.call: dynamic.hint_of.get(event.id, -1) for event in phases}

    def reasons(self, event: Event, phase: str) -> list[tuple[str, str]]:
        """Kind and text of each, what came first in front."""
        index = self._dynamic.hint_of.get(event.id, -1)
        fresh = max(-1, self._before.get(phase, -1)) < index < len(self._dynamic.hints)
        hint = self._dynamic.hints[index] if fresh else _NONE
        found = []
        code = _code(hint)
        call = self._call(hint, in_code=bool(code))
        if phase in PHASES:
            found.append(("phase", PHASES[phase]))
        elif call:
            found.append(("call", call))
        if code:
            found.append(("code", code))
        return found

    def _call(self, hint: Hint, *, in_code: bool) -> str:
        """What the file calls that fits best; empty where nothing does. `in_code`: Python of the file's own did it."""
        last = self._uses.get(hint.because)
        called = last is not None and last.use in _CALLED
        raises = (*_RAISES.get(hint.what, ()), *(_CODE if in_code else ()))
        if last and called and _is(last, raises):
            return _called(last)
        fitting = [use for use in self._dangerous if _is(use, raises)]
        if len(fitting) == 1 or (fitting and not in_code):
            return _called(fitting[0])
        if last is None:
            return ""
        if called and _is(last, _DANGEROUS):
            return _called(last)
        if len(self._dangerous) == 1:
            return _called(self._dangerous[0])
        return _called(last) if called else f"unpickling, last looked up: {last.name[:200]}"


def _code(hint: Hint) -> str:
    """The innermost line that isn't a library's, and what it went through; nothing where all seem to be libraries'."""
    frame = next((frame for frame in hint.stack if not frame.startswith(_OURS)), "")
    if not frame:
        return ""
    through = "" if frame == hint.stack[0] else f", through {hint.stack[0][:100]}"
    return f"Python at {frame[:200]}{through}"


def _is(use: GlobalUse, names: tuple[str, ...]) -> bool:
    return any(fnmatchcase(use.name, name) for name in names)


def _rank(use: GlobalUse) -> int:
    return _CALLED.index(use.use) if use.use in _CALLED else len(_CALLED)


def _called(use: GlobalUse) -> str:
    """unpickling calls posix.system (data.pkl, offset 0x1f)"""
    return f"unpickling calls {use.name[:200]} ({(use.record or use.format)[:100]}, offset {use.offset:#x})"
