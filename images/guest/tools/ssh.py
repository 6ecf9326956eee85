"""ssh, scp, sftp, rsync: as far as the two banners, then refused as by a server that doesn't know the key."""

from __future__ import annotations

from guest.tools.call import Call
from guest.tools.network import UnresolvedError, connected, received
from guest.tools.options import Options

BANNER = b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"
_BANNER_SECONDS = 1.0
_FAILED = 255
_PORT = 22
_VALUED = {f"-{letter}": "other" for letter in "BbcDEeFIiJLlmOoQRSWw"} | {"-p": "port"}
_COPY_VALUED = {f"-{letter}": "other" for letter in "ceFiJloSX"} | {"-P": "port", "--rsh": "other", "-e": "other"}


def ssh(call: Call) -> int:
    """ssh [options] [user@]host [command]"""
    if "-V" in call.arguments[:1]:
        call.complain("OpenSSH_9.2p1 Debian-2+deb12u3, OpenSSL 3.0.15 3 Sep 2024")
        return 0
    options = Options(call.arguments, _VALUED, {}, until=1)
    place = options.operands[0].removeprefix("ssh://") if options.operands else ""
    if not place:
        call.complain("usage: ssh [-46AaCfGgKkMNnqsTtVvXxYy] destination [command [argument ...]]")
        return _FAILED
    return refused(call, place, options.last("port"))


def copy(call: Call) -> int:
    """scp, sftp, rsync: the first operand that names a host."""
    options = Options(call.arguments, _COPY_VALUED, {})
    hosts = [word for word in options.operands if ":" in word or call.name == "sftp"]
    if not hosts:
        call.complain(f"usage: {call.name} [options] source ... target")
        return 1
    place = hosts[0].partition("://")[2].partition("/")[0] or hosts[0].partition(":")[0]
    refused(call, place, options.last("port"))
    call.complain(f"{call.name}: Connection closed")
    return _FAILED


def refused(call: Call, place: str, port: str = "") -> int:
    """Connect to [user@]host, exchange banners, and be refused."""
    host = place.rpartition("@")[2]
    host, _, after = host.partition(":")
    number = int(next((text for text in (port, after) if text.isascii() and text.isdigit()), _PORT))
    try:
        connection = connected(host, number)
    except UnresolvedError:
        call.complain(f"ssh: Could not resolve hostname {host}: Name or service not known")
        return _FAILED
    except OSError as error:
        call.complain(f"ssh: connect to host {host} port {number}: {error.strerror or 'Connection timed out'}")
        return _FAILED
    with_user = place if "@" in place else f"{call.environment.get('USER', 'user')}@{place}"
    received(connection, patience=_BANNER_SECONDS)
    try:
        connection.sendall(BANNER)
    except OSError:
        call.complain(f"kex_exchange_identification: Connection closed by remote host\r\nConnection closed by {host}")
        return _FAILED
    finally:
        connection.close()
    call.complain(f"{with_user}: Permission denied (publickey).")
    return _FAILED
