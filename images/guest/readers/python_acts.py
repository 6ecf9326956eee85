"""Which calls of Python run programs, code or machine code, or talk to other machines; and which of them are harmless.

Only what an import would do is asked about, so what scripts and installers do of old is told from the rest here.
"""

from __future__ import annotations

import ast
import re

from guest.readers.python_names import COMPUTED, Names

_PROGRAMS = re.compile(
    r"(?:os|posix|nt)\.(?:system|popen\w*|exec[lv]p?e?|spawn[lv]p?e?|posix_spawnp?|startfile|fork|forkpty)"
    r"|subprocess\.(?:run|call|check_call|check_output|Popen|getoutput|getstatusoutput)|_posixsubprocess\.fork_exec"
    r"|pty\.spawn|commands\.get(?:status)?output|asyncio\.create_subprocess_(?:exec|shell)|pip\.(?:_internal\.)?main"
    r"|webbrowser\.open\w*"
)
_CODE = re.compile(
    r"builtins\.(?:exec|eval)|runpy\.run_(?:path|module)|marshal\.loads?"
    r"|code\.(?:interact|InteractiveConsole|InteractiveInterpreter)"
    rf"|(?:os|posix|nt|subprocess|builtins|pty|ctypes|socket)\.{COMPUTED}"
)
_NATIVE = re.compile(
    r"ctypes\.(?:CDLL|PyDLL|WinDLL|OleDLL|cdll\.\w+|windll\.\w+|oledll\.\w+|pythonapi\.\w+)"
    r"|torch\.(?:ops|classes)\.load_library"
)
_TALKS = re.compile(
    r"socket\.(?:socket|create_connection|create_server)|requests\.(?:post|put|patch|delete|request)"
    r"|http\.client\.HTTPS?Connection|ftplib\.FTP(?:_TLS)?|smtplib\.SMTP(?:_SSL)?|telnetlib\.Telnet"
    r"|paramiko\.(?:SSHClient|Transport)|httpx\.(?:post|put|patch|request)|xmlrpc\.client\.ServerProxy"
)
# A script may fetch its example; what a loader imports may not.
_FETCHES = re.compile(
    r"requests\.(?:get|Session)|urllib\.request\.(?:urlopen|urlretrieve)|urllib2?\.(?:urlopen|urlretrieve)"
    r"|httpx\.get|wget\.download|urllib3\.PoolManager"
)
_REMOVES = "shutil.rmtree"
_OPENS = ("builtins.open", "io.open")
_BEGUN = re.compile(_PROGRAMS.pattern + "|" + _CODE.pattern)

_DUMPED = 2000  # characters of a call as a tree
_LOADED = re.compile(
    r"(?:__init__|(?:modeling|modelling|configuration|tokenization|processing|image_processing|feature_extraction"
    r"|handler|pipeline|model|config|custom)\w*)\.py",
    re.IGNORECASE,
)
_INSTALLER = "setup.py"  # pip runs it, and honest ones ask git for the version and execute a file that has it
_ASKS = re.compile(
    r"git (?:rev-parse|describe|log|show|status|branch)(?: [\w./ %=:^{}-]*)?"
    r"|nvidia-smi(?: [\w.,= -]*)?|nvcc(?: [\w-]*)?"
)
_SUM = re.compile(r"[\d.eE+*/ ()_-]+")
_OUTSIDE = re.compile(r"(?:/(?!tmp/|dev/|kaggle/|content/|workspace/|data/|mnt/)|~|[A-Za-z]:\\)")
_WRITES = re.compile(r"[wax]|r.*\+")


def what(callee: str, call: ast.Call, names: Names, file: str) -> str:
    """What the call does, as a person is told; "" for nothing of note. `file`: the name of its file."""
    loaded, installs = _LOADED.fullmatch(file) is not None, file == _INSTALLER
    if _PROGRAMS.fullmatch(callee):
        quiet = _only_asks(call, names) or (installs and callee == "subprocess.check_output")
        return "" if quiet else f"{callee} begins a program"
    if _CODE.fullmatch(callee):
        quiet = installs or _is_sum(callee, call, names) or _is_file_beside(call, names)
        return "" if quiet else f"{callee} runs code"
    if _NATIVE.fullmatch(callee):
        return f"{callee} loads machine code"
    if _TALKS.fullmatch(callee) or (loaded and _FETCHES.fullmatch(callee)):
        return f"{callee} talks to another machine"
    place = names.text(call.args[0]) if call.args else None
    outside = _OUTSIDE.match(place) is not None if place else "expanduser" in ast.dump(call)[:_DUMPED]
    if callee == _REMOVES and (loaded or outside):
        return f"{callee} removes a folder"
    return f"{callee} writes a file elsewhere" if callee in _OPENS and outside and _is_writing(call, names) else ""


def begins(dotted: str) -> bool:
    """Whether it begins a program or code when something else calls it."""
    return _BEGUN.fullmatch(dotted) is not None


def _only_asks(call: ast.Call, names: Names) -> bool:
    """Whether the program only says which version, or which graphics card, there is."""
    first = call.args[0] if call.args else None
    if isinstance(first, ast.List | ast.Tuple):
        words = [names.text(word) for word in first.elts]
        line = " ".join(word for word in words if word) if all(words) else ""
    else:
        line = names.text(first) or ""
    return _ASKS.fullmatch(line.strip()) is not None


def _is_sum(callee: str, call: ast.Call, names: Names) -> bool:
    text = names.text(call.args[0]) if call.args and callee == "builtins.eval" else None
    return text is not None and _SUM.fullmatch(text) is not None


def _is_file_beside(call: ast.Call, names: Names) -> bool:
    """`exec(open("configurator.py").read())`: that file is looked into by itself."""
    code = call.args[0] if call.args else None
    if isinstance(code, ast.Call) and names.dotted(code.func) == "builtins.compile" and code.args:
        code = code.args[0]
    if not (isinstance(code, ast.Call) and isinstance(code.func, ast.Attribute) and code.func.attr == "read"):
        return False
    opened = code.func.value
    if not isinstance(opened, ast.Call) or names.dotted(opened.func) not in _OPENS or not opened.args:
        return False
    path = names.text(opened.args[0]) or ""
    return path.endswith(".py") and not path.startswith(("/", "~")) and ".." not in path


def _is_writing(call: ast.Call, names: Names) -> bool:
    given = [word.value for word in call.keywords if word.arg == "mode"] + call.args[1:2]
    mode = names.text(given[0]) if given else ""
    return mode is None or _WRITES.match(mode) is not None
