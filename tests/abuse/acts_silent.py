"""B: what left no row, or a harmless one, when somebody who knew this source went looking for it."""

from __future__ import annotations

from tests.abuse.bench import Bench
from tests.abuse.case import Act, Case, Evidence, Load, finding

# A call that is denied is told even when all that it names is "": a descriptor stands for the path.
_NAMELESS = tuple(
    Act("B.1", f"{name} without a name", f"call({call})", kind, {"call": name})
    for name, call, kind in (
        ("memfd_create", "319, b'', 0", "memory.memfd"),
        ("open_tree", "428, 0, b'', 0x1001", "escape.mount"),
        ("chroot", "161, b''", "escape.mount"),
        ("umount2", "166, b'', 0", "escape.mount"),
        ("mount", "165, b'', b'', 0, 0, 0", "escape.mount"),
        ("name_to_handle_at", "303, 0, b'', 0, 0, 0x1000", "escape.mount"),
        ("fchownat", "260, 0, b'', 0, 0, 0x1000", "file.chmod"),
        ("utimensat", "280, 0, 0, 0, 0", "file.write"),
    )
)
# socket(2) was watched, its sister was not: for a family that is absent the host's kernel loads a module.
_PAIRS = (
    Act(
        "B.2",
        "A pair of sockets of a family that makes the host load a module",
        "call(53, 30, 1, 0, b'\\0' * 8)",
        "net.socket",
        {"call": "socketpair", "family": "AF_TIPC"},
    ),
    Act(
        "B.4",
        "Hold the kernel's memory in pairs of sockets",
        """
        pairs = []
        try:
            while True:
                pairs.append(socket.socketpair())
        except OSError as error:
            return f"{len(pairs)}, then {errno.errorcode[error.errno]}"
        """,
        "net.socket",
        {"call": "socketpair", "family": "AF_UNIX"},
        contained="64, then EMFILE",
    ),
)
_SWAPPED = Act(
    "B.3",
    "Map the model to be run, by a descriptor that another thread swaps with a library's",
    """
    model, = os.scandir("/model")
    own = os.open(model.path, os.O_RDONLY)
    library = next(line.split()[-1] for line in open("/proc/self/maps") if "libc.so" in line)
    library = os.open(library, os.O_RDONLY)
    place, stop, swapping = os.dup(library), threading.Event(), threading.Event()

    def swap():
        while not stop.is_set():
            os.dup2(own, place)
            os.dup2(library, place)
            swapping.set()

    thread = threading.Thread(target=swap)
    thread.start()
    swapping.wait()
    libc.mmap.restype = ctypes.c_void_p
    mapped = [libc.mmap(None, 4096, 5, 2, place, 0) for _ in range(300)]
    stop.set()
    thread.join()
    libc.mmap.restype = ctypes.c_int
    return sum(at != ctypes.c_void_p(-1).value for at in mapped)
    """,
    "memory.exec",
    {"call": "mmap", "path": "/model/"},
    contained="0",
)
# Its pages outlive their mapping while one of them is still mapped: neither RLIMIT_AS nor the resident size has them.
_SHARED = tuple(
    Act("B.5", f"Shared memory {named}", f"mmap.mmap({mapped})", "memory.memfd", {"call": "mmap"} | detail)
    for named, mapped, detail in (
        ("without a file", "-1, 1 << 20", {}),
        ("of a device", "os.open('/dev/zero', os.O_RDONLY), 1 << 20, prot=mmap.PROT_READ", {"path": "/dev/zero"}),
    )
)


def _mined_after_its_word(bench: Bench) -> Evidence:
    """Whoever says early that the load is over is measured until it really is. Ten seconds are free."""
    report = bench.load(
        """
        import os, sys, time
        wire = sys.modules["wire"]
        os.write(3, wire.encode(wire.Kind.LOADED, wire.Loaded(True, "", 0.0)))
        while time.process_time() < 11: pass
        os.write(3, wire.encode(wire.Kind.TESTIFIED, wire.Testified(0, "")))
        os._exit(0)
        """
    )
    assert report.completeness.complete
    return Evidence("it cost the jail's own time", finding(report, "event.cpu.after"))


CASES = (Case("B.6", "Say early that the load is over, and mine until it is", _mined_after_its_word, ("bubblewrap",)),)
LOADS = (Load("silent", (*_NAMELESS, *_PAIRS, _SWAPPED, *_SHARED)),)
