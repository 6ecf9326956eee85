"""Cases 41 to 58: the kernel's rarer calls, rights, devices, and what a load is given. Numbers: <asm/unistd_64.h>."""

from __future__ import annotations

from tests.abuse.case import SEEN, Act, Differs, Limit, Load

_KERNEL = tuple(
    Act("41", name, f"call({call})", kind, {"call": name.partition(" ")[0]} | detail)
    for name, call, kind, detail in (
        ("bpf", "321, 0, 0, 0", "escape.bpf", {}),
        ("perf_event_open", "298, 0, 0, -1, -1, 0", "escape.bpf", {}),
        ("userfaultfd", "323, 0", "escape.bpf", {}),
        ("add_key", "248, 0, 0, 0, 0, 0", "escape.keyring", {}),
        ("request_key", "249, 0, 0, 0, 0", "escape.keyring", {}),
        ("keyctl", "250, 0, 0, 0, 0", "escape.keyring", {}),
        ("kexec_load", "246, 0, 0, 0, 0", "escape.module", {}),
        ("kexec_file_load", "320, 3, 3, 0, 0, 0", "escape.module", {}),
        ("init_module", "175, 0, 0, 0", "escape.module", {}),
        ("finit_module", "313, 3, 0, 0", "escape.module", {}),
        ("delete_module", "176, 0, 0", "escape.module", {}),
        ("iopl", "172, 3", "escape.other", {}),
        ("ioperm", "173, 0, 1, 1", "escape.other", {}),
        ("reboot", "169, 0xfee1dead - (1 << 32), 672274793, 0x1234567, 0", "escape.other", {}),
        ("swapon", "167, b'/model', 0", "escape.mount", {"path": "/model"}),
        ("quotactl", "179, 0, 0, 0, 0", "escape.other", {}),
        ("open_by_handle_at", "304, -100, 0, 0", "escape.mount", {}),
        ("name_to_handle_at", "303, -100, b'/', 0, 0, 0", "escape.mount", {"path": "/"}),
        ("fanotify_init", "300, 0, 0", "escape.other", {}),
        ("acct", "163, b'/tmp/acct'", "escape.other", {"path": "/tmp/acct"}),
        ("settimeofday", "164, 0, 0", "escape.other", {}),
        ("clock_settime", "227, 0, 0", "escape.other", {}),
        ("sethostname", "170, b'owned', 5", "escape.other", {"path": "owned"}),
        ("syslog", "103, 3, 0, 0", "escape.other", {}),
        ("modify_ldt", "154, 0, 0, 0", "escape.other", {}),
        ("shmget", "29, 0, 4096, 0o1600", "memory.memfd", {}),
        ("memfd_secret", "447, 0", "memory.memfd", {}),
        (
            "landlock_create_ruleset (a call that nothing here knows what to make of)",
            "444, 0, 0, 1",
            "other.denied",
            {},
        ),
    )
)
_OTHER_CALLS = (
    Act("42", "io_uring_setup", "call(425, 8, b'\\0' * 256)", "escape.io_uring", {"call": "io_uring_setup"}),
    Act("42", "io_uring_enter", "call(426, 3, 1, 0, 0, 0, 0)", "escape.io_uring", {"call": "io_uring_enter"}),
    Act("42", "io_uring_register", "call(427, 3, 0, 0, 0)", "escape.io_uring", {"call": "io_uring_register"}),
    Act("43", "x32's socket", "call(0x40000000 | 41, 2, 1, 0)", "abi.foreign", {"flags": "x32"}),
    Act("44", "personality ADDR_NO_RANDOMIZE", "call(135, 0x40000)", "escape.other", {"value": "0x40000"}),
    Act("44", "ptrace TRACEME", "call(101, 0, 0, 0, 0)", "process.trace", {"value": "0x0"}),
    Act("44", "A program after it", "os.execv('/bin/sh', ['sh', '-i'])", "process.exec", {"argv": "sh -i"}),
)
_PRIVILEGES = (
    Act("45", "setuid 0", "call(105, 0)", "privilege", {"value": "0x0"}),
    Act("45", "setresuid 0", "call(117, 0, 0, 0)", "privilege", {"call": "setresuid"}),
    Act("45", "capset", "call(126, 0, 0)", "privilege", {"call": "capset"}),
    Act("45", "A setuid program", "os.execv('/bin/su', ['su'])", "process.exec", {"argv": "su"}),
    Act(
        "45",
        "no_new_privs, and what capabilities there are",
        """
        status = dict(line.split(":\\t") for line in open("/proc/self/status").read().splitlines())
        capabilities = [status.get(name, "absent") for name in ("CapPrm", "CapEff", "CapAmb")]
        return libc.prctl(39, 0, 0, 0, 0), capabilities, os.getuid() != 0
        """,
        "file.read",
        {"path": "/proc/self/status"},
        contained=r"\(1, \['0{16}', '0{16}', '0{16}'\], True\)",
        differs=(
            Differs("gvisor", "it has no ambient ones", contained=r"\(1, \['0{16}', '0{16}', 'absent'\], True\)"),
        ),
        answers=SEEN,
    ),
    *(
        Act("46", f"Write {path}", f"os.open({path!r}, os.O_WRONLY)", "file.write", {"path": path})
        for path in (
            "/proc/sys/kernel/core_pattern",
            "/proc/sysrq-trigger",
            "/proc/self/uid_map",
            "/sys/kernel/uevent_helper",
            "/sys/fs/cgroup/release_agent",
            "/proc/self/oom_score_adj",
        )
    ),
    *(
        Act("47", f"Open {path}", f"os.open({path!r}, os.O_RDWR)", "file.write", {"path": path})
        for path in ("/dev/mem", "/dev/kvm", "/dev/fuse", "/dev/sda")
    ),
    Act(
        "47",
        "What devices there are",
        """
        known = "null zero full random urandom tty console ptmx pts shm fd stdin stdout stderr core mqueue".split()
        return sorted(set(os.listdir("/dev")) - set(known))
        """,
        "file.read",
        {"path": "/dev"},
        contained=r"\[\]",
        answers=SEEN,
        differs=(Differs("gvisor", "the Sentry's own, which no host sees", contained=r"\['fuse', 'net'\]"),),
    ),
    Act("47", "mknod of a disk", "os.mknod('/tmp/sda', 0o60600, os.makedev(8, 0))", "file.write", {"path": "/tmp/sda"}),
    Act("48", "Type into the terminal (TIOCSTI)", "fcntl.ioctl(0, 0x5412, b'x')", "other.denied", {"call": "ioctl"}),
    Act("48", "Open its terminal", "os.open('/dev/tty', os.O_RDWR)", "file.write", {"path": "/dev/tty"}),
    Act(
        "48",
        "Open its terminal for reading",
        "os.open('/dev/tty', 0)",
        "file.read",
        {"path": "/dev/tty"},
        answers=SEEN,
    ),
    Act("48", "A session of its own (setsid)", "call(112)", "privilege", {"call": "setsid"}),
)
_STANDING = (
    Act(
        "49",
        "What descriptors it has got",
        """
        links = {name: os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")}
        expected = "/model/", "/proc/", "/dev/"
        return [name for name, link in links.items() if int(name) > 4 and not link.startswith(expected)]
        """,
        "file.read",
        {"path": "/proc/self/fd"},
        contained=r"\[\]",
        answers=SEEN,
    ),
    Act(
        "50",
        "Whether /dev/null is the device",
        "import stat\nnull = os.lstat('/dev/null')\nreturn stat.S_ISCHR(null.st_mode), null.st_rdev",
        "file.probe",
        {"path": "/dev/null"},
        contained=r"\(True, 259\)",
        answers=SEEN,
    ),
    Act(
        "51", "A second filter by seccomp", "call(317, 1, 0, PROGRAM)", "watch.tamper", {"value": "0x1", "flags": "0x0"}
    ),
    Act("51", "A second filter by prctl", "call(157, 22, 2, PROGRAM, 0, 0)", "watch.tamper", {"value": "0x16"}),
    Act(
        "51",
        "Readable again by PID 1's equals (PR_SET_DUMPABLE)",
        "call(157, 4, 0, 0, 0, 0)",
        "watch.tamper",
        {"value": "0x4"},
    ),
    Act("52", "A second listener", "call(317, 1, 8, PROGRAM)", "watch.tamper", {"value": "0x1", "flags": "0x8"}),
    Act(
        "54",
        "A connect whose address another thread rewrites",
        """
        address = ctypes.create_string_buffer(struct.pack("<HH4s8x", 2, 0x5c11, bytes((203, 0, 113, 54))), 16)
        peer, stop = socket.socket(), False
        def swap():
            while not stop:
                address[7], address[7] = 54, 55
        thread = threading.Thread(target=swap)
        thread.start()
        results = {libc.connect(peer.fileno(), address, 16) for _ in range(300)}
        stop = True
        thread.join()
        return results
        """,
        "net.connect",
        {"address": "203.0.113.5", "port": "4444"},
        contained=r"\{-1\}",
    ),
    Act(
        "54",
        "An execve whose path another thread rewrites",
        """
        path = ctypes.create_string_buffer(b"/usr/bin/54a")
        argv = (ctypes.c_char_p * 2)(b"raced", None)
        stop = False
        def swap():
            while not stop:
                path[11], path[11] = b"a", b"b"
        thread = threading.Thread(target=swap)
        thread.start()
        results = {libc.execve(path, argv, None) for _ in range(300)}
        stop = True
        thread.join()
        return results
        """,
        "process.exec",
        {"path": "/usr/bin/54", "argv": "raced"},
        contained=r"\{-1\}",
    ),
    Act(
        "55",
        "A call of a vfork's child, before it executes anything",
        "subprocess.run(['/bin/true'], start_new_session=True)",
        "privilege",
        {"call": "setsid"},
        contained=r"refused (EPERM|SubprocessError)",
    ),
    Act("55", "The program of a vfork's child", "subprocess.run(['/bin/55'])", "process.exec", {"argv": "/bin/55"}),
    Act("57", "Write a library to /tmp", "open('/tmp/57.so', 'wb')", "file.write", {"path": "/tmp/57.so"}),
    Act("57", "Keep a library in memory", "os.memfd_create('57')", "memory.memfd", {"path": "57"}),
    Act(
        "57",
        "Map the model's own bytes to run them",
        """
        libc.mmap.restype = ctypes.c_void_p
        model, = os.scandir("/model")
        if libc.mmap(None, 4096, 5, 2, os.open(model.path, os.O_RDONLY), 0) == ctypes.c_void_p(-1).value:
            raise OSError(ctypes.get_errno(), "mmap")
        """,
        "memory.exec",
        {"path": "/model/"},
    ),
    Act("57", "Memory to write code into", "mmap.mmap(-1, 4096, prot=7)", "memory.exec", {"flags": "0x7"}),
    Act(
        "58",
        "Look for a GPU",
        "[name for name in os.listdir('/dev') if name.startswith(('nvidia', 'dri', 'kfd', 'accel', 'dxg'))]",
        "file.read",
        {"path": "/dev"},
        contained=r"\[\]",
        answers=SEEN,
    ),
)
# A whole filter of one row, that allows everything.
_PROGRAM = """
_rows = ctypes.create_string_buffer((6).to_bytes(2, "little") + bytes(2) + (0x7FFF0000).to_bytes(4, "little"))
PROGRAM = struct.pack("<H6xQ", 1, ctypes.addressof(_rows))
"""
LOADS = (Load("kernel", (*_KERNEL, *_OTHER_CALLS, *_PRIVILEGES, *_STANDING), _PROGRAM),)
LIMITS = (
    Limit(
        "54",
        "What the rewritten arguments became",
        "each was read once",
        "the record shows what stood there when it was read; what was refused stays refused",
    ),
)
