"""What an event is called in a story: a few words after whoever did it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable

from sandbox.facts import Conversation, Event
from sandbox.judge import spelling
from sandbox.judge.dynamic import subject

MAX_TEXT = 400
MAX_DOING = 300  # of which, so that who did it and how it was answered have room
BY_INOTIFY = frozenset({"decoy.read", "home.read"})  # which doesn't say whose they are
_NUMBER = re.compile(r"[0-9]{1,10}")
Place = tuple[str, str]  # address and port
TOOLS: Place = ("192.0.2.1", "9")  # where planted tools say what they were given

# By kind. {subject}, {call} and whatever detail the event has; what it has not is left empty.
_SAYS = {
    "process.fork": "forks",
    "process.trace": "reaches into process {target}",
    "net.connect": "connects {subject}",
    "net.dns": "asks for the name {name}",
    "net.send": "sends to {subject}",
    "net.listen": "listens at {subject}",
    "net.socket": "opens a socket ({family})",
    "file.read": "reads {path}",
    "file.probe": "looks at {path}",
    "file.write": "writes {path}",
    "file.delete": "deletes {path}",
    "file.rename": "renames {path} to {target}",
    "file.chmod": "changes the rights of {path}",
    "file.link": "links {path} to {target}",
    "decoy.read": "reads the {name} ({path})",
    "decoy.sent": "sends {subject}",
    "decoy.written": "writes the {name} to {path}",
    "home.read": "reads {path}",
    "time.sleep": "sleeps {value} s",
    "signal.send": "signals process {target}",
    "memory.memfd": "makes a file in memory {path}",
    "memory.exec": "asks for memory that can be run",
    "leftover": "leaves {subject} running",
    "cpu.after_load": "computes {value} s after the load",
    "watch.tamper": "reaches for the watch ({subject})",
    "limit.processes": "hits the limit on processes",
}
_OF_PARTS = frozenset({"decoy.sent", "process.exec", "process.image"})
_AS = frozenset({"decoy.sent", "decoy.written"})  # their value says how the secret was spelled


def doing(event: Event) -> str:
    """What it does, without who: connects evil.example:80"""
    template = _SAYS.get(event.kind)
    words = defaultdict(str, {key: spelling.quoted(text) for key, text in event.detail.items()})
    about = _about(event)
    own = {"subject": about, "call": event.call}
    own |= {"name": event.detail.get("name", "")} if event.kind.startswith("decoy.") else {}
    text = template.format_map(words | own) if template else f"calls {event.call} {about}"
    if event.kind in _AS and event.detail.get("value"):
        text += f" as {event.detail['value']}"
    return text[:MAX_DOING].strip() + (" (denied)" if event.answer == "denied" else "")


def _about(event: Event) -> str:
    """Its subject, quoted unless that is put together here of quoted parts."""
    about = subject(event)
    if about == event.call:
        return ""
    ours = event.kind in _OF_PARTS or "address" in event.detail
    return about if ours else spelling.quoted(about)


def command(event: Event) -> str:
    """What a process runs."""
    text = spelling.command(event.detail.get("path", ""), event.detail.get("argv", ""))
    return (text or "a program")[:MAX_TEXT]


def program(event: Event) -> str:
    """Its program's name, short."""
    path = event.detail.get("path") or event.detail.get("argv", "").partition(" ")[0]
    return path.rstrip("/").rpartition("/")[2][:64]


def ran(events: Iterable[Event]) -> dict[int, set[str]]:
    """The names of the programs that each process became, as far as was seen; never what it calls itself."""
    found: dict[int, set[str]] = defaultdict(set)
    for event in events:
        if event.kind in ("process.exec", "process.image") and event.answer != "denied":
            found[event.pid].add(event.detail.get("path", "").rpartition("/")[2])
    return found


def is_tool(name: str, programs: Collection[str]) -> bool:
    """Whether what calls itself a planted tool is of a process that was seen to become one of that name."""
    return bool(name) and name in programs


def target(event: Event) -> Place | None:
    """The address and port that it is about, as conversations spell them."""
    address, port = event.detail.get("address"), event.detail.get("port")
    return (plain_address(address), port) if address and port else None


def whom(said: Conversation) -> str:
    """Whom a conversation is with."""
    return spelling.place({"host": said.name, "address": said.address[:64], "port": str(said.port)}, named=False)


def plain_address(untrusted_address: str) -> str:
    """An IPv4 address that is spelled as IPv6, as IPv4."""
    mapped = untrusted_address.removeprefix("::ffff:")
    return mapped if "." in mapped else untrusted_address


def parent(event: Event) -> int:
    """The number of the process that started it; 0 when that is not told."""
    return _number(event.detail.get("parent", "")) or 0


def exit_code(event: Event) -> int | None:
    """How a process ended; None when only its absence was seen."""
    value = event.detail.get("value", "")
    code = _number(value.removeprefix("-"))
    return -code if code and value.startswith("-") else code


def _number(untrusted_text: str) -> int | None:
    return int(untrusted_text) if _NUMBER.fullmatch(untrusted_text) else None
