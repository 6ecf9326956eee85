"""Which texts an unknown class may be given: names of things, and nothing that a program could act on.

The guest judges by these what it doesn't show; the host's own, the same, are in its judge.
"""

from __future__ import annotations

import re
from collections.abc import Collection

# What enumerations' values, layers and columns are called.
_VALUE = r"-?\d[\w.+-]*|[A-Za-z_][\w.+-]*|"
_LONGEST = 40
_LONGEST_KEY = 100
# Of what is measured: m/s, kg/m3.
_UNIT = r"[A-Za-z]{1,3}\d?(?:/[A-Za-z]{1,3}\d?){1,2}"
# A dictionary's keys say less: they may be words of a language, or parts of a tree. None is a path from a root.
_KEY = r"(?![~/]|\.\.?/)(?:[\w.+~]|(?<=[\w.~])[-/: ](?=[\w~]))*"

# Addresses, and names of files to whoever opens or imports them.
_HOST = r"\d+(?:\.\d+){3}|localhost"
_SUFFIXES = """pkl pickle py pyc so dll dylib exe sh bash bat cmd ps1 pt pth bin ckpt model joblib npy npz h5 hdf5 keras
yaml yml json toml jar zip tar gz whl egg onnx php js htm html invalid example test localhost com net org io ru cn"""
_ENDS = frozenset(_SUFFIXES.split())

# Programs that do something of note when started alone, interpreters, and Python's modules and functions of that power,
# for what imports or evaluates what it is told.
_PROGRAMS = """id whoami uname hostname ifconfig ipconfig netstat systeminfo tasklist printenv reboot shutdown poweroff
halt sh bash dash zsh ksh csh cmd powershell pwsh calc notepad xcalc xterm ls dir pwd ps touch rm mv cp chmod chown
mkdir curl wget nc ncat netcat socat ssh scp ping nslookup dig telnet ftp python python2 python3 perl ruby php lua gcc
sudo su crontab kill killall pkill nohup mkfifo mshta certutil"""
_PYTHON = """os posix nt sys subprocess builtins importlib runpy pty ctypes socket shutil marshal pickle antigravity
webbrowser eval exec execfile compile popen spawn getattr setattr globals locals lambda import __import__"""
_ACTING = frozenset(f"{_PROGRAMS} {_PYTHON}".split())
_PARTS = re.compile(r"[^A-Za-z0-9_]+")

# Many texts at once, each in a line of its own: a file may have 50,000 calls with a hundred words in each.
_VALUES = re.compile(rf"(?:(?:{_VALUE}|{_UNIT})\n)*")
_KEYS = re.compile(rf"(?:{_KEY}\n)*")
_HOSTS = re.compile(rf"^(?:{_HOST})$", re.IGNORECASE | re.MULTILINE)
_NONE = "!"
_END = re.compile(r"\.([^.\n]*)$", re.MULTILINE)


def are_values(texts: Collection[str]) -> bool:
    """Whether each is a short word in which nothing is spelled that could be run, opened, imported or decoded."""
    lines = _lines(texts, _LONGEST)
    if not _VALUES.fullmatch(lines) or _name_a_place(lines):
        return False
    return _ACTING.isdisjoint(_PARTS.split(lines.lower()))


def are_keys(texts: Collection[str]) -> bool:
    """Whether each is what an honest dictionary's entries are called."""
    lines = _lines(texts, _LONGEST_KEY)
    if not _KEYS.fullmatch(lines) or _HOSTS.search(lines):
        return False
    phrases = [text for text in texts if " " in text]  # each may be a command and what it is given
    if _name_a_place("\n".join(phrases).replace(" ", "\n")):
        return False
    return _ACTING.isdisjoint(phrase.partition(" ")[0].lower() for phrase in phrases)


def _lines(texts: Collection[str], longest: int) -> str:
    """A line for each, with its end; what no pattern takes where one is too long or of several lines."""
    if max(map(len, texts), default=0) > longest:
        return _NONE
    lines = "\n".join((*texts, ""))
    return lines if lines.count("\n") == len(texts) else _NONE


def _name_a_place(lines: str) -> bool:
    return not _ENDS.isdisjoint(map(str.casefold, _END.findall(lines))) or _HOSTS.search(lines) is not None
