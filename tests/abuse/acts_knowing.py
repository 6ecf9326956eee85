"""B2 and K: what breaks a naive build, and a loader that knows this source. Acts; the runs are in cases_knowing."""

from __future__ import annotations

from tests.abuse.case import SEEN, Act, Load

# Other spellings of the same file, each of which read as harmless once.
_SPELLINGS = tuple(
    Act(
        "K.1",
        f"PID 1's memory by {spelled}",
        f"{before}os.open({opened})",
        "watch.tamper",
        {"path": "/proc/1/mem", "path_spelled": shown},
        answers=SEEN,
    )
    for spelled, before, opened, shown in (
        ("//proc/1/mem", "", "'//proc/1/mem', 0", "//proc/1/mem"),
        ("/proc/./1/mem", "", "'/proc/./1/mem', 0", "/proc/./1/mem"),
        ("/proc/self/root", "", "'/proc/self/root/proc/1/mem', 0", "/proc/self/root"),
        ("/proc/thread-self/..", "", "'/proc/thread-self/../../../1/mem', 0", "/proc/thread-self"),
        ("a folder's descriptor", "folder = os.open('/proc', 0)\nreturn ", "'1/mem', 0, dir_fd=folder", "1/mem"),
        (
            "/proc/self/fd",
            "folder = os.open('/proc', 0)\nreturn ",
            "f'/proc/self/fd/{folder}/1/mem', 0",
            "/proc/self/fd/",
        ),
        ("/dev/fd", "folder = os.open('/proc', 0)\nreturn ", "f'/dev/fd/{folder}/1/mem', 0", "/dev/fd/"),
        ("the working folder", "os.chdir('/proc/1')\nreturn ", "'mem', 0", "mem"),
        ("/proc/self/cwd", "os.chdir('/proc')\nreturn ", "'/proc/self/cwd/1/mem', 0", "/proc/self/cwd"),
    )
)
_HOME = Act(
    "K.1",
    "Back to a folder of the load's",
    "os.chdir('/')",
    "file.probe",
    {"path": "/"},
    contained="None",
    answers=SEEN,
)
_ODD_CALLS = (
    Act(
        "B2.1",
        "A thread of numpy's that was there before the filter",
        """
        import numpy
        lines = [open(f"/proc/self/task/{task}/status").read() for task in os.listdir("/proc/self/task")]
        return {line.split()[1] for text in lines for line in text.splitlines() if line.startswith("Seccomp:")}
        """,
        "file.read",
        {"path": "/proc/self/task"},
        contained=r"\{'2'\}",
        answers=SEEN,
    ),
    Act(
        "B2.2",
        "Answer its own calls with a listener that was left open",
        """
        answered = []
        for number in range(16):
            try:
                fcntl.ioctl(number, 0xC0502100, bytearray(80))
                answered.append(number)
            except OSError:
                pass
        return answered
        """,
        "other.denied",
        {"call": "ioctl"},
        contained=r"\[\]",
    ),
    Act(
        "B2.3",
        "A program by x32's execve",
        "call(0x40000000 | 520, b'/bin/sh', 0, 0)",
        "abi.foreign",
        {"value": "1073742344"},
    ),
    Act(
        "B2.4",
        "Lower PID 1's descriptors",
        "resource.prlimit(1, resource.RLIMIT_NOFILE, (3, 3))",
        "watch.tamper",
        {"call": "prlimit64", "value": "0x1", "flags": "0x7"},
    ),
    Act(
        "B2.4",
        "End PID 1's CPU time",
        "resource.prlimit(1, resource.RLIMIT_CPU, (1, 1))",
        "watch.tamper",
        {"call": "prlimit64", "value": "0x1", "flags": "0x0"},
    ),
    Act("B2.4", "Interrupt PID 1", "call(234, 1, 1, signal.SIGINT)", "signal.send", {"target": "1", "value": "2"}),
    Act(
        "B2.4",
        "Starve PID 1 (setpriority)",
        "os.setpriority(os.PRIO_PROCESS, 1, 19)",
        "watch.tamper",
        {"call": "setpriority"},
    ),
    Act(
        "B2.4",
        "Starve PID 1 (sched_setscheduler)",
        "os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0))",
        "watch.tamper",
        {"call": "sched_setscheduler"},
    ),
    Act(
        "B2.4",
        "Starve PID 1 (sched_setaffinity)",
        "os.sched_setaffinity(1, {0})",
        "watch.tamper",
        {"call": "sched_setaffinity"},
    ),
    Act("B2.4", "Starve PID 1 (ioprio_set)", "call(251, 1, 1, 0x6000)", "watch.tamper", {"call": "ioprio_set"}),
    Act(
        "B2.4", "Starve PID 1 (sched_setattr)", "call(314, 1, bytes(48), 0)", "watch.tamper", {"call": "sched_setattr"}
    ),
    Act(
        "B2.5",
        "Whether it may write to the kernel's settings, and to the folders that all use",
        """
        places = "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/", "/dev", "/etc", "/code", "/env", "/model"
        return os.getuid() != 0, [place for place in places if os.access(place, os.W_OK)]
        """,
        "file.probe",
        {"path": "/proc/sys/kernel/core_pattern"},
        contained=r"\(True, \[\]\)",
        answers=SEEN,
    ),
    Act(
        "B2.7",
        "Write to the host in PID 1's name",
        "os.open('/proc/1/fd/1', os.O_WRONLY)",
        "watch.tamper",
        {"path": "/proc/1/fd/1"},
    ),
    Act(
        "B2.8",
        "A decoy by openat2, whose arguments no filter sees: it is not there, and openat is watched",
        """
        try:
            call(437, -100, b"/home/user/.netrc", bytes(24), 24)
        except OSError as error:
            open("/home/user/.netrc").close()
            return errno.errorcode[error.errno]
        """,
        "decoy.read",
        {"path": "/home/user/.netrc"},
        contained="ENOSYS",
        answers=SEEN,
    ),
)
_TRACES = (
    Act(
        "K.2",
        "What the reader has left where it could write",
        "[name for place in ('/tmp', '/dev/shm', '/var/tmp') if os.path.isdir(place) for name in os.listdir(place)]",
        "file.read",
        {"path": "/dev/shm"},
        contained=r"\[\]",
        answers=SEEN,
    ),
    Act(
        "K.2",
        "The manifest, or anything else beside the model",
        "[name for name in os.listdir('/model') if len(name) < 8 or '.' in name], len(os.listdir('/model'))",
        "file.read",
        {"path": "/model"},
        contained=r"\(\[\], 1\)",
        answers=SEEN,
    ),
    Act(
        "K.2",
        "Write the manifest",
        "open('/model/x.manifest.json', 'w')",
        "file.write",
        {"path": "/model/x.manifest.json"},
    ),
    Act(
        "K.2",
        "Write into the code that PID 1 runs",
        "open('/code/wire.py', 'a')",
        "file.write",
        {"path": "/code/wire.py"},
    ),
    Act(
        "K.3",
        "Take the decoys' watch away",
        "[call(255, number, 1) for number in range(8)]",
        "other.denied",
        {"call": "inotify_rm_watch"},
    ),
    *(
        Act(
            "K.2",
            f"Take what PID 1 {what}",
            f"os.open('/proc/1/fd/{number}', os.O_RDONLY | os.O_NONBLOCK)",
            "watch.tamper",
            {"path": f"/proc/1/fd/{number}"},
            contained="refused E(ACCES|NODEV|NOENT)",
            answers=SEEN,
        )
        for what, number in (
            ("hears from the host (its input)", 0),
            ("prints (its errors)", 2),
            ("says (its frames)", 3),
        )
    ),
    Act("K.3", "Take the decoys' watch from PID 1", "call(438, 3, 5, 0)", "process.trace", {"call": "pidfd_getfd"}),
    Act(
        "K.3",
        "Put something else in a decoy's place",
        "os.rename('/home/user/.netrc', '/home/user/x')",
        "file.rename",
        {"path": "/home/user/.netrc"},
    ),
)
LOADS = (Load("knowing", (*_SPELLINGS, _HOME, *_ODD_CALLS, *_TRACES)),)
