"""What is said to the sinkhole becomes a short summary, whatever the bytes are."""

from __future__ import annotations

import base64
import json
import ssl
import struct
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.facts import Conversation, Talk
from sandbox.untrusted import client_hello, talk, tool_word
from sandbox.untrusted.talk import understand

HTTP = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
GET = b"GET /x HTTP/1.1\r\nHost: evil.example\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n"
QUERY = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04evil\x07example\x00\x00\x01\x00\x01"


def said(sent: bytes = b"", answered: bytes = b"", **changes: Any) -> Conversation:
    whole = Conversation(1, 13, 2.0, "tcp", "203.0.113.9", 80, "", "raw", sent, len(sent), answered, len(answered))
    return replace(whole, **changes)


def hello(name: str | None) -> bytes:
    """A true one, as OpenSSL makes it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = name is not None
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


def word(**changes: object) -> bytes:
    whole = {"tool": "crontab", "argv": ["crontab", "-"], "environment": {"PATH": "/bin"}, "stdin": "aGVsbG8="}
    return json.dumps(whole | changes).encode()


@pytest.mark.parametrize(
    ("conversation", "kind", "asked", "answer"),
    [
        (said(GET, HTTP), "http", "GET /x", "got 200, 0 bytes"),
        (said(GET, HTTP + b"hello"), "http", "GET /x", "got 200, 5 bytes"),
        (said(GET * 3, HTTP), "http", "GET /x, and 2 more", "got 200, 0 bytes"),
        (said(b"POST /up HTTP/1.0\r\n\r\nab"), "http", "POST /up with 2 bytes", "got no answer"),
        (said(b"GET /x\r\n"), "http", "GET /x", "got no answer"),
        (said(hello("evil.example"), b"\x15\x03\x03\x00\x02\x02\x28"), "tls", "TLS to evil.example", "got 7 bytes"),
        (said(hello(None)), "tls", "TLS", "got no answer"),
        (said(QUERY, port=53, transport="udp"), "dns", "asks for the name evil.example", "got no answer"),
        (said(b"\0\x1e" + QUERY, port=53), "dns", "asks for the name evil.example", "got no answer"),
        (said(b"SSH-2.0-paramiko_3.4\r\n\0\0"), "ssh", "says SSH-2.0-paramiko_3.4", "got no answer"),
        (said(b"EHLO me\r\nMAIL FROM:<a@b>\r\n", b"220 hi\r\n"), "smtp", "says EHLO me", "got 8 bytes"),
        (said(b"\0\0\1id=0(root) x\n"), "raw", "sends 16 bytes: 'id=0(root) x'", "got no answer"),
        (said(b"\0\1\2"), "raw", "sends 3 bytes: 000102", "got no answer"),
        (said(b"", b"220 hi\r\n"), "none", "says nothing", "got 8 bytes"),
    ],
)
def test_what_is_said_is_told_in_a_few_words(conversation: Conversation, kind: str, asked: str, answer: str) -> None:
    found = understand(conversation)
    assert (found.kind, found.asked, found.answer) == (kind, asked, answer)
    assert f"{len(conversation.sent)} byte" in found.summary


def test_of_a_request_what_tells_most_is_kept() -> None:
    sent = b"PUT /k HTTP/1.1\r\nHOST: h\r\nContent-Length: 3\r\nCookie: c=1\r\nX-Other: 1\r\n\r\nabc" + GET
    found = understand(said(sent))
    assert found.requests == ("PUT /k HTTP/1.1", "GET /x HTTP/1.1")
    assert found.headers == (("host", "h"), ("cookie", "c=1"))
    assert (found.name, found.body, found.text) == ("h", 3, "abc")
    assert "cookie: c=1" in found.summary


def test_each_cut_or_changed_hello_gives_its_name_or_none() -> None:
    whole = hello("evil.example")
    assert client_hello.server_name(whole) == "evil.example"
    for end in range(len(whole)):
        assert client_hello.server_name(whole[:end]) == ""
    for at in range(len(whole)):
        changed = whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :]
        assert len(client_hello.server_name(changed)) in (0, *range(1, 20))


def named(name: bytes) -> bytes:
    """The smallest hello with that name in it."""
    entry = b"\0" + struct.pack(">H", len(name)) + name
    names = struct.pack(">H", len(entry)) + entry
    extensions = struct.pack(">HH", 0, len(names)) + names
    body = b"\3\3" + bytes(32) + b"\0" + b"\0\2\x13\1" + b"\1\0" + struct.pack(">H", len(extensions)) + extensions
    handshake = b"\1" + len(body).to_bytes(3, "big") + body
    return b"\x16\3\1" + struct.pack(">H", len(handshake)) + handshake


@pytest.mark.parametrize("name", [b"evil\x1b[2J.example", b"", b"a" * 254, b".a", b"a b", "ä.example".encode()])
def test_a_name_that_no_host_has_is_none(name: bytes) -> None:
    assert client_hello.begins(named(name))
    assert client_hello.server_name(named(name)) == ""
    assert client_hello.server_name(named(b"a-1.example")) == "a-1.example"


def test_a_planted_tools_word_is_read() -> None:
    found = understand(said(word(), address=tool_word.ADDRESS, port=tool_word.PORT))
    assert found.word is not None
    assert found.word.argv == ("crontab", "-")
    assert found.word.environment == (("PATH", "/bin"),)
    assert found.word.stdin == b"hello"
    assert found.asked == "the planted crontab is given `crontab -`, with 5 bytes of input"


@pytest.mark.parametrize(
    "untrusted",
    [
        b"",
        b"[]",
        b"{}",
        word()[:-1],
        word(more=1),
        word(tool=1),
        word(tool="x" * 300),
        word(argv="crontab -"),
        word(argv=[1]),
        word(argv=["x"] * 5000),
        word(environment=[["a", "b"]]),
        word(environment={"a": None}),
        word(stdin="%%"),
        word(stdin="ä"),
        word(stdin=None),
        b"[" * 60_000,
        b'{"tool": ' + b"1" * 60_000 + b"}",
    ],
)
def test_a_word_that_is_not_one_says_so(untrusted: bytes) -> None:
    found = understand(said(untrusted, address=tool_word.ADDRESS, port=tool_word.PORT))
    assert (found.kind, found.word) == ("tool", None)


PIECES = st.sampled_from(
    [GET, HTTP, QUERY, b"\0\x1e" + QUERY, word(), b"\x16\3\1\0\5", b"SSH-2.0-", b"EHLO ", b"POST / HTTP/1.1\r\n"]
) | st.binary(max_size=80)
BYTES = st.lists(PIECES, max_size=6).map(b"".join)
ADDRESSES = st.sampled_from([("203.0.113.9", 80), ("203.0.113.9", 53), (tool_word.ADDRESS, tool_word.PORT), ("", 0)])
WORDS = st.sampled_from(["tcp", "udp", "dns", "smtp", "http", ""])


def longest(value: Any) -> int:
    if isinstance(value, str | bytes):
        return len(value)
    if is_dataclass(value):
        return max(longest(getattr(value, spec.name)) for spec in fields(value))
    if isinstance(value, tuple):
        return max(map(longest, value), default=0)
    return 0


@given(BYTES, BYTES, ADDRESSES, WORDS, WORDS)
def test_nothing_but_a_short_summary_comes_out(
    sent: bytes, answered: bytes, place: tuple[str, int], transport: str, protocol: str
) -> None:
    address, port = place
    conversation = said(sent, answered, address=address, port=port, transport=transport, protocol=protocol)
    found = understand(conversation)
    assert isinstance(found, Talk)
    assert longest(replace(found, word=None, summary="")) <= 400
    assert len(found.summary) <= (2 + talk.MOST_HEADERS) * 300
    assert len(found.requests) <= talk.MOST_REQUESTS
    json.dumps([found.asked, found.answer, found.summary])


@given(BYTES)
def test_a_hello_gives_a_hosts_name_or_nothing(sent: bytes) -> None:
    name = client_hello.server_name(b"\x16\3\1" + struct.pack(">H", len(sent) & 0xFFFF) + sent)
    assert name.isascii()
    assert len(name) <= 253


@given(st.binary(max_size=60_000 // 4))
def test_what_a_tool_was_given_arrives_as_it_was(stdin: bytes) -> None:
    sent = word(stdin=base64.b64encode(stdin).decode())
    found = understand(said(sent, address=tool_word.ADDRESS, port=tool_word.PORT))
    assert found.word is not None
    assert found.word.stdin == stdin
