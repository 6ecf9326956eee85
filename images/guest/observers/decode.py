"""What a watched call means: registers and memory -> kind, detail and answer. A table by call name; one vocabulary
for every observer.

A decision never allows anything because of what memory said: `continue` is given only for register values that are
harmless whatever the memory holds.
"""

from __future__ import annotations

import ipaddress
import os
import re
import shlex
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from guest.events import printable
from guest.observers.memory import Memory, UnreadableError
from guest.observers.paths import AT_FDCWD, resolve
from guest.sinkhole.dns import asked

CONTINUE = "continue"
FAKE = "fake"
_DNS_PORT = 53
_MAX_SENT = 2048  # bytes of a message that are kept
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_TMPFILE & ~os.O_DIRECTORY
_TIMESPEC = struct.Struct("<qq")
_TIMER_ABSTIME = 1
_MANY_SECONDS = 10.0  # of a sleep, told in two digits
_CLONE_VM_VFORK = 0x100 | 0x4000
# CLONE_FILES among them: descriptors are shared by the threads of one process and by nobody else.
_CLONE_BESIDES = 0x400 | 0x2000 | 0x10000 | 0x800000 | 0x7E020080 | 0x200000000
_MAP_ANONYMOUS = 0x20
_PROT_EXEC = 0x4
_NO_FILE = b"/dev/zero"  # mapped shared, this device is memory without a file
_PROT_WRITE_EXEC = 0x6
_MAX_MESSAGES = 16  # of one sendmmsg; the rest is counted
_MMSGHDR = 64  # bytes of a struct mmsghdr
_LIBRARIES = (b"/usr/", b"/lib", b"/env/")
_SOCKET_TYPE = 0xF
_CWD, _TEXT = -1, -2
_MEMORY_FILE = re.compile(r"/proc/(self|thread-self|\d+)(/task/[^/]+)?/mem")  # writes where mprotect says no

Arguments = tuple[int, ...]


@dataclass(frozen=True)
class Decision:
    """`kind` and `answer` empty: those of the table. `quiet`: nothing worth a row.

    An answer is an errno's name, CONTINUE, FAKE, or the number that the call returns without having been made.
    `word`: how the record calls the answer, where that doesn't tell. `also` holds what else the same call tried: rows
    of their own, under this one's answer.
    """

    detail: dict[str, str]
    kind: str = ""
    answer: str | int = ""
    word: str = ""
    quiet: bool = False
    also: tuple[Decision, ...] = ()


Decoder = Callable[[Memory, Arguments], Decision]


def _path(memory: Memory, folder: int, address: int, key: str = "path") -> tuple[dict[str, str], bool]:
    """A path as event detail, with its own spelling where that differs; and whether it leads into PID 1."""
    spelled = memory.string(address)
    path, guarded = resolve(memory, folder, spelled)
    detail = {key: printable(path)}
    return detail if path == spelled else detail | {f"{key}_spelled": printable(spelled)}, guarded


def _exec(at: int) -> Decoder:
    def decode(memory: Memory, args: Arguments) -> Decision:
        argv = [printable(word) for word in memory.strings(args[at + 1])]
        detail, _ = _path(memory, args[0] if at else AT_FDCWD, args[at])
        return Decision(detail | {"argv": shlex.join(argv)[:4096]})

    return decode


def _clone(_memory: Memory, args: Arguments) -> Decision:
    flags = args[0]
    if flags & 0x7E020080:
        return Decision({"flags": hex(flags)}, kind="escape.namespace", answer="EPERM")
    # The parent waits and lends its memory: what fork limits guard against can't happen, and the exec that follows
    # is seen with its arguments.
    if flags & _CLONE_VM_VFORK == _CLONE_VM_VFORK and not flags & _CLONE_BESIDES:
        return Decision({"flags": "vfork"}, answer=CONTINUE)
    return Decision({"flags": hex(flags)})


def _vfork(_memory: Memory, _args: Arguments) -> Decision:
    return Decision({"flags": "vfork"}, answer=CONTINUE)


def _name_of(table: type, value: int) -> str:
    try:
        return str(table(value).name)
    except ValueError:
        return str(value)


def _socket(_memory: Memory, args: Arguments) -> Decision:
    family, kind, protocol = args[0] & 0xFFFFFFFF, args[1] & _SOCKET_TYPE, args[2] & 0xFFFFFFFF
    detail = {"family": _name_of(socket.AddressFamily, family), "type": _name_of(socket.SocketKind, kind)}
    plain = family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX) and protocol in (0, 6, 17)
    if plain and kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        return Decision(detail, answer=CONTINUE)  # no interface but loopback; what it is used for is what counts
    return Decision(detail | {"protocol": str(protocol)})


def _socketpair(memory: Memory, args: Arguments) -> Decision:
    """For a family that the kernel has not, it would load a module."""
    detail = _socket(memory, args).detail
    unix = args[0] & 0xFFFFFFFF == socket.AF_UNIX
    return Decision(detail, quiet=True, answer=CONTINUE) if unix else Decision(detail)


def _ipv6(raw: bytes) -> str:
    address = ipaddress.IPv6Address(raw)
    return f"::ffff:{address.ipv4_mapped}" if address.ipv4_mapped else str(address)


def sockaddr(raw: bytes) -> dict[str, str]:
    """A struct sockaddr as event detail."""
    if len(raw) < 2:
        return {"family": "none"}
    (family,) = struct.unpack_from("<H", raw)
    detail = {"family": _name_of(socket.AddressFamily, family)}
    if family == socket.AF_INET and len(raw) >= 8:
        detail |= {"address": str(ipaddress.IPv4Address(raw[4:8])), "port": str(int.from_bytes(raw[2:4], "big"))}
    elif family == socket.AF_INET6 and len(raw) >= 24:
        detail |= {"address": _ipv6(raw[8:24]), "port": str(int.from_bytes(raw[2:4], "big"))}
    elif family == socket.AF_UNIX:
        path = raw[2:]
        detail["path"] = "@" + printable(path[1:]) if path[:1] == b"\0" else printable(path.split(b"\0", 1)[0])
    else:
        detail["address"] = raw[2:34].hex()
    return detail


def _read_sockaddr(memory: Memory, address: int, length: int) -> dict[str, str]:
    return sockaddr(memory.read(address, min(length & 0xFFFFFFFF, 128))) if address and length else {}


def _connect(memory: Memory, args: Arguments) -> Decision:
    detail = _read_sockaddr(memory, args[1], args[2])
    if detail.get("port") == str(_DNS_PORT):
        # The resolver's socket: pretending that it is connected shows the name that it asks for next.
        return Decision(detail, answer=FAKE)
    return Decision(detail, answer="ENOENT" if detail.get("family") == "AF_UNIX" else "")


def _sent(detail: dict[str, str], message: bytes, size: int) -> Decision:
    name = asked(message)
    if name:
        return Decision(detail | {"name": name}, kind="net.dns", answer="ECONNREFUSED")
    return Decision(detail | {"value": printable(message), "size": str(size)})


def _sendto(memory: Memory, args: Arguments) -> Decision:
    detail = _read_sockaddr(memory, args[4], args[5])
    return _sent(detail, memory.read(args[1], min(args[2], _MAX_SENT)), args[2])


def _message(memory: Memory, address: int) -> Decision:
    """A struct msghdr: name, namelen, iov, iovlen."""
    name, length, vector, count = struct.unpack("<QI4xQQ", memory.read(address, 32))
    detail = _read_sockaddr(memory, name, length)
    message, size = b"", 0
    for at in range(min(count, 16)):
        base, part = struct.unpack("<QQ", memory.read(vector + 16 * at, 16))
        size += part
        message += memory.read(base, min(part, _MAX_SENT - len(message)))
    return _sent(detail, message, size)


def _sendmsg(memory: Memory, args: Arguments) -> Decision:
    return _message(memory, args[1])


def _sendmmsg(memory: Memory, args: Arguments) -> Decision:
    """Each message has an address of its own. What can't be read doesn't hide what can."""
    count = args[2] & 0xFFFFFFFF
    found = [_message(memory, args[1])] if count else [Decision({})]
    for at in range(1, min(count, _MAX_MESSAGES)):
        try:
            found.append(_message(memory, args[1] + _MMSGHDR * at))
        except (UnreadableError, struct.error):
            found.append(Decision({"unreadable": "yes"}))
    if count > _MAX_MESSAGES:
        found.append(Decision({"value": f"{count - _MAX_MESSAGES} more messages"}))
    return replace(found[0], also=tuple(found[1:]))


def _bind(memory: Memory, args: Arguments) -> Decision:
    return Decision(_read_sockaddr(memory, args[1], args[2]))


def _open(path_at: int, flags_at: int) -> Decoder:
    def decode(memory: Memory, args: Arguments) -> Decision:
        detail, guarded = _path(memory, args[0] if path_at else AT_FDCWD, args[path_at])
        if args[flags_at] & _WRITE_FLAGS:
            code = "memory.exec" if _MEMORY_FILE.fullmatch(detail["path"]) else "file.write"
            kind = "watch.tamper" if guarded else code
            return Decision(detail | {"flags": hex(args[flags_at] & 0xFFFFFFFF)}, kind=kind)
        # A read-only open is harmless whatever the path: the jail holds libraries, decoys and the model.
        return Decision(detail, kind="watch.tamper" if guarded else "", answer=CONTINUE)

    return decode


def _creat(memory: Memory, args: Arguments) -> Decision:
    return Decision(_path(memory, AT_FDCWD, args[0])[0], kind="file.write")


def _paths(*at: tuple[int, int]) -> Decoder:
    """Calls whose only interest is the paths they name: the first is the path, the second the target.

    Each is the register of the folder that it is relative to, or _CWD, or _TEXT where it is no path; and its own.
    """

    def decode(memory: Memory, args: Arguments) -> Decision:
        detail: dict[str, str] = {}
        for key, (folder, i) in zip(("path", "target"), at, strict=False):
            if folder == _TEXT:
                detail[key] = printable(memory.string(args[i]))
            else:
                detail |= _path(memory, AT_FDCWD if folder == _CWD else args[folder], args[i], key)[0]
        return Decision(detail, quiet=not any(detail.values()))

    return decode


def _registers(*names: tuple[str, int]) -> Decoder:
    def decode(_memory: Memory, args: Arguments) -> Decision:
        return Decision({name: hex(args[at]) for name, at in names})

    return decode


def _signal(pid_at: int, signal_at: int) -> Decoder:
    def decode(_memory: Memory, args: Arguments) -> Decision:
        target = int.from_bytes((args[pid_at] & 0xFFFFFFFF).to_bytes(4, "little"), "little", signed=True)
        return Decision({"target": str(target), "value": str(args[signal_at] & 0xFFFFFFFF)})

    return decode


def _mmap(memory: Memory, args: Arguments) -> Decision:
    """What can be run, or is shared. Memory that is shared but no file's outlives its mapping, so no limit counts it.

    A descriptor says what is mapped only while nobody can put another one in its place.
    """
    detail = {"size": str(args[1]), "flags": hex(args[2])}
    executable = bool(args[2] & _PROT_EXEC)
    refused = "" if executable else "memory.memfd"
    if args[3] & _MAP_ANONYMOUS:
        return Decision(detail, kind=refused)
    path = memory.opened(args[4] & 0xFFFFFFFF)
    if not memory.alone():
        return Decision(detail | {"path": printable(path)}, kind=refused)
    if executable and path.startswith(_LIBRARIES) and args[2] & _PROT_WRITE_EXEC != _PROT_WRITE_EXEC:
        return Decision({}, kind="memory.library", answer=CONTINUE)
    if not executable and not path.startswith(_NO_FILE):
        return Decision({}, quiet=True, answer=CONTINUE)
    return Decision(detail | {"path": printable(path)}, kind=refused)


def _mprotect(_memory: Memory, args: Arguments) -> Decision:
    return Decision({"size": str(args[1]), "flags": hex(args[2])})


def _timespec(memory: Memory, address: int) -> float:
    seconds, nanoseconds = _TIMESPEC.unpack(memory.read(address, _TIMESPEC.size))
    return float(seconds + nanoseconds / 1e9)


def _sleep(seconds: float) -> Decision:
    """In few steps: what is left of a sleep until a time differs at each look, and a loop of such sleeps is one thing
    over and over.
    """
    digits = 2 if seconds >= _MANY_SECONDS else 1
    halves = 1 <= seconds < _MANY_SECONDS
    told = round(2 * seconds) / 2 if halves else float(f"{max(0.0, seconds):.{digits}g}")
    return Decision({"value": f"{told:.3f}"})


def _nanosleep(memory: Memory, args: Arguments) -> Decision:
    return _sleep(_timespec(memory, args[0]))


def _clock_nanosleep(memory: Memory, args: Arguments) -> Decision:
    wanted = _timespec(memory, args[2])
    if args[1] & _TIMER_ABSTIME:
        wanted -= time.clock_gettime(args[0] & 0xF)
    return _sleep(wanted)


def _exit(_memory: Memory, args: Arguments) -> Decision:
    return Decision({"value": str(args[0] & 0xFF)})


DECODERS: dict[str, Decoder] = {
    "exit_group": _exit,
    "execve": _exec(0),
    "execveat": _exec(1),
    "clone": _clone,
    "vfork": _vfork,
    "socket": _socket,
    "socketpair": _socketpair,
    "connect": _connect,
    "bind": _bind,
    "sendto": _sendto,
    "sendmsg": _sendmsg,
    "sendmmsg": _sendmmsg,
    "open": _open(0, 1),
    "openat": _open(1, 2),
    "creat": _creat,
    "rename": _paths((_CWD, 0), (_CWD, 1)),
    "renameat": _paths((0, 1), (2, 3)),
    "renameat2": _paths((0, 1), (2, 3)),
    "link": _paths((_CWD, 0), (_CWD, 1)),
    "linkat": _paths((0, 1), (2, 3)),
    "symlink": _paths((_TEXT, 0), (_CWD, 1)),
    "symlinkat": _paths((_TEXT, 0), (1, 2)),
    "mount": _paths((_TEXT, 0), (_CWD, 1)),
    "kill": _signal(0, 1),
    "tkill": _signal(0, 1),
    "tgkill": _signal(0, 2),
    "rt_sigqueueinfo": _signal(0, 1),
    "ptrace": _registers(("value", 0), ("target", 1)),
    "process_vm_readv": _registers(("target", 0)),
    "process_vm_writev": _registers(("target", 0)),
    "pidfd_open": _registers(("target", 0)),
    "mmap": _mmap,
    "mprotect": _mprotect,
    "nanosleep": _nanosleep,
    "clock_nanosleep": _clock_nanosleep,
}
_BY_FIRST = """getxattr lgetxattr listxattr llistxattr
stat lstat access readlink statfs chdir truncate mkdir mknod utime utimes setxattr lsetxattr unlink rmdir
removexattr lremovexattr chmod chown lchown umount2 chroot swapon acct"""
_BY_SECOND = """newfstatat statx faccessat faccessat2 readlinkat mkdirat mknodat futimesat utimensat unlinkat fchmodat
fchmodat2 fchownat open_tree name_to_handle_at"""
DECODERS |= dict.fromkeys(_BY_FIRST.split(), _paths((_CWD, 0)))
DECODERS |= dict.fromkeys(_BY_SECOND.split(), _paths((0, 1)))
DECODERS |= dict.fromkeys(("memfd_create", "sethostname"), _paths((_TEXT, 0)))
_ANY = _registers(("value", 0), ("flags", 1), ("target", 2))


def decoder(call: str) -> Decoder:
    """The call's decoder; the bare registers where there is none."""
    return DECODERS.get(call, _ANY)
