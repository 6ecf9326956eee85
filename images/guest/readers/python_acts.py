"""Which calls of Python run programs, code or machine code, or talk to other machines; and which of them are harmless.

What scripts and installers do of old when they are imported is told from the rest here, and what an honest model or a
server's handler does when it is made or used.
"""

from __future__ import annotations

import ast
import re
from enum import IntEnum

from guest.readers.python_names import COMPUTED, UNKNOWN, Names


class Moment(IntEnum):
    """When code is run: as it is imported; as what it defines is made, or loaded; as that is used."""

    IMPORTED = 0
    MADE = 1
    USED = 2


_PROGRAMS = re.compile(
    r"(?:os|posix|nt)\.(?:system|popen\w*|exec[lv]p?e?|spawn[lv]p?e?|posix_spawnp?|startfile|fork|forkpty)"
    r"|subprocess\.(?:run|call|check_call|check_output|Popen|getoutput|getstatusoutput)|_posixsubprocess\.fork_exec"
    r"|pty\.spawn|commands\.get(?:status)?output|asyncio\.create_subprocess_(?:exec|shell)|pip\.(?:_internal\.)?main"
    r"|webbrowser\.open\w*|pexpect\.(?:run|runu|spawn|spawnu)|pexpect\.popen_spawn\.PopenSpawn|psutil\.Popen"
    r"|(?:ptyprocess\.)?PtyProcess\.spawn|sh\.Command|invoke\.run|delegator\.run|envoy\.run"
)
_CODE = re.compile(
    r"builtins\.(?:exec|eval)|runpy\.run_(?:path|module)|marshal\.loads?|types\.CodeType"
    r"|code\.(?:interact|InteractiveConsole|InteractiveInterpreter)"
    rf"|(?:os|posix|nt|subprocess|builtins|pty|ctypes|socket)\.{COMPUTED}"
)
_COMPILES = "builtins.compile"
_LOOKS_UP = ("operator.methodcaller", "operator.attrgetter")
_NATIVE = re.compile(
    r"ctypes\.(?:CDLL|PyDLL|WinDLL|OleDLL|cdll\.\w+|windll\.\w+|oledll\.\w+|pythonapi\.\w+)"
    r"|torch\.(?:ops|classes)\.load_library|torch\.utils\.cpp_extension\.load_inline"
)
_TALKS = re.compile(
    r"socket\.(?:socket|create_connection|create_server)|requests\.(?:post|put|patch|delete|request)"
    r"|http\.client\.HTTPS?Connection|ftplib\.FTP(?:_TLS)?|smtplib\.SMTP(?:_SSL)?|telnetlib\.Telnet"
    r"|paramiko\.(?:SSHClient|Transport)|httpx\.(?:post|put|patch|request)|xmlrpc\.client\.ServerProxy"
)
# A script may fetch its example; what a loader imports may not.
_FETCHES = re.compile(
    r"requests\.(?:get|Session)|urllib\.request\.(?:urlopen|urlretrieve)|urllib2?\.(?:urlopen|urlretrieve)"
    r"|httpx\.get|wget\.download|urllib3\.PoolManager|torch\.hub\.(?:load|load_state_dict_from_url)"
)
_UNPICKLES = re.compile(r"(?:pickle|_pickle|dill|cloudpickle|joblib|torch|numpy)\.loads?")
_REMOVES = re.compile(r"shutil\.rmtree|os\.(?:remove|unlink|rmdir|removedirs|rename|replace|truncate)")
_MOVES = re.compile(r"shutil\.(?:copy|copy2|copyfile|copytree|move)|os\.(?:symlink|link|chmod|chown)")
_OPENS = ("builtins.open", "io.open")
_PATHS = frozenset({"pathlib.Path", "pathlib.PosixPath"})
_PATH_WRITES = frozenset(["write_text", "write_bytes", "unlink", "rmdir", "rename", "replace", "symlink_to", "chmod"])
_BEGUN = re.compile(_PROGRAMS.pattern + "|" + _CODE.pattern)

_DUMPED = 2000  # characters of a call as a tree
_LOADED = re.compile(
    r"(?:__init__|(?:modeling|modelling|configuration|tokenization|processing|image_processing|feature_extraction"
    r"|handler|pipeline|model|config|custom)\w*)\.py",
    re.IGNORECASE,
)
_INSTALLER = "setup.py"  # pip runs it, and honest ones ask git for the version and execute a file that has it
_BIN = rf"(?:{UNKNOWN}/bin/|/usr/(?:local/)?(?:cuda[\w.-]*/)?bin/)?"
_ASKS = re.compile(
    r"git (?:rev-parse|describe|log|show|status|branch)(?: [\w./ %=:^{}-]*)?"
    rf"|{_BIN}nvidia-smi(?: [\w.,= -]*)?|{_BIN}nvcc(?: [\w-]*)?"
)
# What honest models and handlers begin as they are made or used: compilers, converters of sound and pictures, pip.
_TOOLS = re.compile(
    rf"{_BIN}(?:gcc|g\+\+|clang(?:\+\+)?|nvcc|make|cmake|ninja|ffmpeg|ffprobe|sox|espeak(?:-ng)?|convert"
    rf"|git (?:clone|lfs|pull|submodule|checkout)|(?:python3? -m )?pip3? (?:install|show|list)|nvidia-smi)"
    rf"(?: [^;|&`$<>\n]*)?"
)
_FOREIGN = re.compile(
    r"--?(?:index-url|extra-index-url|i|find-links|f|trusted-host)\b|https?://(?!github\.com/|huggingface\.co/)|ftp://"
)
_FETCHERS = re.compile(r"\b(?:pip3?|git)\b")
_SUM = re.compile(r"[\d.eE+*/ ()_-]+")
_OUTSIDE = re.compile(r"(?:/(?!tmp/|dev/|kaggle/|content/|workspace/|data/|mnt/|opt/ml/)|~|[A-Za-z]:\\)")
_KEYS = re.compile(
    r"(?:^|[~/\\])\.(?:ssh|aws|gnupg|kube|docker|azure|netrc|pgpass|git-credentials|npmrc)(?![\w-])"
    r"|\bid_(?:rsa|ed25519|ecdsa)\b|/etc/(?:shadow|sudoers)\b"
)
_WRITES = re.compile(r"[wax]|r.*\+")
_DECODES = re.compile(
    r"(?:base64\.\w+|binascii\.\w+|codecs\.decode|zlib\.decompress|bz2\.decompress|lzma\.decompress|gzip\.decompress"
    r"|builtins\.compile|marshal\.loads?|bytes\.fromhex|bytearray\.fromhex)|" + _FETCHES.pattern
)

_MACHINERY = frozenset({"__subclasses__", "__globals__", "__builtins__", "gi_frame", "tb_frame", "cr_frame"})
_ROOTS = frozenset({"__base__", "__bases__", "__mro__", "mro"})
_IMPORTING = re.compile(r"sys\.(?:meta_path|path_hooks)")
# What loads or saves weights, or is computed with: nothing but the library itself puts anything in its place.
_REPLACED = re.compile(
    r"(?:torch|numpy|pickle|_pickle|safetensors|builtins|os|subprocess|io|json)\.(?:[\w.]+\.)?"
    r"(?:load|loads|save|save_file|load_file|load_state_dict|state_dict|forward|__call__|__init__|__new__|__setstate__"
    r"|__setattr__|__import__|open|_load|find_class|Unpickler|safe_open|_rebuild_\w+|exec|eval)"
)


def what(callee: str, call: ast.Call, names: Names, file: str, moment: Moment = Moment.IMPORTED) -> str:
    """What the call does, as a person is told; "" for nothing of note. `file`: the name of its file."""
    imported = moment is Moment.IMPORTED
    loaded, installs = imported and _LOADED.fullmatch(file) is not None, imported and file == _INSTALLER
    if _PROGRAMS.fullmatch(callee):
        return "" if _is_usual(callee, call, names, moment, installs) else f"{callee} begins a program"
    if _CODE.fullmatch(callee) or (imported and callee == _COMPILES):
        return "" if installs or not _is_code(callee, call, names, moment) else f"{callee} runs code"
    return _at_once(callee, call, names, moment, loaded) or _with_files(callee, call, names, loaded)


def _at_once(callee: str, call: ast.Call, names: Names, moment: Moment, loaded: bool) -> str:
    """What it looks up, loads, says to others or unpickles."""
    native = moment is Moment.IMPORTED or names.text(call.args[0] if call.args else None) is not None
    told = (
        (callee in _LOOKS_UP and _looks_up(call, names), "looks up what begins a program"),
        (native and _NATIVE.fullmatch(callee), "loads machine code"),
        (moment is not Moment.USED and _TALKS.fullmatch(callee), "talks to another machine"),
        (loaded and _FETCHES.fullmatch(callee), "talks to another machine"),
        (_UNPICKLES.fullmatch(callee) and _is_decoded(call, names), "unpickles what the code decodes or fetches"),
    )
    return next((f"{callee} {does}" for true, does in told if true), "")


def _looks_up(call: ast.Call, names: Names) -> bool:
    return any(begins(f"{module}.{names.text(word)}") for word in call.args for module in _HOLDS)


def _with_files(callee: str, call: ast.Call, names: Names, loaded: bool) -> str:
    """What it does with the files of whoever runs it."""
    key = next((text for part in call.args if (text := names.outline(part)) and _KEYS.search(text)), "")
    if key:
        return f"{callee or 'a call'} is given {key[:64]}"
    place = names.text(call.args[0]) if call.args else None
    method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if method in _PATH_WRITES and isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Call):
        made = call.func.value
        if names.dotted(made.func) in _PATHS and made.args and _OUTSIDE.match(names.text(made.args[0]) or ""):
            return f"Path.{method} changes a file elsewhere"
    outside = _OUTSIDE.match(place) is not None if place else "expanduser" in ast.dump(call)[:_DUMPED]
    if _REMOVES.fullmatch(callee) and (outside or (loaded and callee == "shutil.rmtree")):
        return f"{callee} removes what lies elsewhere" if outside else f"{callee} removes a folder"
    if _MOVES.fullmatch(callee) and outside:
        return f"{callee} takes what lies elsewhere"
    return f"{callee} writes a file elsewhere" if callee in _OPENS and outside and _is_writing(call, names) else ""


def reaches(node: ast.Attribute) -> str:
    """Whether it goes through what Python is made of, to reach something unnamed."""
    if node.attr not in _MACHINERY:
        return ""
    if node.attr == "__subclasses__":
        below = {part.attr for part in ast.walk(node.value) if isinstance(part, ast.Attribute)}
        if not below & _ROOTS and not (isinstance(node.value, ast.Name) and node.value.id == "object"):
            return ""
    return f"{node.attr} reaches into Python's own machinery"


def replaces(target: str, value: ast.expr | None, names: Names) -> str:
    """Whether it puts something of its own in the place of what everybody uses."""
    if _IMPORTING.fullmatch(target):
        return f"{target} is changed, which every later import goes through"
    if not _REPLACED.fullmatch(target) or isinstance(value, ast.Constant):
        return ""
    # partial(torch.load, weights_only=False): the same function with another default.
    return "" if value is not None and names.dotted(value) == target else f"{target} is replaced for everybody"


def hooks(callee: str) -> str:
    """A method of what imports go through: sys.meta_path.insert."""
    base = callee.rpartition(".")[0]
    return replaces(base, None, Names()) if _IMPORTING.fullmatch(base) else ""


def begins(dotted: str) -> bool:
    """Whether it begins a program or code when something else calls it."""
    return _BEGUN.fullmatch(dotted) is not None


_HOLDS = ("os", "pty", "subprocess")


def _is_usual(callee: str, call: ast.Call, names: Names, moment: Moment, installs: bool) -> bool:
    """Whether honest code of that moment begins it."""
    line = names.command(call.args[0] if call.args else None).strip()
    if _ASKS.fullmatch(line) or (installs and callee == "subprocess.check_output"):
        return True
    if moment is Moment.IMPORTED or (_FETCHERS.search(line) and _FOREIGN.search(line)):
        return False
    if _TOOLS.fullmatch(line):
        return True
    return moment is Moment.USED and line.startswith(UNKNOWN)


def _is_code(callee: str, call: ast.Call, names: Names, moment: Moment) -> bool:
    """Whether what it runs may be more than a sum, or a file that is looked into by itself."""
    if _is_sum(callee, call, names) or _is_file_beside(call, names):
        return False
    if moment is Moment.IMPORTED or callee not in ("builtins.exec", "builtins.eval"):
        return True
    # eval(f"nn.{name}"), exec(f"self.layer{n} = layer"): how models of research look up their parts.
    text = names.outline(call.args[0] if call.args else None)
    if _is_decoded(call, names) or "__import__" in text or "import " in text:
        return True
    return callee == "builtins.exec" and text == UNKNOWN and moment is Moment.MADE


def _is_decoded(call: ast.Call, names: Names) -> bool:
    """Whether what it is given was fetched, or decoded from something."""
    given = (part for argument in call.args for part in ast.walk(argument) if isinstance(part, ast.Call))
    return any(_DECODES.fullmatch(names.dotted(part.func)) for part in given)


def _is_sum(callee: str, call: ast.Call, names: Names) -> bool:
    plain = callee == "builtins.eval" and isinstance(call.func, ast.Name)
    text = names.text(call.args[0]) if call.args and plain else None
    return text is not None and _SUM.fullmatch(text) is not None


def _is_file_beside(call: ast.Call, names: Names) -> bool:
    """`exec(open("configurator.py").read())`: that file is looked into by itself."""
    code = call.args[0] if call.args else None
    if isinstance(code, ast.Call) and names.dotted(code.func) == _COMPILES and code.args:
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
