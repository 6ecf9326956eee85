"""The tools by name: what takes input, what answers, and what has nothing to say."""

from __future__ import annotations

from guest.tools.call import Call
from guest.tools.given import always, dashed, fed, never, unnamed

TYPE_CHECKING = False  # what typing calls so, without importing it
if TYPE_CHECKING:
    from collections.abc import Callable

# Name -> module of guest.tools, its function, whether it takes input.
TOOLS = {
    "curl": ("curl", "curl", dashed),
    "wget": ("wget", "wget", dashed),
    "nc": ("netcat", "netcat", always),
    "ncat": ("netcat", "netcat", always),
    "netcat": ("netcat", "netcat", always),
    "nc.traditional": ("netcat", "netcat", always),
    "nc.openbsd": ("netcat", "netcat", always),
    "socat": ("netcat", "socat", always),
    "telnet": ("netcat", "telnet", always),
    "ftp": ("netcat", "telnet", always),
    "ssh": ("ssh", "ssh", always),
    "scp": ("ssh", "copy", never),
    "sftp": ("ssh", "copy", always),
    "rsync": ("ssh", "copy", never),
    "ssh-copy-id": ("ssh", "ssh", never),
    "git": ("git", "git", never),
    "crontab": ("crontab", "crontab", unnamed),
    "nslookup": ("lookup", "nslookup", never),
    "dig": ("lookup", "dig", never),
    "host": ("lookup", "host", never),
    "ping": ("lookup", "ping", never),
    "huggingface-cli": ("upload", "hugging_face", never),
    "hf": ("upload", "hugging_face", never),
    "twine": ("upload", "twine", never),
    "aws": ("cloud", "aws", fed),
    "s3cmd": ("cloud", "s3cmd", fed),
    "gsutil": ("cloud", "gsutil", fed),
    "gcloud": ("cloud", "gcloud", fed),
    "az": ("cloud", "azure", fed),
    "gh": ("forge", "github", always),
    "kaggle": ("forge", "kaggle", never),
    "npm": ("forge", "npm", never),
}
_NO_SYSTEMD = (
    "System has not been booted with systemd as init system (PID 1). Can't operate.\n"
    "Failed to connect to bus: Host is down"
)
_NO_INDEX = "ERROR: Could not find a version that satisfies the requirement (from versions: none)"
_NO_REMOTE = "CRITICAL: Failed to create file system: didn't find section in config file"
# Name -> what it says to standard error, exit code, whether it takes input. Names that aren't here say nothing: 0.
SAYINGS = {
    "systemctl": (_NO_SYSTEMD, 1, never),
    "service": ("", 0, never),
    "sudo": ("sudo: a terminal is required to read the password\nsudo: a password is required", 1, always),
    "doas": ("doas: Operation not permitted", 1, never),
    "su": ("su: must be run from a terminal", 1, always),
    "pkexec": ("Error executing command as another user: Not authorized", 127, never),
    "passwd": ("passwd: Authentication token manipulation error", 10, always),
    "useradd": ("useradd: Permission denied.", 1, never),
    "usermod": ("usermod: Permission denied.", 1, never),
    "iptables": ("iptables: Permission denied (you must be root)", 4, never),
    "chattr": ("chattr: Operation not permitted while setting flags", 1, never),
    "docker": ("Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is it running?", 1, fed),
    "kubectl": ("The connection to the server localhost:8080 was refused - did you specify the right host?", 1, dashed),
    "apt": ("E: Could not open lock file /var/lib/dpkg/lock-frontend - open (13: Permission denied)", 100, never),
    "apt-get": ("E: Could not open lock file /var/lib/dpkg/lock-frontend - open (13: Permission denied)", 100, never),
    "yum": ("Error: This command has to be run with superuser privileges.", 1, never),
    "pip": (_NO_INDEX, 1, never),
    "pip3": (_NO_INDEX, 1, never),
    "powershell": ("", 0, always),
    "pwsh": ("", 0, always),
    "at": ("warning: commands will be executed using /bin/sh", 0, always),
    "rclone": (_NO_REMOTE, 1, always),
    "dvc": ("ERROR: you are not inside of a DVC repository (checked up to mount point '/')", 253, never),
    "mail": ("", 0, always),
    "sendmail": ("", 0, always),
    "osascript": ("", 0, always),
}


def row(name: str) -> tuple[Callable[[list[str]], bool], Callable[[Call], int]]:
    """Whether the tool takes input with these arguments, and the tool."""
    if name in TOOLS:
        module, function, takes = TOOLS[name]
        return takes, _imported(module, function)
    words, code, takes = SAYINGS.get(name, ("", 0, never))
    return takes, lambda call: _said(call, words, code)


def _imported(module: str, function: str) -> Callable[[Call], int]:
    # importlib is two more files than the function that it is made of.
    found: Callable[[Call], int] = getattr(__import__(f"guest.tools.{module}", fromlist=[function]), function)
    return found


def _said(call: Call, words: str, code: int) -> int:
    if words:
        call.complain(words)
    return code
