"""git: what needs a server asks it once; the rest succeeds and says nothing."""

from __future__ import annotations

from guest.tools.call import Call
from guest.tools.network import HandshakeError, UnresolvedError
from guest.tools.options import Options
from guest.tools.ssh import refused
from guest.tools.web import Url, ask

_FATAL = 128
_VALUED = dict.fromkeys(
    ("-C", "-c", "-b", "-o", "-u", "--branch", "--depth", "--origin", "--git-dir", "--work-tree"), "-"
)
_SERVICE = {"push": "git-receive-pack"}
_ASKING = ("clone", "fetch", "pull", "push", "ls-remote", "submodule")


def git(call: Call) -> int:
    """git [options] command [options] ..."""
    if "--version" in call.arguments[:1]:
        call.say("git version 2.39.5\n")
        return 0
    words = Options(call.arguments, _VALUED, {}).operands
    command, operands = (words[0], words[1:]) if words else ("", [])
    places = [word for word in operands if "://" in word or ":" in word.partition("/")[0]]
    if command not in _ASKING or not places:
        return 0
    place = places[0]
    if command == "clone":
        target = operands[operands.index(place) + 1 :] or [place.rstrip("/").rpartition("/")[2].removesuffix(".git")]
        call.complain(f"Cloning into '{target[0]}'...")
    if "://" in place and not place.startswith("ssh://"):
        return _by_http(call, place, _SERVICE.get(command, "git-upload-pack"))
    refused(call, place.removeprefix("ssh://").partition("/")[0].partition(":")[0])
    call.complain(
        "fatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights"
    )
    return _FATAL


def _by_http(call: Call, place: str, service: str) -> int:
    base = place.rstrip("/")
    try:
        url = Url(f"{base}/info/refs?service={service}")
        headers = ["User-Agent: git/2.39.5", "Accept: */*", "Pragma: no-cache", "Git-Protocol: version=2"]
        response = ask(url, "GET", headers, b"")
    except ValueError:
        why = "URL using bad/illegal format or missing URL"
    except UnresolvedError:
        why = f"Could not resolve host: {url.host}"
    except HandshakeError:
        why = "gnutls_handshake() failed: The TLS connection was non-properly terminated."
    except OSError:
        why = f"Failed to connect to {url.host} port {url.port} after 3 ms: Couldn't connect to server"
    else:
        if response.status >= 400:
            why = f"The requested URL returned error: {response.status}"
        else:
            call.complain(f"fatal: {base}/info/refs not valid: is this a git repository?")
            return _FATAL
    call.complain(f"fatal: unable to access '{base}/': {why}")
    return _FATAL
