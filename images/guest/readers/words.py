"""Which texts an unknown class may be given: names of things, and nothing that a program could act on.

The guest judges by these what it doesn't show; the host's own, the same, are in its judge.
"""

from __future__ import annotations

import re
from functools import lru_cache

# What enumerations' values, layers and columns are called.
_VALUE = re.compile(r"(?:-?\d[\w.+-]*|[A-Za-z_][\w.+-]*|)")
_LONGEST = 40
# Of what is measured: m/s, kg/m3.
_UNIT = re.compile(r"[A-Za-z]{1,3}\d?(?:/[A-Za-z]{1,3}\d?){1,2}")
# A dictionary's keys say less: they may be words of a language, or parts of a tree. None is a path from a root.
_KEY = re.compile(r"(?![~/]|\.\.?/)(?:[\w.+~]|(?<=[\w.~])[-/: ](?=[\w~])){0,100}")

# Addresses, and names of files to whoever opens or imports them.
_PLACE = re.compile(
    r".*\.(?:pkl|pickle|py|pyc|so|dll|dylib|exe|sh|bash|bat|cmd|ps1|pt|pth|bin|ckpt|model|joblib|np[yz]|h5|hdf5|keras"
    r"|ya?ml|json|toml|jar|zip|tar|gz|whl|egg|onnx|php|js|html?|invalid|example|test|localhost|com|net|org|io|ru|cn)"
    r"|\d+(?:\.\d+){3}|localhost",
    re.IGNORECASE,
)

# Programs that do something of note when started alone, interpreters, and Python's modules and functions of that power,
# for what imports or evaluates what it is told.
_PROGRAMS = """id whoami uname hostname ifconfig ipconfig netstat systeminfo tasklist printenv reboot shutdown poweroff
halt sh bash dash zsh ksh csh cmd powershell pwsh calc notepad xcalc xterm ls dir pwd ps touch rm mv cp chmod chown
mkdir curl wget nc ncat netcat socat ssh scp ping nslookup dig telnet ftp python python2 python3 perl ruby php lua gcc
sudo su crontab kill killall pkill nohup mkfifo mshta certutil"""
_PYTHON = """os posix nt sys subprocess builtins importlib runpy pty ctypes socket shutil marshal pickle antigravity
webbrowser eval exec execfile compile popen spawn getattr setattr globals locals lambda import __import__"""
_ACTING = frozenset(f"{_PROGRAMS} {_PYTHON}".split())
_HOST = re.compile(r"\d+(?:\.\d+){3}|localhost", re.IGNORECASE)
_PARTS = re.compile(r"[^A-Za-z0-9_]+")


@lru_cache(maxsize=1 << 12)
def is_value(text: str) -> bool:
    """True of a short word in which nothing is spelled that could be run, opened, imported or decoded."""
    if len(text) > _LONGEST or not (_VALUE.fullmatch(text) or _UNIT.fullmatch(text)) or _PLACE.fullmatch(text):
        return False
    return not _ACTING.intersection(_PARTS.split(text.lower()))


def is_key(text: str) -> bool:
    """True of what an honest dictionary's entries are called."""
    if not _KEY.fullmatch(text) or _HOST.fullmatch(text):
        return False
    first, *rest = text.split(" ")  # of more than one, a command and what it is given
    return not rest or not (first.lower() in _ACTING or any(map(_PLACE.fullmatch, (first, *rest))))
