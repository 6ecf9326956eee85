"""Cases 33 to 40: PID 1, the host's sockets, mounts and namespaces. Raw calls, since a payload needs no libc."""

from __future__ import annotations

from tests.abuse.case import SEEN, Act, Differs, Load

# Numbers are x86-64's, from <asm/unistd_64.h>.
_PID_1 = (
    Act("33", "ptrace ATTACH to PID 1", "call(101, 16, 1, 0, 0)", "process.trace", {"value": "0x10", "target": "0x1"}),
    Act(
        "33",
        "ptrace SEIZE of PID 1",
        "call(101, 0x4206, 1, 0, 0)",
        "process.trace",
        {"value": "0x4206", "target": "0x1"},
    ),
    Act(
        "33",
        "Read PID 1's memory by process_vm_readv",
        "call(310, 1, 0, 0, 0, 0, 0)",
        "process.trace",
        {"call": "process_vm_readv"},
    ),
    Act(
        "33",
        "Write PID 1's memory by process_vm_writev",
        "call(311, 1, 0, 0, 0, 0, 0)",
        "process.trace",
        {"call": "process_vm_writev"},
    ),
    Act("33", "process_madvise on PID 1", "call(440, 5, 0, 0, 0, 0)", "process.trace", {"call": "process_madvise"}),
    Act(
        "33",
        "Compare descriptors with PID 1's (kcmp)",
        "call(312, 1, os.getpid(), 0, 0, 0)",
        "process.trace",
        {"call": "kcmp"},
    ),
    Act("33", "Write /proc/1/mem", "os.open('/proc/1/mem', os.O_RDWR)", "watch.tamper", {"path": "/proc/1/mem"}),
    Act(
        "34",
        "Read /proc/1/environ",
        "sorted(open('/proc/1/environ').read().split('\\0'))",
        "watch.tamper",
        {"path": "/proc/1/environ"},
        answers=SEEN,
        differs=(
            Differs(
                "gvisor",
                "the Sentry shows it to every user; three constants of ours are all it holds",
                contained=r"\['', 'HOME=/home/user', 'LANG=C.UTF-8', 'PATH=/usr/local/bin:/usr/bin:/bin'\]",
            ),
        ),
    ),
    Act(
        "34",
        "List PID 1's descriptors",
        "bool(os.listdir('/proc/1/fd'))",
        "watch.tamper",
        {"path": "/proc/1/fd"},
        answers=SEEN,
        differs=(Differs("gvisor", "the Sentry tells their numbers, and opens none of them", contained="True"),),
    ),
    Act(
        "34",
        "Look for processes besides itself and PID 1",
        "[name for name in os.listdir('/proc') if name.isdigit() and name not in ('1', str(os.getpid()))]",
        "file.read",
        {"path": "/proc"},
        contained=r"\[\]",
        answers=SEEN,
    ),
    Act(
        "34",
        "Read PID 1's command line",
        "open('/proc/1/cmdline').read().replace('\\0', ' ')",
        "file.read",
        {"path": "/proc/1/cmdline"},
        rule="event.read.sandbox",
        contained=r"/usr/bin/python3(\.11)? -I -B /code/runner\.py ",
        answers=SEEN,
    ),
    Act("35", "Kill every process", "os.kill(-1, 9)", "signal.send", {"target": "-1", "value": "9"}),
    Act("35", "Kill PID 1", "call(62, 1, 9)", "signal.send", {"target": "1", "value": "9"}),
    Act("35", "Kill its own process group", "call(62, 0, 9)", "signal.send", {"target": "0", "value": "9"}),
    Act("35", "tkill PID 1", "call(200, 1, 2)", "signal.send", {"target": "1", "value": "2"}),
    Act("35", "tgkill PID 1", "call(234, 1, 1, 2)", "signal.send", {"target": "1", "value": "2"}),
    Act("35", "Queue a signal to PID 1", "call(129, 1, 9, 0)", "signal.send", {"target": "1", "value": "9"}),
    Act(
        "35",
        "Queue a signal to a thread of PID 1",
        "call(297, 1, 1, 9, 0)",
        "signal.send",
        {"call": "rt_tgsigqueueinfo"},
    ),
    Act("35", "A pidfd of PID 1", "call(434, 1, 0)", "process.trace", {"target": "0x1"}),
    Act("35", "Signal by pidfd", "call(424, 5, 9, 0, 0)", "signal.send", {"call": "pidfd_send_signal"}),
    Act("35", "Send PID 1 a descriptor's signals (F_SETOWN)", "call(72, 3, 8, 1)", "watch.tamper", {"flags": "0x8"}),
    Act("35", "Choose a descriptor's signal (F_SETSIG)", "call(72, 3, 10, 9)", "watch.tamper", {"flags": "0xa"}),
)
_ENGINES = tuple(
    Act(
        "36",
        f"Connect to {path}",
        f"socket.socket(socket.AF_UNIX).connect({path!r})",
        "net.connect",
        {"path": path},
        rule="event.connect.engine",
    )
    for path in (
        "/var/run/docker.sock",
        "/run/containerd/containerd.sock",
        "/run/podman/podman.sock",
        "/run/crio/crio.sock",
        "/run/buildkit/buildkitd.sock",
    )
)
_LOCAL = tuple(
    Act("37", f"Connect to {title}", f"socket.socket(socket.AF_UNIX).connect({path!r})", "net.connect", {"path": shown})
    for title, path, shown in (
        ("an abstract socket of X11", "\0/tmp/.X11-unix/X0", "@/tmp/.X11-unix/X0"),
        ("containerd's abstract shim socket", "\0/containerd-shim/1.sock", "@/containerd-shim/1.sock"),
        ("the system's D-Bus", "/run/dbus/system_bus_socket", "/run/dbus/system_bus_socket"),
        ("systemd's private socket", "/run/systemd/private", "/run/systemd/private"),
    )
)
_MOUNTS = tuple(
    Act("38", name, source, "escape.mount", {"call": name} | detail)
    for name, source, detail in (
        ("mount", "call(165, b'none', b'/mnt', b'tmpfs', 0, 0)", {"path": "none", "target": "/mnt"}),
        ("umount2", "call(166, b'/home/user', 2)", {"path": "/home/user"}),
        ("pivot_root", "call(155, b'/tmp', b'/tmp')", {}),
        ("chroot", "call(161, b'/tmp')", {"path": "/tmp"}),
        ("open_tree", "call(428, -100, b'/proc', 1)", {"path": "/proc"}),
        ("move_mount", "call(429, 0, b'', -100, b'/tmp', 4)", {}),
        ("fsopen", "call(430, b'proc', 0)", {}),
        ("fsconfig", "call(431, 3, 6, 0, 0, 0)", {}),
        ("fsmount", "call(432, 3, 0, 0)", {}),
        ("fspick", "call(433, -100, b'/', 0)", {}),
        ("mount_setattr", "call(442, -100, b'/', 0, 0, 0)", {}),
    )
)
_OVER_A_DECOY = Act(
    "38",
    "Bind mount over a decoy",
    "call(165, b'/dev/null', b'/home/user/.netrc', 0, 4096, 0)",
    "escape.mount",
    {"path": "/dev/null", "target": "/home/user/.netrc"},
)
_NAMESPACES = tuple(
    Act("39", f"unshare {name}", f"call(272, {flag:#x})", "escape.namespace", {"call": "unshare", "value": hex(flag)})
    for name, flag in (
        ("NEWUSER", 0x10000000),
        ("NEWNS", 0x20000),
        ("NEWNET", 0x40000000),
        ("NEWPID", 0x20000000),
        ("NEWIPC", 0x8000000),
        ("NEWUTS", 0x4000000),
        ("NEWCGROUP", 0x2000000),
        ("NEWTIME", 0x80),
    )
)
_CLONES = (
    Act("39", "clone NEWUSER", "call(56, 0x10000011, 0, 0, 0, 0)", "escape.namespace", {"flags": "0x10000011"}),
    Act(
        "39",
        "clone UNTRACED",
        "call(56, 0x800011, 0, 0, 0, 0)",
        "process.fork",
        {"flags": "0x800011"},
    ),
    Act(
        "39",
        "clone3 is not there, so that libc takes clone, which can be judged; then clone",
        "try:\n    call(435, b'\\0' * 88, 88)\nexcept OSError as error:\n    assert error.errno == errno.ENOSYS\n"
        "return call(56, 0x12, 0, 0, 0, 0)",
        "process.fork",
        {"flags": "0x12"},
    ),
    Act("40", "setns", "call(308, 3, 0)", "escape.namespace", {"call": "setns"}),
    Act("40", "A descriptor of PID 1 by pidfd_getfd", "call(438, 3, 1, 0)", "process.trace", {"call": "pidfd_getfd"}),
)
LOADS = (Load("escape", (*_PID_1, *_ENGINES, *_LOCAL, *_MOUNTS, _OVER_A_DECOY, *_NAMESPACES, *_CLONES)),)
