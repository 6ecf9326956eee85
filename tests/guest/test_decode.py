"""What a watched call means: registers and memory -> kind, detail, answer. The memory here is a table of addresses."""

from __future__ import annotations

import os
import socket
import struct
import time
from typing import Any

import pytest
from guest.observers import decode
from guest.observers.decode import CONTINUE, DECODERS, FAKE, Decision, decoder, sockaddr
from guest.observers.memory import MAX_ARGUMENTS, MAX_STRING, Memory, UnreadableError
from guest.sinkhole.dns import asked
from hypothesis import given
from hypothesis import strategies as st

PAGE = 4096
EXECUTABLE, WRITABLE = 4, 2
ANONYMOUS = 0x20
NEW_USER, NEW_NET, NEW_TIME = 0x10000000, 0x40000000, 0x80
VFORK = 0x4100  # CLONE_VM | CLONE_VFORK
THREAD = 0x10000
CWD = 0xFFFFFF9C


OPENED = [b"/usr/lib/x86_64-linux-gnu/libm.so.6", b"/model/0123456789abcdef", b"/env/torch/lib/libtorch.so", b"/home/x"]


class FakeMemory(Memory):
    """Address -> bytes; what lies between isn't mapped. `string` and `strings` are the real ones."""

    def __init__(self, pieces: dict[int, bytes] | None = None) -> None:
        self._pieces = pieces or {}

    def opened(self, descriptor: int) -> bytes:
        if descriptor >= len(OPENED):
            raise UnreadableError
        return OPENED[descriptor]

    def alone(self) -> bool:
        return True

    def folder(self) -> bytes:
        return b"/"

    def read(self, address: int, length: int) -> bytes:
        for start, piece in self._pieces.items():
            if start <= address and address + length <= start + len(piece):
                return piece[address - start : address - start + length]
        raise UnreadableError


class HostileMemory(Memory):
    """Every byte is what the enemy wants: here, whatever hypothesis thinks of."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw or b"\0"

    def opened(self, descriptor: int) -> bytes:
        return self._raw

    def alone(self) -> bool:
        return True

    def folder(self) -> bytes:
        return self._raw

    def read(self, address: int, length: int) -> bytes:
        if length > 1 << 20:
            raise UnreadableError
        return (self._raw * (length // len(self._raw) + 1))[:length]


def page(text: bytes) -> bytes:
    return text.ljust(PAGE, b"\0")


def call(name: str, *args: int, memory: dict[int, bytes] | None = None) -> Decision:
    return decoder(name)(FakeMemory(memory), (*args, *[0] * (6 - len(args))))


INET = struct.pack("<H", socket.AF_INET) + struct.pack(">H", 443) + socket.inet_aton("192.0.2.7") + bytes(8)
MAPPED = struct.pack("<H", socket.AF_INET6) + struct.pack(">HI", 80, 0) + bytes(10) + b"\xff\xff\xa9\xfe\xa9\xfe"
INET6 = (
    struct.pack("<H", socket.AF_INET6) + struct.pack(">HI", 53, 0) + socket.inet_pton(socket.AF_INET6, "2001:db8::1")
)


@pytest.mark.parametrize(
    ("raw", "detail"),
    [
        (INET, {"family": "AF_INET", "address": "192.0.2.7", "port": "443"}),
        (INET6 + bytes(4), {"family": "AF_INET6", "address": "2001:db8::1", "port": "53"}),
        (MAPPED + bytes(4), {"family": "AF_INET6", "address": "::ffff:169.254.169.254", "port": "80"}),
        (b"\1\0/run/x.sock\0garbage", {"family": "AF_UNIX", "path": "/run/x.sock"}),
        (b"\1\0\0hidden", {"family": "AF_UNIX", "path": "@hidden"}),
        (b"\1\0", {"family": "AF_UNIX", "path": ""}),
        (b"", {"family": "none"}),
        (b"\2", {"family": "none"}),
        (b"\2\0\0", {"family": "AF_INET", "address": "00"}),
        (b"\x28\0\1\2", {"family": "AF_VSOCK", "address": "0102"}),
        (b"\xff\xff" + b"a" * 100, {"family": "65535", "address": "61" * 32}),
    ],
)
def test_socket_addresses(raw: bytes, detail: dict[str, str]) -> None:
    assert sockaddr(raw) == detail


def query(*labels: bytes, flags: bytes = b"\1\0", count: bytes = b"\0\1", end: bytes = b"\0\0\1\0\1") -> bytes:
    name = b"".join(bytes([len(label)]) + label for label in labels)
    return b"\x12\x34" + flags + count + bytes(6) + name + end


@pytest.mark.parametrize(
    ("message", "name"),
    [
        (query(b"stolen-token", b"evil", b"example"), "stolen-token.evil.example"),
        (query(b"a" * 63, b"b"), "a" * 63 + ".b"),
        (query(b"\xff\x1b"), "\\xff\x1b"),
        (query(), ""),  # the root: nothing is asked
        (query(b"a", flags=b"\x80\0"), ""),  # an answer
        (query(b"a", count=b"\0\2"), ""),
        (query(b"a", end=b"\0"), ""),
        (query(b"a", end=b"\xc0\x0c\0\1\0\1"), ""),  # compression: no resolver's query
        (query(b"a" * 10)[:20], ""),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", ""),
        (b"", ""),
    ],
)
def test_names_of_dns_queries(message: bytes, name: str) -> None:
    assert asked(message) == name


@given(st.binary(max_size=600))
def test_any_bytes_are_a_name_or_none(message: bytes) -> None:
    assert isinstance(asked(message), str)
    assert isinstance(sockaddr(message), dict)


def test_a_connect_says_where_to() -> None:
    decision = call("connect", 3, 0x1000, 16, memory={0x1000: INET})
    assert decision == Decision({"family": "AF_INET", "address": "192.0.2.7", "port": "443"})


def test_a_resolvers_connect_is_faked_so_that_the_name_is_seen() -> None:
    assert call("connect", 3, 0x1000, 28, memory={0x1000: INET6 + bytes(4)}).answer == FAKE


def test_a_unix_socket_finds_nobody() -> None:
    assert call("connect", 3, 0x1000, 8, memory={0x1000: b"\1\0/a/b\0\0"}).answer == "ENOENT"


def test_a_sent_query_is_the_name() -> None:
    message = query(b"token", b"evil", b"example")
    decision = call("sendto", 3, 0x1000, len(message), 0, 0x2000, 16, memory={0x1000: message, 0x2000: INET})
    assert (decision.kind, decision.answer) == ("net.dns", "ECONNREFUSED")
    assert decision.detail["name"] == "token.evil.example"
    assert decision.detail["address"] == "192.0.2.7"


def test_what_is_sent_is_kept_in_part_with_its_size() -> None:
    decision = call("sendto", 3, 0x1000, 1 << 20, memory={0x1000: b"x" * (1 << 20)})
    assert decision.detail["size"] == str(1 << 20)
    assert len(decision.detail["value"]) < 3000
    assert (decision.kind, decision.answer) == ("", "")


def msghdr(name: int, namelen: int, vector: int, count: int) -> bytes:
    return struct.pack("<QI4xQQ", name, namelen, vector, count) + bytes(24)


def test_a_message_of_pieces_is_put_together() -> None:
    message = query(b"token", b"evil")
    memory = {
        0x1000: msghdr(0x2000, 16, 0x3000, 2),
        0x2000: INET,
        0x3000: struct.pack("<QQQQ", 0x4000, 10, 0x5000, len(message) - 10),
        0x4000: message[:10],
        0x5000: message[10:],
    }
    for name in ("sendmsg", "sendmmsg"):
        decision = call(name, 3, 0x1000, 1, memory=memory)
        assert decision.detail == {"family": "AF_INET", "address": "192.0.2.7", "port": "443", "name": "token.evil"}


def test_every_message_of_many_is_told_up_to_a_bound() -> None:
    """Only the first is where a payload would put what may be seen."""
    rows = b"".join(msghdr(0x9000 + 16 * at, 16, 0, 0) + bytes(8) for at in range(100))
    names = b"".join(INET[:4] + bytes([192, 0, 2, at]) + bytes(8) for at in range(100))
    decision = call("sendmmsg", 3, 0x1000, 100, memory={0x1000: rows, 0x9000: names})
    told = [decision.detail, *(row.detail for row in decision.also)]
    assert [row.get("address") for row in told] == [*(f"192.0.2.{at}" for at in range(16)), None]
    assert told[-1] == {"value": "84 more messages"}


def test_a_message_that_can_not_be_read_hides_no_other() -> None:
    rows = msghdr(0, 0, 0, 0) + bytes(8) + msghdr(0xDEAD, 16, 0, 0) + bytes(8) + msghdr(0x2000, 16, 0, 0) + bytes(8)
    decision = call("sendmmsg", 3, 0x1000, 3, memory={0x1000: rows, 0x2000: INET})
    assert [row.detail.get("address", "unread") for row in decision.also] == ["unread", "192.0.2.7"]


def test_a_message_of_a_million_pieces_is_read_in_part() -> None:
    memory = {0x1000: msghdr(0, 0, 0x3000, 1 << 40), 0x3000: struct.pack("<QQ", 0x4000, 4) * 16, 0x4000: b"abcd"}
    assert call("sendmsg", 3, 0x1000, memory=memory).detail == {"value": "abcd" * 16, "size": "64"}


READ_ONLY = [0, os.O_CLOEXEC, os.O_DIRECTORY, os.O_PATH, os.O_NOFOLLOW | os.O_NONBLOCK, os.O_CLOEXEC | os.O_LARGEFILE]
WRITING = [os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_TRUNC, os.O_APPEND, os.O_TMPFILE, os.O_TMPFILE | os.O_RDWR, 3]


@pytest.mark.parametrize("flags", READ_ONLY)
@pytest.mark.parametrize(("name", "before"), [("open", ()), ("openat", (0xFFFFFF9C,))])
def test_reading_goes_on_whatever_the_path(name: str, before: tuple[int, ...], flags: int) -> None:
    decision = call(name, *before, 0x1000, flags, memory={0x1000: page(b"/etc/passwd")})
    assert decision == Decision({"path": "/etc/passwd"}, answer=CONTINUE)


@pytest.mark.parametrize("flags", WRITING)
@pytest.mark.parametrize("upper", [0, 1 << 32, 0xFFFFFFFF << 32])
def test_writing_does_not_go_on(flags: int, upper: int) -> None:
    decision = call("openat", 0, 0x1000, flags | upper, memory={0x1000: page(b"/x")})
    assert (decision.kind, decision.answer) == ("file.write", "")
    assert decision.detail["path"] == "/x"


@pytest.mark.parametrize("flags", [0, os.O_WRONLY])
@pytest.mark.parametrize("path", ["/proc/1/mem", "//proc/self/root/proc/1/mem", "proc/1/fd/3", "/proc/1/cwd/../x"])
def test_opening_the_supervisor_is_going_for_the_watch(path: str, flags: int) -> None:
    assert call("open", 0x1000, flags, memory={0x1000: page(path.encode())}).kind == "watch.tamper"


@pytest.mark.parametrize("path", ["/proc/1/status", "/proc/1/", "/proc/1", "/proc/self/mem", "/proc/10/mem", "x/1/mem"])
def test_other_paths_of_proc_are_just_read(path: str) -> None:
    assert call("open", 0x1000, 0, memory={0x1000: page(path.encode())}).kind == ""


def test_a_program_is_its_path_and_arguments() -> None:
    memory = {
        0x1000: page(b"/bin/sh"),
        0x2000: struct.pack("<QQQQ", 0x3000, 0x4000, 0x5000, 0),
        0x3000: page(b"sh"),
        0x4000: page(b"-c"),
        0x5000: page(b"echo 'x'"),
    }
    assert call("execve", 0x1000, 0x2000, memory=memory).detail == {
        "path": "/bin/sh",
        "argv": "sh -c 'echo '\"'\"'x'\"'\"''",
    }
    assert call("execveat", 9, 0x1000, 0x2000, memory=memory).detail["path"] == "/bin/sh"


def test_arguments_are_bounded() -> None:
    endless = {0x1000: page(b"x"), 0x10000: struct.pack("<Q", 0x1000) * 10_000}
    decision = call("execve", 0x1000, 0x10000, memory=endless)
    assert decision.detail["argv"].split() == ["x"] * MAX_ARGUMENTS


def test_a_string_without_an_end_is_bounded() -> None:
    assert len(FakeMemory({0: b"", 0x1000: b"x" * PAGE * 4}).string(0x1000)) == MAX_STRING


def test_a_string_is_read_to_the_end_of_its_page_only() -> None:
    assert FakeMemory({0x1FF0: b"name".ljust(16, b"\0")}).string(0x1FF0) == b"name"
    with pytest.raises(UnreadableError):
        FakeMemory({0x1FF0: b"x" * 16}).string(0x1FF0)


@pytest.mark.parametrize(
    ("flags", "kind", "answer"),
    [
        (VFORK, "", CONTINUE),
        (VFORK | 17, "", CONTINUE),  # SIGCHLD
        (17, "", ""),  # fork
        (0x1200011, "", ""),  # fork as glibc spells it
        (VFORK | THREAD, "", ""),
        (VFORK | 0x2000, "", ""),  # CLONE_PTRACE
        (VFORK | 0x800000, "", ""),  # CLONE_UNTRACED
        (VFORK | NEW_USER, "escape.namespace", "EPERM"),
        (NEW_NET, "escape.namespace", "EPERM"),
        (THREAD | NEW_TIME, "escape.namespace", "EPERM"),
    ],
)
def test_clone(flags: int, kind: str, answer: str) -> None:
    decision = call("clone", flags)
    assert (decision.kind, decision.answer) == (kind, answer)


@pytest.mark.parametrize(
    ("family", "kind", "protocol", "answer"),
    [
        (socket.AF_INET, socket.SOCK_STREAM, 0, CONTINUE),
        (socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC, 6, CONTINUE),
        (socket.AF_INET6, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, 17, CONTINUE),
        (socket.AF_UNIX, socket.SOCK_STREAM, 0, CONTINUE),
        (socket.AF_INET, socket.SOCK_RAW, 1, ""),
        (socket.AF_INET, socket.SOCK_STREAM, 132, ""),
        (socket.AF_INET, socket.SOCK_RAW, 0, ""),
        (socket.AF_NETLINK, socket.SOCK_RAW, 0, ""),
        (socket.AF_PACKET, socket.SOCK_DGRAM, 0, ""),
        (socket.AF_VSOCK, socket.SOCK_STREAM, 0, ""),
        (38, socket.SOCK_SEQPACKET, 0, ""),  # AF_ALG
    ],
)
def test_sockets(family: int, kind: int, protocol: int, answer: str) -> None:
    decision = call("socket", family, kind, protocol)
    assert decision.answer == answer
    assert decision.detail["family"]


@pytest.mark.parametrize(
    ("name", "protection", "flags", "answer"),
    [
        ("mmap", EXECUTABLE | 1, 0x2, CONTINUE),  # a library
        ("mmap", EXECUTABLE | 1, 0x2 | ANONYMOUS, ""),
        ("mmap", EXECUTABLE | WRITABLE, 0x2, ""),
        ("mmap", EXECUTABLE | WRITABLE, 0x2 | ANONYMOUS, ""),
        ("mprotect", EXECUTABLE | 1, 0, ""),
        ("mprotect", EXECUTABLE | 1, 0x2, ""),
    ],
)
def test_executable_memory(name: str, protection: int, flags: int, answer: str) -> None:
    decision = call(name, 0, PAGE, protection, flags)
    assert decision.answer == answer
    assert decision.kind == ("memory.library" if answer else "")


@pytest.mark.parametrize("descriptor", range(len(OPENED)))
def test_only_a_library_is_mapped_to_be_run(descriptor: int) -> None:
    """The model's own bytes are a file as well, and machine code if they want."""
    decision = call("mmap", 0, PAGE, EXECUTABLE | 1, 0x2, 0xFFFFFFFF00000000 | descriptor)
    assert (decision.answer == CONTINUE) == (descriptor in (0, 2))
    assert decision.detail.get("path", "") == ("" if decision.answer else OPENED[descriptor].decode())


@pytest.mark.parametrize(
    ("name", "args", "target", "value"),
    [
        ("kill", (1, 9), "1", "9"),
        ("kill", (0xFFFFFFFF, 15), "-1", "15"),
        ("tgkill", (5, 7, 0), "5", "0"),
        ("tkill", (7, 11), "7", "11"),
    ],
)
def test_signals(name: str, args: tuple[int, ...], target: str, value: str) -> None:
    assert call(name, *args).detail == {"target": target, "value": value}


def test_sleeps_are_seconds() -> None:
    memory = {0x1000: struct.pack("<qq", 2, 500_000_000)}
    assert call("nanosleep", 0x1000, memory=memory).detail == {"value": "2.500"}
    assert call("clock_nanosleep", 1, 0, 0x1000, memory=memory).detail == {"value": "2.500"}


def test_what_is_left_of_a_sleep_is_told_in_few_different_ways() -> None:
    rests = (at / 1000 for at in range(5, 10_000))
    memories = ({0x1000: struct.pack("<qq", int(rest), int(rest % 1 * 1e9))} for rest in rests)
    assert len({call("nanosleep", 0x1000, memory=memory).detail["value"] for memory in memories}) < 48


def test_a_sleep_until_a_time_is_the_rest_of_it() -> None:
    then = int(time.clock_gettime(time.CLOCK_MONOTONIC)) + 1000
    memory = {0x1000: struct.pack("<qq", then, 0), 0x2000: struct.pack("<qq", 1, 0)}
    left = float(call("clock_nanosleep", time.CLOCK_MONOTONIC, 1, 0x1000, memory=memory).detail["value"])
    assert 0 < left <= 1000
    assert call("clock_nanosleep", time.CLOCK_MONOTONIC, 1, 0x2000, memory=memory).detail == {"value": "0.000"}


@pytest.mark.parametrize(
    ("name", "args", "detail"),
    [
        ("rename", (0x1000, 0x2000), {"path": "/a", "target": "/b"}),
        ("renameat2", (CWD, 0x1000, 3, 0x2000), {"path": "/a", "target": "/home/x/b"}),
        ("symlinkat", (0x1000, CWD, 0x2000), {"path": "a", "target": "/b"}),
        ("linkat", (99, 0x1000, CWD, 0x2000), {"path": "a", "target": "/b"}),
        ("unlink", (0x1000,), {"path": "/a"}),
        ("fchmodat", (CWD, 0x1000), {"path": "/a"}),
        ("memfd_create", (0x1000,), {"path": "a"}),
        ("creat", (0x1000,), {"path": "/a"}),
        ("openat", (3, 0x1000, 0), {"path": "/home/x/a"}),
        ("mount", (0x1000, 0x2000), {"path": "a", "target": "/b"}),
    ],
)
def test_paths_are_told_from_the_root_with_their_spelling(
    name: str, args: tuple[int, ...], detail: dict[str, str]
) -> None:
    """As they were spelled, where they are no paths or their folder isn't known."""
    spelled = {"path": "a", "target": "b"}
    expected = detail | {f"{key}_spelled": spelled[key] for key in detail if detail[key] != spelled[key]}
    assert call(name, *args, memory={0x1000: page(b"a"), 0x2000: page(b"b")}).detail == expected


def test_a_call_that_names_no_path_is_not_worth_a_row() -> None:
    assert call("newfstatat", 3, 0x1000, memory={0x1000: page(b"")}).quiet


def test_a_call_without_a_decoder_shows_its_registers() -> None:
    assert call("keyctl", 1, 2, 3).detail == {"value": "0x1", "flags": "0x2", "target": "0x3"}


@pytest.mark.parametrize("name", ["execve", "connect", "openat", "sendto", "sendmsg", "nanosleep", "rename"])
def test_memory_that_can_not_be_read_is_said(name: str) -> None:
    with pytest.raises(UnreadableError):
        call(name, 0xDEAD, 0xDEAD, 0xDEAD, 0xDEAD, 0xDEAD, 0xDEAD)


REGISTERS = st.lists(st.integers(0, (1 << 64) - 1) | st.integers(0, 64), min_size=6, max_size=6).map(tuple)


def outcome(name: str, memory: Memory, args: Any) -> Decision | None:
    """None where the observer would deny, since nothing could be made of it."""
    try:
        return decoder(name)(memory, args)
    except (UnreadableError, struct.error, ValueError, OverflowError, OSError):
        return None


@given(st.sampled_from(sorted(DECODERS)), REGISTERS, st.binary(max_size=64), st.binary(max_size=64))
def test_nothing_goes_on_because_of_what_memory_says(
    name: str, args: tuple[int, ...], one: bytes, other: bytes
) -> None:
    """The caller can change its memory afterwards: whether a call goes on depends on its registers alone."""
    answers = {
        decision.answer == CONTINUE
        for raw in (one, other, b"\0", b"/proc/1/mem\0")
        if (decision := outcome(name, HostileMemory(raw), args)) is not None
    }
    assert len(answers) <= 1


@given(st.sampled_from(sorted(DECODERS)), REGISTERS, st.binary(max_size=64))
def test_every_detail_is_bounded_text(name: str, args: tuple[int, ...], raw: bytes) -> None:
    decision = outcome(name, HostileMemory(raw), args)
    if decision is not None:
        assert len(decision.detail) <= 16
        assert all(type(text) is str and len(text) <= 4096 for pair in decision.detail.items() for text in pair)


def test_the_real_memory_reads_a_process_and_says_what_it_can_not() -> None:
    with Memory(os.getpid()) as memory, pytest.raises(UnreadableError):
        memory.read(0, 8)
    with pytest.raises(UnreadableError):
        Memory(-1)


def test_only_these_decoders_ever_let_a_call_go_on() -> None:
    """A new one is a decision: add it here with its reason in the decoder."""
    source = {name for name, found in DECODERS.items() if may_continue(found)}
    assert source == {"clone", "vfork", "socket", "socketpair", "open", "openat", "mmap"}


def may_continue(found: decode.Decoder) -> bool:
    return "CONTINUE" in found.__code__.co_names  # type: ignore[attr-defined]
