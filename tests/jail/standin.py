"""Stands in for runner.py in the tests of a jail: tells what the jail looks like, and does what it is told.

One command a line on standard input, one JSON line back. Ends with standard input, as PID 1 must.
"""

import ctypes
import ctypes.util
import errno
import json
import mmap
import os
import resource
import sys
from pathlib import Path


def status() -> dict[str, str]:
    lines = Path("/proc/self/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def mounts() -> dict[str, str]:
    return {line.split()[1]: line.split()[3] for line in Path("/proc/self/mounts").read_text().splitlines()}


def names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError as error:
        return [errno.errorcode[error.errno]]


def programs(folder: str) -> list[str]:
    """What is there: a link that leads nowhere is not."""
    return [name for name in names(folder) if Path(folder, name).exists()]


def attempt(act) -> str:
    try:
        return f"did it: {act()}"
    except OSError as error:
        return errno.errorcode[error.errno]


def write(path: str) -> int:
    return os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644))


def foreign_getpid() -> int:
    """getpid (20) by the 32-bit gate, `int 0x80`."""
    code = bytes.fromhex("b814000000cd80c3")
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()


def syscall(number: int, *arguments: int) -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(number, *arguments)
    return errno.errorcode[ctypes.get_errno()] if result < 0 else f"did it: {result}"


def fill(path: str, pieces: int) -> str:
    """Write MiB after MiB in files of 1 MiB."""
    try:
        for number in range(pieces):
            Path(path, str(number)).write_bytes(bytes(1 << 20))
    except OSError as error:
        return errno.errorcode[error.errno]
    return "did it"


def many_files(path: str, count: int) -> str:
    try:
        for number in range(count):
            write(f"{path}/n{number}")
    except OSError as error:
        return errno.errorcode[error.errno]
    return "did it"


def facts() -> dict[str, object]:
    limits = {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")}
    return {
        "pid": os.getpid(),
        "status": status(),
        "mounts": mounts(),
        "interfaces": names("/sys/class/net"),
        "ids": [*os.getresuid(), *os.getresgid(), *os.getgroups()],
        "limits": limits,
        "environment": dict(os.environ),
        "hostname": os.uname().nodename,
        "folder": str(Path.cwd()),
        "programs": [*programs("/usr/bin"), *programs("/usr/sbin"), *programs("/usr/local/bin")],
        "root": names("/"),
        "model": names("/model"),
        "resolver": Path("/etc/resolv.conf").read_text(),
        "flags": [sys.flags.isolated, sys.flags.dont_write_bytecode],
    }


def imports() -> dict[str, str]:
    sys.path.insert(0, "/env")
    # There is no ldconfig in a jail, which is what find_library asks.
    ctypes.util.find_library = {"seccomp": "libseccomp.so.2"}.get
    import blake3
    import numpy
    import psutil
    import pyseccomp
    import torch

    modules = (numpy, psutil, torch, blake3)
    return {module.__name__: module.__version__ for module in modules} | {"pyseccomp": pyseccomp.__name__}


def walls() -> dict[str, str]:
    return {
        "root": attempt(lambda: write("/x")),
        "code": attempt(lambda: write("/code/x")),
        "env": attempt(lambda: write("/env/x")),
        "model": attempt(lambda: write("/model/x")),
        "dev": attempt(lambda: write("/dev/x")),
        "core_pattern": attempt(lambda: write("/proc/sys/kernel/core_pattern")),
        "run in tmp": attempt(lambda: run_in("/tmp")),
        "unshare": syscall(272, 0x10000000),
        "mount": syscall(165, 0, 0, 0, 0, 0),
        "bpf": syscall(321, 0, 0, 0),
        "io_uring_setup": syscall(425, 1, 0),
        "clone3": syscall(435, 0, 0),
        "keyctl": syscall(250, 0),
    }


def run_in(folder: str) -> int:
    path = Path(folder, "program")
    path.write_bytes(Path("/usr/bin/python3").read_bytes()[: 1 << 20])
    path.chmod(0o755)
    return os.execv(path, [str(path)])


def bomb() -> None:
    held = []
    while True:
        held.append(b"x" * (1 << 24))


def bomb_in_child() -> int:
    child = os.fork()
    if not child:
        bomb()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def flood() -> None:
    while True:
        os.write(1, b"f" * (1 << 16))


def fork_bomb() -> str:
    children = []
    try:
        while True:
            child = os.fork()
            if not child:
                os.read(0, 1)
                os._exit(0)
            children.append(child)
    except OSError as error:
        return errno.errorcode[error.errno]
    finally:
        for child in children:
            os.kill(child, 9)
            os.waitpid(child, 0)  # one that still lives could take the next command


def reach_pid_1() -> dict[str, str]:
    """What a process of the jail's own uid can do to PID 1. Answers through a pipe, since it forks."""
    answer, told = os.pipe()
    child = os.fork()
    if not child:
        if os.getuid() == 0:
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
        acts = {
            "capabilities": lambda: status()["CapEff"],
            "output": lambda: os.open("/proc/1/fd/1", os.O_WRONLY),
            "environment": lambda: os.open("/proc/1/environ", os.O_RDONLY),
            "memory": lambda: os.open("/proc/1/mem", os.O_RDWR),
            "signal": lambda: os.kill(1, 0),
            "home": lambda: write("/home/user/x"),
        }
        os.write(told, json.dumps({name: attempt(act) for name, act in acts.items()}).encode())
        os._exit(0)
    os.waitpid(child, 0)
    return json.loads(os.read(answer, 1 << 16))


def fail() -> None:
    print("a reason to end", file=sys.stderr, flush=True)
    os._exit(3)


COMMANDS = {
    "facts": facts,
    "imports": imports,
    "walls": walls,
    "foreign": lambda: attempt(foreign_getpid),
    "fill": lambda: {path: fill(path, 64) for path in ("/tmp", "/home/user", "/dev/shm")},
    "files": lambda: {path: many_files(path, 8192) for path in ("/tmp", "/home/user", "/dev/shm")},
    "bomb": bomb,
    "bomb in child": bomb_in_child,
    "flood": flood,
    "fork bomb": fork_bomb,
    "reach PID 1": reach_pid_1,
    "fail": fail,
    "end": lambda: os._exit(0),
}


def main() -> None:
    for line in sys.stdin:
        command, _, argument = line.strip().partition("=")
        told = {"echo": str, "list": names}
        answer = told[command](argument) if command in told else COMMANDS[command]()
        print(json.dumps(answer), flush=True)


main()
