"""What a conversation with the sinkhole says: its first bytes -> a bounded summary. Pure, and no bytes make it raise.

What is said decides, not the port: each reader takes the bytes or gives None, and the first that takes them is
believed.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import replace

from sandbox.facts import Conversation, Talk
from sandbox.untrusted import client_hello, tool_word

MOST_REQUESTS = 8
MOST_HEADERS = 16
MOST_HEAD = 16 << 10  # bytes of a request's head that are looked at
MOST_LINES = 64  # headers of it
LONG = 200  # characters of one value
SHORT = 80  # characters of what is quoted in a few words
DNS_PORT = 53

_REQUEST = re.compile(rb"([A-Z]{3,16}) (?:([^ \r\n]{1,4096}) HTTP/\d\.\d|(/[^ \r\n]{0,4096}))\r?\n")
_HEADER = re.compile(rb"([A-Za-z0-9-]{1,64}):[ \t]*([^\r\n]{0,4096})")
_BLANK = re.compile(rb"\n\r?\n")
_STATUS = re.compile(rb"HTTP/\d\.\d (\d{3})[ \r\n]")
_LENGTH = re.compile(r"[0-9]{1,15}")
_TEXT = re.compile(rb"[\x20-\x7e\t]{4,}")
_SMTP = re.compile(rb"(?:EHLO|HELO|MAIL FROM:|AUTH )[^\r\n]{0,512}\r?\n", re.IGNORECASE)
# Headers that tell who asks, with what rights and for what.
_TOLD = frozenset(
    [
        *("host", "user-agent", "authorization", "proxy-authorization", "cookie", "content-type", "content-encoding"),
        *("referer", "x-api-key", "x-auth-token", "x-amz-target", "x-aws-ec2-metadata-token", "metadata"),
        *("metadata-flavor", "upgrade", "soapaction"),
    ]
)


def understand(untrusted_conversation: Conversation) -> Talk:
    """The summary of one conversation."""
    said = untrusted_conversation
    if tool_word.is_one(said.address, said.port):
        return tool_word.talk(said.sent)
    if not said.sent:
        return Talk("none", "says nothing", _answer(said), _summed(said, "nothing was sent"))
    for reader in _READERS:
        talk = reader(said)
        if talk is not None:
            return replace(talk, answer=_answer(said), summary=_summed(said, talk.summary))
    return _raw(said)


def text(untrusted_bytes: bytes, most: int = LONG) -> str:
    """The beginning as text; what is no text is escaped."""
    return untrusted_bytes[:most].decode("utf-8", "backslashreplace")[:most]


def counted(number: int) -> str:
    return f"{number} byte{'' if number == 1 else 's'}"


def _summed(said: Conversation, what: str) -> str:
    return f"{what}; {counted(said.sent_total)} sent, {counted(said.answered_total)} answered"


def _answer(said: Conversation) -> str:
    """got 200, 0 bytes"""
    status = _STATUS.match(said.answered)
    if status is None:
        return f"got {counted(said.answered_total)}" if said.answered_total else "got no answer"
    head = said.answered.find(b"\r\n\r\n")
    body = max(0, said.answered_total - head - 4) if head >= 0 else 0
    return f"got {text(status[1])}, {counted(body)}"


def _http(said: Conversation) -> Talk | None:
    """Requests that follow one another, as far as their lengths lead."""
    untrusted_rest = said.sent
    lines: list[str] = []
    first: Talk | None = None
    while len(lines) < MOST_REQUESTS:
        line = _REQUEST.match(untrusted_rest)
        if line is None:
            break
        lines.append(text(line[0].rstrip()))
        head, end = _head(untrusted_rest, line.end())
        length = next((value for name, value in head if name == "content-length"), "")
        rest = untrusted_rest[end:]
        # Without a length all that follows is the body, unless it is the next request.
        size = int(length) if _LENGTH.fullmatch(length) else 0 if _REQUEST.match(rest) else len(rest)
        first = first or _request(text(line[1]), text(line[2] or line[3], SHORT), head, rest[:size])
        untrusted_rest = rest[size:]
    if first is None:
        return None
    more = f", and {len(lines) - 1} more" if len(lines) > 1 else ""
    headers = "".join(f"; {name}: {value}" for name, value in first.headers)
    quoted = f"; its body begins {first.text[:SHORT]!r}" if first.text else ""
    summary = f"{lines[0]}{more}{headers}{quoted}"
    return replace(first, asked=first.asked + more, requests=tuple(lines), summary=summary)


def _request(method: str, target: str, head: list[tuple[str, str]], body: bytes) -> Talk:
    told = tuple((name, value) for name, value in head if name in _TOLD)[:MOST_HEADERS]
    name = next((value for key, value in told if key == "host"), "")
    with_body = f" with {counted(len(body))}" if body else ""
    asked = f"{method} {target}{with_body}"
    return Talk("http", asked, "", "", name=name, headers=told, body=len(body), text=text(body))


def _head(untrusted_request: bytes, at: int) -> tuple[list[tuple[str, str]], int]:
    """The headers from there, names in lower case; and where the body begins."""
    blank = _BLANK.search(untrusted_request, at - 1)  # the request's own line may be the last
    end = blank.end() if blank is not None else len(untrusted_request)
    lines = untrusted_request[at : min(end, at + MOST_HEAD)].split(b"\n", MOST_LINES)[:MOST_LINES]
    found = filter(None, map(_HEADER.match, lines))
    return [(text(header[1]).lower(), text(header[2])) for header in found], end


def _tls(said: Conversation) -> Talk | None:
    if not client_hello.begins(said.sent):
        return None
    name = client_hello.server_name(said.sent)
    asked = f"TLS to {name}" if name else "TLS"
    return Talk("tls", asked, "", asked, name=name)


def _dns(said: Conversation) -> Talk | None:
    if said.port != DNS_PORT and said.protocol != "dns":
        return None
    name = dns_name(said.sent[2:] if said.transport == "tcp" else said.sent)
    asked = f"asks for the name {name}"
    return Talk("dns", asked, "", asked, name=name) if name else None


def dns_name(untrusted_message: bytes) -> str:
    """The one name that a DNS query asks for, or "" when the message is not one."""
    message = untrusted_message
    if len(message) < 17 or message[2] & 0xF8 or message[4:6] != b"\0\1":
        return ""
    labels: list[bytes] = []
    at = 12
    while at < len(message) and 0 < message[at] < 64 and len(labels) < 128:
        labels.append(message[at + 1 : at + 1 + message[at]])
        at += 1 + message[at]
    whole = at + 5 <= len(message) and message[at] == 0 and labels
    return text(b".".join(labels), 255) if whole else ""


def _ssh(said: Conversation) -> Talk | None:
    if not said.sent.startswith(b"SSH-"):
        return None
    line = _first_line(said.sent)
    return Talk("ssh", f"says {line[:SHORT]}", "", line, text=line)


def _smtp(said: Conversation) -> Talk | None:
    if said.protocol != "smtp" and _SMTP.match(said.sent) is None:
        return None
    line = _first_line(said.sent)
    return Talk("smtp", f"says {line[:SHORT]}", "", line, text=line)


def _first_line(untrusted_bytes: bytes) -> str:
    return text(untrusted_bytes[:4096].lstrip().partition(b"\n")[0].rstrip())


def _raw(said: Conversation) -> Talk:
    """The first piece that can be read; where there is none, the first bytes as hexadecimal."""
    found = _TEXT.search(said.sent[:4096])
    line = text(found[0].strip()) if found is not None else ""
    quoted = shlex.quote(line[:SHORT]) if line else said.sent[:8].hex()
    asked = f"sends {counted(said.sent_total)}: {quoted}"
    return Talk("raw", asked, _answer(said), _summed(said, line or said.sent[:32].hex()), text=line)


_READERS: tuple[Callable[[Conversation], Talk | None], ...] = (_http, _tls, _dns, _ssh, _smtp)
