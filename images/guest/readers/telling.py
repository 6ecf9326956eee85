"""Which texts matter, and as what. Only looks; nothing is decoded here.

A kind's name has its general word first: `shell`, then `shell.reverse`, which is one that nobody writes for another
purpose. Of several kinds of one word the first that is found is told.

No pattern is searched for in a whole text: each has words of which one must be there, which are found at the speed of
memory, and is then held to what stands around them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv6Address
from typing import Any

LEAST = 7  # characters: "1.1.1.1", "exec(x)"; less tells nothing
SHOWN = 240  # characters of what was found
_BEFORE = 40  # characters of its line before it
_STAGE = 2048  # characters; a program of its own is longer, what starts one isn't
_AROUND = 400  # characters on either side of a word that its pattern is held to
_TRIES = 200  # places of one word

Accept = Callable[[re.Match[str]], bool]


@dataclass(frozen=True)
class Kind:
    """`needles`: in lower case; `sought`: for what has no word. `most`: characters of a text that may be this."""

    name: str
    needles: tuple[str, ...]
    pattern: re.Pattern[str]
    sought: re.Pattern[str] | None = None
    accept: Accept = bool
    most: int = 1 << 30

    word: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "word", self.name.partition(".")[0])

    def may_be_in(self, low: str) -> bool:
        """A quick no, of one text or of many together."""
        return any(needle in low for needle in self.needles) or (
            self.sought is not None and self.sought.search(low) is not None
        )

    def find(self, text: str, low: str) -> int:
        """Where in a text it begins; -1: nowhere. `low`: the text in lower case, of the same length."""
        if len(text) <= self.most:
            for at in self._places(low):
                for found in self.pattern.finditer(text, max(0, at - _AROUND), at + _AROUND):
                    if self.accept(found):
                        return found.start()
        return -1

    def _places(self, low: str) -> Iterator[int]:
        for needle in self.needles:
            at = low.find(needle)
            for _ in range(_TRIES):
                if at < 0:
                    break
                yield at
                at = low.find(needle, at + _AROUND // 2)
        if self.sought:
            yield from (found.start() for found, _ in zip(self.sought.finditer(low), range(_TRIES), strict=False))


def _kind(name: str, needles: tuple[str, ...], *patterns: str, **more: Any) -> Kind:
    flags = 0 if name.startswith("python") else re.IGNORECASE
    return Kind(name, needles, re.compile("|".join(patterns), flags), **more)


_INTO = r"\| *(?:sudo +)?(?:/\S{1,40}/)?(?:(?:ba|da|z|k)?sh|python[\d.]*|perl|node|php)\b"
_PACKED = r"(?:base64|b64decode|binascii|zlib|bz2|lzma|gzip|codecs|marshal|fromhex|unhexlify|decompress|__import__)"
_MODULES = r"(?:os|subprocess|socket|pty|ctypes|urllib|requests|shutil|marshal|sys|base64|zlib|http|importlib|posix)"
_STARTS = (
    r"(?<![\w.])(?:os|posix|nt)\.(?:system|popen|exec[lv]\w{0,2}|spawn[lv]\w{0,2}|posix_spawnp?|startfile|fork) *\(",
    r"(?<![\w.])subprocess\.(?:run|call|Popen|check_call|check_output|getoutput|getstatusoutput) *\(",
    r"(?<![\w.])pty\.spawn *\(",
    r"(?<![\w.])__import__ *\([^()\n]{1,80}\) *\. *\w",
    r"(?<![\w.])getattr *\( *__import__",
    r"(?<![\w.])(?:exec|eval) *\( *(?:requests\.|urllib|urlopen|open *\()",
    r"(?<![\w.])(?:exec|eval) *\([^\n]{0,200}\b" + _PACKED + r"\b",
    r"(?<![\w.])(?:marshal|pickle)\.loads *\( *" + _PACKED,
    r"(?<![\w.])ctypes\.(?:CDLL|windll|cdll|memmove|CFUNCTYPE)\b",
    r"(?<![\w.])socket\.(?:socket|create_connection) *\(",
)
_STARTING: tuple[str, ...] = (
    "os.",
    "posix.",
    "nt.",
    "subprocess.",
    "pty.spawn",
    "__import__",
    "exec(",
    "exec (",
    "eval(",
    "eval (",
)
_STARTING += (".loads(", "ctypes.", "socket.")
_PYTHON: tuple[str, ...] = (
    r"(?:\A|[\n;]) *(?:import +" + _MODULES + r"\b|from +" + _MODULES + r"(?:\.\w+)* +import\b)",
    r"(?<![\w.])__import__ *\(",
    r"(?<![\w.])(?:exec|eval) *\( *[\w'\"]",
)

_VERSION = re.compile(r"(?:\d{1,2}\.){3}\d{1,2}")  # as of a package; an address is rarely so low in all its parts


def _is_address(found: re.Match[str]) -> bool:
    if found["four"]:
        return bool(found["port"]) or not _VERSION.fullmatch(found["four"])
    try:
        IPv6Address(found["six"])
    except AddressValueError:
        return False
    return len(found["six"]) > len("::ffff") and any(map(str.isdigit, found["six"]))


_DOTTED = re.compile(r"\d\.\d{1,3}\.\d{1,3}\.\d")
_PART = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_ADDRESS = (
    r"(?<![\w.<>=~^-])(?<!ersion )(?P<four>(?:" + _PART + r"\.){3}" + _PART + r")(?P<port>:\d{1,5})?(?![\w.-])",
    r"(?<![\w:.])(?P<six>(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4})(?![\w:.])",
)

KINDS = (
    _kind(
        "shell.reverse",
        ("/dev/tcp/", "/dev/udp/", "nc ", "ncat ", "netcat ", "nc.exe ", "socat ", "mkfifo "),
        r"/dev/(?:tcp|udp)/[\w.${}:-]{1,253}/[\w$]",
        r"\b(?:nc|ncat|netcat)(?:\.exe|\.traditional)? [^\n|;]{0,120}-(?:[a-z]{0,4}[ec]|-exec|-sh-exec)"
        r" *['\"]?(?:/|cmd|power|sh|bash)",
        r"\bsocat\b[^\n]{0,200}\bexec:",
        # From the last pipe before it, or from the last that is near enough: to try each of both is cubic.
        r"\bmkfifo\b(?:[^\n]{0,200}\|[^\n|]{0,100}|(?>[^\n]{0,200}\|)[^\n]{0,100})"
        r"\b(?:nc|ncat|netcat|telnet|openssl)\b",
    ),
    _kind(
        "shell.fetch",
        (
            "curl",
            "wget",
            "lwp-download",
            "base64 ",
            "powershell",
            "pwsh",
            "iex",
            "invoke-expression",
            "certutil",
            "bitsadmin",
            "mshta",
        ),
        r"\b(?:curl|wget|lwp-download)\b[^\n|]{1,400}" + _INTO,
        r"\b(?:ba|z|da)?sh +(?:-c +)?['\"]?(?:<\(|\$\(|`) *(?:curl|wget)\b",
        r"\b(?:curl|wget)\b[^\n]{1,300}(?:&&|;) *(?:sudo +)?"
        r"(?:chmod +(?:\+x|[0-7]*[1357][0-7]*)|(?:ba)?sh +[\w./~-]+)",
        r"\bbase64 +(?:-d|--decode)\b[^\n|]{0,100}" + _INTO,
        r"\b(?:powershell|pwsh)(?:\.exe)?\b[^\n]{0,200} -e(?:nc|ncodedcommand|c)? +['\"]?[a-z0-9+/=]{16}",
        r"\b(?:iex|invoke-expression)\b[^\n]{0,80}(?:downloadstring|webclient|invoke-webrequest|frombase64string)",
        r"\bcertutil(?:\.exe)?\b[^\n]{0,80}-urlcache|\bbitsadmin\b[^\n]{0,80}/transfer",
        r"\bmshta(?:\.exe)? +(?:https?|vbscript|javascript):",
    ),
    _kind(
        "shell",
        (
            "sh -",
            "#!/",
            "#! /",
            "rm -r",
            "rm -f",
            "chmod ",
            "curl ",
            "wget ",
            "|sh",
            "|bash",
            "| sh",
            "| bash",
            "| sudo",
            "powershell",
            "cmd /",
            "cmd.exe",
            "crontab ",
            "systemctl ",
            "nohup ",
            "sudo ",
            "nc -",
            "ncat -",
        ),
        r"\b(?:ba|z|da|k)?sh +-\w*[ci]\b",
        r"\A#! */(?:usr/)?bin/",
        r"\brm +-(?:\w{0,8}r\w{0,8} *-?\w{0,8}f|\w{0,8}f\w{0,8} *-?\w{0,8}r)",
        r"\bchmod +(?:[-+ugoa]*\+x|[0-7]{3,4}) ",
        r"\b(?:curl|wget) +(?:-{1,2}\w|https?:|ftp:|['\"]?\$)",
        r"\| *(?:sudo +)?(?:/bin/)?(?:ba|z|da)?sh\b",
        r"\b(?:powershell|cmd)(?:\.exe)? +[-/]\w",
        r"\bcrontab +-\w?|\bsystemctl +(?:enable|start|daemon-reload)|\bnohup +\S|\bsudo +\S",
        r"\b(?:nc|ncat) +-\w+ ",
    ),
    _kind("python.stage", _STARTING, *_STARTS, most=_STAGE),
    _kind("python.run", _STARTING, *_STARTS),
    _kind("python", ("import ", "__import__", "exec(", "exec (", "eval(", "eval ("), *_PYTHON),
    _kind(
        "path.secret",
        (
            "/.",
            "~.",
            "\\.",
            "id_rsa",
            "id_ed25519",
            "id_ecdsa",
            "authorized",
            "/etc/",
            "/proc/",
            "/var/run/",
            "login data",
            "local state",
            "wallet.dat",
            "key4.db",
            "logins.json",
            "\\system32\\",
            "\\microsoft\\",
        ),
        r"(?:~|/|\\)\.(?:ssh|aws|gnupg|kube|docker|azure|netrc|pgpass|git-credentials|pypirc|npmrc)\b",
        r"/\.(?:config/gcloud|cache/huggingface/token|huggingface/token)\b",
        r"\b(?:id_rsa|id_ed25519|id_ecdsa|authorized_keys)\b",
        r"/etc/(?:passwd|shadow|sudoers|gshadow)\b",
        r"/proc/(?:self|\d+)/(?:environ|mem|maps)\b",
        r"/var/run/(?:docker\.sock|secrets/)",
        r"(?:\\|/)(?:login data|local state|wallet\.dat|key4\.db|logins\.json)\b",
        r"\\(?:system32\\config\\sam|microsoft\\credentials)\b",
    ),
    _kind(
        "path.start",
        (
            "/.",
            "~.",
            "/etc/",
            "/var/spool/cron",
            "customize.py",
            ".pth",
            "/library/launch",
            "\\currentversion\\run",
            "\\startup",
        ),
        r"(?:~|/)\.(?:bashrc|bash_profile|bash_login|bash_logout|profile|zshrc|zprofile|zshenv|cshrc|kshrc|xprofile)\b",
        r"/\.config/(?:autostart|systemd|fish/config)\b",
        r"/etc/(?:cron\w*|rc\.local|init\.d|profile(?:\.d)?|ld\.so\.preload|systemd/system|bash\.bashrc)\b",
        r"/var/spool/cron\b",
        r"\b(?:sitecustomize|usercustomize)\.py\b|site-packages/[\w-]+\.pth\b",
        r"/library/launch(?:agents|daemons)\b",
        r"\\(?:currentversion\\run(?:once)?|start menu\\programs\\startup)\b",
        r"/\.git/hooks/\w|/\.vscode/tasks\.json",
    ),
    _kind(
        "url",
        ("://",),
        r"\b(?:https?|ftps?|sftp|wss?|tcp|udp|ssh|smb|ldaps?|gopher|dict|rmi)://[^\s'\"<>()\[\]{}|\\^`]{3}",
    ),
    _kind("address", ("::", "fe80:", "2001:"), *_ADDRESS, sought=_DOTTED, accept=_is_address),
)

# What most names and words are made of: of what has nothing else, only a few words tell something.
_ORDINARY = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._- \n,[]"


def candidates(text: str, among: Sequence[Kind] = KINDS) -> Sequence[Kind]:
    """The kinds that a text, or some of many texts in one, may be of."""
    if not text.encode("utf-8", "surrogatepass").translate(None, _ORDINARY) and not _ORDINARY_TOO.search(text):
        return ()
    low = lower(text)
    return [kind for kind in among if kind.may_be_in(low)]


# Of those that may be found in ordinary letters alone.
_ORDINARY_TOO = re.compile(
    r"import |\d\.\d{1,3}\.\d{1,3}\.\d|id_rsa|id_e|authorized_|customize\.py|sudo |nohup |rm -| -e"
)


def lower(text: str) -> str:
    """In lower case and of the same length, which Python's own isn't for a few letters."""
    low = text.lower()
    return low if len(low) == len(text) else text.translate(_LOWER)


_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def told(text: str, among: Sequence[Kind] = KINDS) -> Iterator[tuple[str, str]]:
    """Each kind that the text is of, with the line that says so, cut."""
    if len(text) < LEAST:
        return
    low = lower(text)
    words: set[str] = set()
    for kind in among:
        if kind.word not in words or kind.word == "path":
            at = kind.find(text, low)
            if at >= 0:
                words.add(kind.word)
                yield kind.name, _around(text, at)


def _around(text: str, at: int) -> str:
    """The line there, or as much of it as is told."""
    at += len(text[at : at + SHOWN]) - len(text[at : at + SHOWN].lstrip())
    start = max(text.rfind("\n", 0, at) + 1, at - _BEFORE)
    end = text.find("\n", at)
    return text[start : min(start + SHOWN, end if end >= 0 else len(text))].strip()
