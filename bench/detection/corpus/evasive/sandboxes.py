"""Sandboxes: looking whether anybody watches, and keeping still then."""

from __future__ import annotations

import textwrap

from bench.detection.build.evading import ACT, PROGRAM, only_if, source
from bench.detection.sample import Sample

_READ = """
def text(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""
"""


def _reads(name: str, technique: str, path: str, word: str, watched: str = "event.read.sandbox") -> Sample:
    return only_if(name, technique, f"{word!r} in text({path!r})", watched, setup=_READ)


def _tries(name: str, technique: str, text: str, watched: str) -> Sample:
    """Acts unless what it tried told it of a sandbox."""
    body = textwrap.indent(textwrap.dedent(text).strip(), "    ")
    return source(name, technique, f"watched = False\ntry:\n{body}\nexcept OSError:\n    watched = True\n"
                  f"if not watched:\n{textwrap.indent(ACT, '    ')}", watched,
                  unexamined=() if "event.program" in watched.split() else ("on another system",))  # fmt: skip


SAMPLES = (
    only_if(
        "dockerenv",
        "keeps still in a container",
        "not os.path.exists('/.dockerenv')",
        f"event.read.sandbox {PROGRAM}",
        setup="import os",
    ),
    _reads("cgroup", "looks for a container's control group", "/proc/self/cgroup", "docker"),
    _reads("cgroup_1", "looks for PID 1's control group", "/proc/1/cgroup", "kubepods"),
    _reads("gvisor", "looks for gVisor in the kernel's version", "/proc/version", "gVisor"),
    _reads("dmesg", "looks for gVisor in the kernel's words", "/dev/kmsg", "gVisor"),
    _reads("seccomp_status", "looks for a filter of its calls", "/proc/self/status", "Seccomp:\t9"),
    _reads("tracer", "looks for a debugger", "/proc/self/status", "TracerPid:\t9"),
    _reads("mounts", "looks at the mounts", "/proc/self/mountinfo", "/dev/vda1"),
    _reads("mounts_plain", "looks at the mounts, by their old list", "/proc/mounts", "/dev/vda1"),
    _reads("uid_map", "looks for a user namespace", "/proc/self/uid_map", "4294967296"),
    _reads("pid_1", "looks for the name of PID 1", "/proc/1/comm", "systemd"),
    _reads("mac_address", "looks for a virtual machine's network card", "/sys/class/net/eth0/address", "08:00:27"),
    _reads("board", "looks for a virtual machine's board", "/sys/class/dmi/id/product_name", "VirtualBox"),
    _reads("hypervisor", "looks for a hypervisor's flag", "/proc/cpuinfo", "vmware", ""),
    _reads(
        "history", "looks for a user who works here", "/home/user/.bash_history", "kubectl apply -f prod", "event.decoy"
    ),
    _reads("routes", "looks at the routes", "/proc/net/route", "eth9"),
    _reads("disk_make", "looks for a disk's make", "/sys/block/sda/device/vendor", "VBOX"),
    _reads("kernel_command", "looks at the kernel's command line", "/proc/cmdline", "BOOT_IMAGE=/vmlinuz-9"),
    only_if(
        "machine_id",
        "acts on machines whose identity it knows",
        "text('/etc/machine-id').startswith('0000')",
        "event.read.sandbox",
        setup=_READ,
    ),
    only_if(
        "process_count",
        "keeps still where few programs run",
        "sum(name.isdigit() for name in os.listdir('/proc')) > 300",
        "event.read.processes",
        setup="import os",
    ),
    only_if(
        "interfaces",
        "keeps still where there is no network card",
        "any(name.startswith('enp') for _, name in socket.if_nameindex())",
        "event.socket.other",
        setup="""
            import socket
            try:
                socket.if_nameindex()
            except OSError:
                socket.if_nameindex = lambda: []
        """,
    ),
    only_if(
        "interfaces_listed",
        "keeps still where there is no network card, by /sys",
        "[name for name in names if name.startswith('enp')]",
        "event.read.sandbox",
        setup="""
            import os
            try:
                names = os.listdir('/sys/class/net')
            except OSError:
                names = []
        """,
    ),
    only_if(
        "empty_home",
        "keeps still in an empty home",
        "len(os.listdir(os.path.expanduser('~'))) > 3",
        f"event.home.root {PROGRAM}",
        setup="import os",
    ),
    only_if(
        "call_timing",
        "keeps still where calls are slow, as under a watch",
        "time.perf_counter() - begin < 1e-9",
        setup="""
            import os, time
            begin = time.perf_counter()
            for _ in range(50):
                os.path.exists('/usr')
        """,
    ),
    only_if("parent_is_1", "keeps still where its parent is PID 1", "os.getppid() > 100000", setup="import os"),
    only_if("traced", "keeps still under a debugger of Python", "sys.gettrace() is not None", setup="import sys"),
    only_if(
        "stack",
        "keeps still under this very sandbox",
        "not [name for name in sys.modules if name.startswith('guest')]",
        setup="import sys",
    ),
    source(
        "trace_self",
        "asks to be traced, which fails where somebody does that already",
        f"import ctypes\nif ctypes.CDLL(None).ptrace(0, 0, 0, 0) == 0:\n{textwrap.indent(ACT, '    ')}",
        "event.trace.self",
        unexamined=("on another system",),
    ),
    source(
        "seccomp_asked",
        "asks for the filter of its calls",
        f"import ctypes\nif ctypes.CDLL(None).prctl(21, 0, 0, 0, 0) == 0:\n{textwrap.indent(ACT, '    ')}",
        "event.watch.asked",
        unexamined=("on another system",),
    ),
    _tries(
        "bind_port",
        "tries whether it may listen",
        "import socket\nsocket.socket().bind(('127.0.0.1', 0))",
        "event.listen event.socket",
    ),
    _tries("write_probe", "tries whether it may write", "open('/tmp/.probe', 'w').close()", "event.write"),
    _tries("fork_probe", "tries whether it may fork", "import os\nif os.fork() == 0:\n    os._exit(0)", "event.fork"),
    _tries(
        "namespace_probe",
        "tries whether it may have a namespace",
        "import ctypes\nif ctypes.CDLL(None).unshare(0x10000000):\n    raise OSError",
        "event.escape",
    ),
    _tries(
        "connect_probe",
        "tries whether there is a network",
        "import socket\nsocket.create_connection(('203.0.113.80', 80), 1)",
        "event.connect event.socket",
    ),
)
