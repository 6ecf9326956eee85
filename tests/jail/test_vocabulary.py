"""Every kind of event, by the calls that are it: one load makes them all, each is denied and recorded."""

from __future__ import annotations

import pytest

from sandbox.facts import Event, Report, Verdict
from tests.jail.conftest import Evaluate

pytestmark = [pytest.mark.jail, pytest.mark.one_run]

# What the payload does, and the kind and a detail that its event must have.
ACTS: dict[str, tuple[str, dict[str, str]]] = {
    "os.system('echo a')": ("process.exec", {"argv": "sh -c 'echo a'"}),
    "subprocess.run(['nc', '-e', 'sh'])": ("process.exec", {"argv": "nc -e sh"}),
    "os.execv('/bin/true', ['true'])": ("process.exec", {"argv": "true"}),
    "os.fork()": ("process.fork", {"flags": "0x"}),  # a vfork goes on, to show what it runs
    "socket.create_connection(('203.0.113.7', 4444))": ("net.connect", {"address": "203.0.113.7", "port": "4444"}),
    "socket.socket(socket.AF_INET6).connect(('2001:db8::7', 80))": ("net.connect", {"address": "2001:db8::7"}),
    "socket.socket(socket.AF_UNIX).connect('/var/run/docker.sock')": ("net.connect", {"path": "/var/run/docker.sock"}),
    "socket.socket(socket.AF_UNIX).connect('\\0bus')": ("net.connect", {"path": "@bus"}),
    "udp.sendto(b'hello', ('203.0.113.8', 9999))": ("net.send", {"address": "203.0.113.8", "value": "hello"}),
    "udp.sendmsg([b'a', b'b'], [], 0, ('203.0.113.9', 9))": ("net.send", {"address": "203.0.113.9", "value": "ab"}),
    "socket.getaddrinfo('stolen.example.invalid', 80)": ("net.dns", {"name": "stolen.example.invalid"}),
    "tcp.bind(('127.0.0.1', 4444))": ("net.listen", {"address": "127.0.0.1", "port": "4444"}),
    "tcp.listen()": ("net.listen", {}),
    "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)": ("net.socket", {"family": "AF_NETLINK"}),
    "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)": ("net.socket", {"family": "AF_PACKET"}),
    "socket.socket(socket.AF_VSOCK)": ("net.socket", {"family": "AF_VSOCK"}),
    "socket.socket(38, socket.SOCK_SEQPACKET)": ("net.socket", {"family": "AF_ALG"}),
    "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)": ("net.socket", {"type": "SOCK_RAW"}),
    "socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 1)": ("net.socket", {"protocol": "1"}),
    "open('/home/user/x', 'w')": ("file.write", {"path": "/home/user/x"}),
    "os.mkdir('/tmp/d')": ("file.write", {"path": "/tmp/d"}),
    "os.truncate('/home/user/.bash_history', 0)": ("file.write", {"path": "/home/user/.bash_history"}),
    "os.unlink('/home/user/.netrc')": ("file.delete", {"path": "/home/user/.netrc"}),
    "os.rename('/home/user/.netrc', '/tmp/n')": ("file.rename", {"path": "/home/user/.netrc", "target": "/tmp/n"}),
    "os.chmod('/home/user/.netrc', 0o777)": ("file.chmod", {"path": "/home/user/.netrc"}),
    "os.symlink('/etc/passwd', '/tmp/s')": ("file.link", {"path": "/etc/passwd", "target": "/tmp/s"}),
    "os.link('/home/user/.netrc', '/tmp/l')": ("file.link", {"target": "/tmp/l"}),
    "open('/home/user/.ssh/id_rsa').read()": ("decoy.read", {"path": "/home/user/.ssh/id_rsa"}),
    "os.kill(1, 15)": ("signal.send", {"target": "1", "value": "15"}),
    "libc.ptrace(0, 0, 0, 0)": ("process.trace", {}),
    "libc.process_vm_writev(1, 0, 0, 0, 0, 0)": ("process.trace", {"target": "0x1"}),
    "libc.syscall(438, 3, 1, 0)": ("process.trace", {}),  # pidfd_getfd
    "libc.mount(b'none', b'/mnt', b'tmpfs', 0, 0)": ("escape.mount", {"target": "/mnt"}),
    "libc.syscall(161, b'/tmp')": ("escape.mount", {"path": "/tmp"}),  # chroot
    "libc.unshare(0x10000000)": ("escape.namespace", {}),
    "libc.setns(3, 0)": ("escape.namespace", {}),
    "libc.syscall(321, 0, 0, 0)": ("escape.bpf", {}),
    "libc.syscall(298, 0, 0, 0, 0, 0)": ("escape.bpf", {}),  # perf_event_open
    "libc.syscall(323, 0)": ("escape.bpf", {}),  # userfaultfd
    "libc.syscall(425, 1, 0)": ("escape.io_uring", {}),
    "libc.syscall(250, 0, 0, 0, 0, 0)": ("escape.keyring", {}),
    "libc.syscall(175, 0, 0, b'')": ("escape.module", {}),
    "libc.personality(0x0040000)": ("escape.other", {}),
    "os.memfd_create('x')": ("memory.memfd", {"path": "x"}),
    "mmap.mmap(-1, 4096, prot=7)": ("memory.exec", {}),
    "libc.mprotect(page, 4096, 7)": ("memory.exec", {}),
    "time.sleep(1000.5)": ("time.sleep", {"value": "1000"}),
    "os.setuid(0)": ("privilege", {}),
    "libc.prctl(38, 0, 0, 0, 0)": ("watch.tamper", {}),
    "fcntl.ioctl(0, 0x5412, b'x')": ("other.denied", {}),  # TIOCSTI
}
PAYLOAD = """
import ctypes, fcntl, mmap, os, socket, subprocess, time
libc = ctypes.CDLL(None, use_errno=True)
space = mmap.mmap(-1, 8192, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
page = ctypes.c_void_p((ctypes.addressof(ctypes.c_char.from_buffer(space)) + 4095) & ~4095)
udp, tcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket()
for act in {acts!r}:
    try:
        print(eval(act))
    except Exception as error:
        print(type(error).__name__)
"""


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    return {}


@pytest.fixture
def report(jail: str, reports: dict[str, Report], report_of: Evaluate) -> Report:
    if jail not in reports:
        reports[jail] = report_of(PAYLOAD.format(acts=list(ACTS)))
    return reports[jail]


def holds(event: Event, kind: str, detail: dict[str, str]) -> bool:
    return event.kind == kind and all(event.detail.get(key, "").startswith(text) for key, text in detail.items())


@pytest.mark.parametrize("act", ACTS)
def test_the_act_is_recorded_and_not_allowed(act: str, report: Report) -> None:
    kind, detail = ACTS[act]
    found = [event for event in report.dynamic.events if holds(event, kind, detail)]
    assert found, [event for event in report.dynamic.events if event.kind == kind]
    answers = {event.answer for event in found}
    assert answers <= ({"continued"} if kind == "decoy.read" else {"denied", "faked"})


def test_the_load_came_to_its_end_under_watch(report: Report) -> None:
    assert report.verdict == Verdict.MALICIOUS
    assert report.dynamic.loaded
    assert report.completeness.complete
    assert report.dynamic.unreadable == 0
