"""Cases 1 to 18, the part that leaves its load alive: attempts to use up what the jail has, one after another."""

from __future__ import annotations

from tests.abuse.case import Act, Load

# No event is made of a call that only touches the loader itself; that the file runs code at all is the finding then.
_RUNS_CODE = "global.dangerous.called"

_RESOURCES = (
    Act("1", "Forks in a loop", "[os.fork() for _ in range(1000)]", "process.fork", {"flags": "0x"}),
    Act(
        "3",
        "Maps more memory than the jail has",
        "mmap.mmap(-1, 1 << 40, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)",
        rule=_RUNS_CODE,
    ),
    Act(
        "3",
        "Makes memory that no limit of files counts",
        "os.ftruncate(os.memfd_create('big'), 1 << 40)",
        "memory.memfd",
        {"path": "big"},
    ),
    Act("3", "Makes shared memory of System V", "call(29, 0, 1 << 30, 0o1600)", "memory.memfd"),
    Act("4", "Fills /tmp", "open('/tmp/fill', 'wb')", "file.write", {"path": "/tmp/fill"}),
    Act("4", "Fills /dev/shm", "open('/dev/shm/fill', 'wb')", "file.write", {"path": "/dev/shm/fill"}),
    Act("4", "Fills the home", "open('/home/user/fill', 'wb')", "file.write", {"path": "/home/user/fill"}),
    Act("5", "Fills the root", "open('/fill', 'wb')", "file.write", {"path": "/fill"}),
    Act("5", "Fills the folder of the model", "open('/model/fill', 'wb')", "file.write", {"path": "/model/fill"}),
    Act("5", "Grows the model itself", "os.truncate(glob.glob('/model/*')[0], 1 << 40)", "file.write", {"path": "/m"}),
    Act(
        "7",
        "Opens descriptors until there are none",
        """
        held = []
        try:
            while True:
                held.append(os.dup(1))
        finally:
            for descriptor in held:
                os.close(descriptor)
        """,
        rule=_RUNS_CODE,
        contained="refused EMFILE",
    ),
    Act(
        "7",
        "Raises its own limit of descriptors",
        "call(libc.setrlimit, resource.RLIMIT_NOFILE, struct.pack('QQ', 1 << 20, 1 << 20))",
        "watch.tamper",
        {"flags": "0x7"},
    ),
    Act(
        "9",
        "Sleeps for thirty years",
        "time.sleep(10**9)",
        "time.sleep",
        {"call": "clock_nanosleep"},  # its length is what is left when it is read, a millisecond less on a busy machine
        contained="None",
    ),
    Act(
        "10",
        "Leaves its session",
        "os.setsid()",
        "privilege",
    ),
    Act(
        "10",
        "Makes a daemon by way of two forks",
        "os.fork() or os.setsid() or os.fork()",
        "process.fork",
        {"flags": "0x"},
    ),
    Act(
        "16",
        "Asks for core dumps",
        "call(libc.setrlimit, resource.RLIMIT_CORE, struct.pack('qq', -1, -1))",
        "watch.tamper",
        {"flags": "0x4"},
    ),
    Act(
        "16",
        "Finds the limit of core dumps at nothing",
        "resource.getrlimit(resource.RLIMIT_CORE)",
        rule=_RUNS_CODE,
        contained=r"\(0, 0\)",
    ),
    # Last: its paths take all the rows of their kind.
    Act(
        "6",
        "Makes files until there are no inodes",
        """
        refused = 0
        for number in range(3000):
            try:
                os.close(os.open(f"/tmp/inode{number}", os.O_CREAT | os.O_WRONLY))
            except OSError as error:
                refused += error.errno == errno.EROFS
        return f"{refused} of {number + 1} refused"
        """,
        "file.write",
        {"path": "/tmp/inode"},
        contained="3000 of 3000 refused",
    ),
)

LOADS = (Load("resources", _RESOURCES),)
