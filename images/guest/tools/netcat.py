"""nc, socat, telnet: a connection, a program behind it, or bytes to and fro."""

from __future__ import annotations

import _socket
import os
import select

from guest.tools.call import Call
from guest.tools.network import Deadline, UnresolvedError, connected
from guest.tools.options import Options, spelled

# A connection on which neither side says anything is over; so is one that would hold up the load.
IDLE_SECONDS = 2.0
RELAY_SECONDS = 8.0
_PIECE = 1 << 16
_SHELL = "/bin/sh"
_VALUED = spelled("""
    run: -e --exec
    shell: -c --sh-exec
    port: -p --source-port
    other: -w -s -g -G -i -I -O -P -q -T -V -x -X --wait --proxy --proxy-type --idle-timeout
""")
_FLAGS = spelled("""
    listen: -l --listen
    udp: -u --udp
    verbose: -v --verbose
    scan: -z
""")


def netcat(call: Call) -> int:
    """nc and its kin. What stands behind -e replaces this process."""
    options = Options(call.arguments, _VALUED, _FLAGS)
    if options.has("listen"):
        asked = options.last("port") or (options.operands or [""])[-1]
        call.complain(f"{call.name}: Can't grab 0.0.0.0:{asked} with bind")
        return 1
    host, port = _target(options.operands)
    if not host:
        call.complain(f"usage: {call.name} [-options] hostname port[s]")
        return 1
    connection = _reached(call, host, port, udp=options.has("udp"))
    if connection is None:
        return 1
    if options.has("verbose"):
        call.complain(f"Connection to {host} {port} port [tcp/*] succeeded!")
    command = [_SHELL, "-c", options.last("shell")] if options.has("shell") else options.last("run").split()
    if command:
        return _behind(call, connection, command)
    return 0 if options.has("scan") else _relay(call, connection)


def socat(call: Call) -> int:
    """An address of TCP and one of EXEC, SYSTEM or the terminal; what else it can do is refused."""
    valued = dict.fromkeys(("-b", "-t", "-T", "-lf"), "other")
    addresses = Options(call.arguments, valued, {}).operands
    for at, address in enumerate(addresses[:2]):
        kind, _, rest = address.partition(":")
        if kind.lower() in ("tcp", "tcp4", "tcp6", "tcp-connect", "tcp4-connect", "openssl", "ssl", "udp", "udp4"):
            host, port = _target(rest.partition(",")[0].rsplit(":", 1))
            connection = _reached(call, host, port, udp=kind.lower().startswith("udp"))
            other = addresses[1 - at] if len(addresses) > 1 else "-"
            return 1 if connection is None else _joined(call, connection, other)
    call.complain('socat E exactly 2 addresses required (there are 0); use option "-h" for help')
    return 1


def telnet(call: Call) -> int:
    """telnet and ftp, with nobody to log in."""
    host, port = _target(Options(call.arguments, {"-l": "user"}, {}).operands, 21 if call.name == "ftp" else 23)
    if not host:
        return 0
    call.say(f"Trying {host}...\n")
    connection = _reached(call, host, port, udp=False)
    if connection is None:
        return 1
    call.say(f"Connected to {host}.\nEscape character is '^]'.\n")
    return _relay(call, connection)


def _target(operands: list[str], default: int = 0) -> tuple[str, int]:
    """Host and port; a port range is its first, a name of a service is none."""
    host = operands[0] if operands else ""
    number = operands[1].partition("-")[0] if len(operands) > 1 else str(default)
    return host, int(number) if number.isascii() and number.isdigit() and int(number) < 1 << 16 else default


def _reached(call: Call, host: str, port: int, *, udp: bool) -> _socket.socket | None:
    try:
        return connected(host, port, _socket.SOCK_DGRAM if udp else _socket.SOCK_STREAM)
    except UnresolvedError:
        call.complain(f'{call.name}: getaddrinfo for host "{host}" port {port}: Name or service not known')
    except OSError as error:
        call.complain(f"{call.name}: connect to {host} port {port} (tcp) failed: {error.strerror or error}")
    return None


def _joined(call: Call, connection: _socket.socket, other: str) -> int:
    kind, _, rest = other.partition(":")
    command = rest.partition(",")[0].strip("'\"")
    if kind.lower() == "exec":
        return _behind(call, connection, command.split())
    if kind.lower() == "system":
        return _behind(call, connection, [_SHELL, "-c", command])
    return _relay(call, connection)


def _behind(call: Call, connection: _socket.socket, command: list[str]) -> int:
    """Become the program, with the connection as its standard streams."""
    connection.settimeout(None)
    try:
        for descriptor in (0, 1, 2):
            os.dup2(connection.fileno(), descriptor)
        os.execvp(command[0], command)  # noqa: S606 - what the payload asked for, in its jail
    except (OSError, IndexError):
        call.complain(f"{call.name}: exec {' '.join(command)} failed : No such file or directory")
    return 1


def _relay(call: Call, connection: _socket.socket) -> int:
    """Bytes to and fro until the other side ends or both are silent."""
    poll = select.poll()
    deadline = Deadline(RELAY_SECONDS)
    try:
        connection.settimeout(IDLE_SECONDS)
        connection.sendall(call.given)
        poll.register(0, select.POLLIN)
        poll.register(connection.fileno(), select.POLLIN)
        while deadline.left():
            ready = [descriptor for descriptor, _ in poll.poll(IDLE_SECONDS * 1000)]
            if not ready:
                break
            if connection.fileno() in ready:
                answer = connection.recv(_PIECE)
                if not answer:
                    break
                call.say(answer)
            if 0 in ready:
                _pass_on(connection, poll)
    except OSError:
        return 1
    return 0


def _pass_on(connection: _socket.socket, poll: select.poll) -> None:
    try:
        typed = os.read(0, _PIECE)
    except OSError:
        typed = b""
    if typed:
        connection.sendall(typed)
        return
    poll.unregister(0)
    connection.shutdown(_socket.SHUT_WR)
