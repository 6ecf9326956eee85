"""nslookup, dig, host, ping: one question for a name, whatever kind of record was asked for."""

from __future__ import annotations

from guest.tools.call import Call
from guest.tools.network import UnresolvedError, addresses
from guest.tools.options import Options

_KINDS = frozenset(("a", "aaaa", "any", "cname", "mx", "ns", "ptr", "soa", "srv", "txt", "in"))
_DIG_VALUED = {f"-{letter}": "other" for letter in "bcfkptyx"} | {"-q": "name"}
_PING_VALUED = {f"-{letter}": "other" for letter in "cIiMmlpQSsTtWw"}


def nslookup(call: Call) -> int:
    """nslookup name [server]"""
    return _looked_up(
        call, _names(call, {}), "Name:\t{name}\nAddress: {address}\n", "** server can't find {name}: NXDOMAIN"
    )


def host(call: Call) -> int:
    """host name [server]"""
    valued = {f"-{letter}": "other" for letter in "ctRNW"}
    return _looked_up(
        call, _names(call, valued), "{name} has address {address}\n", "Host {name} not found: 3(NXDOMAIN)"
    )


def dig(call: Call) -> int:
    """dig [@server] name [kind] [+short]"""
    short = "+short" in call.arguments
    form = "{address}\n" if short else ";; ANSWER SECTION:\n{name}.\t\t300\tIN\tA\t{address}\n"
    _looked_up(call, _names(call, _DIG_VALUED)[:1], form, "" if short else ";; status: NXDOMAIN")
    return 0


def ping(call: Call) -> int:
    """ping host: the name is asked for; no echo comes back, since raw sockets are closed to the jail."""
    names = _names(call, _PING_VALUED)[:1]
    form = "PING {name} ({address}) 56(84) bytes of data.\n\n--- {name} ping statistics ---\n"
    found = _looked_up(call, names, form + "1 packets transmitted, 0 received, 100% packet loss, time 0ms\n", "")
    if found:
        call.complain(f"ping: {(names or [''])[0]}: Name or service not known")
    return 2 if found else 1


def _names(call: Call, valued: dict[str, str]) -> list[str]:
    operands = Options(call.arguments, valued, {}).operands
    return [word for word in operands if word[:1] not in ("@", "+") and word.lower() not in _KINDS]


def _looked_up(call: Call, names: list[str], form: str, missing: str) -> int:
    """Ask for the first name; say its addresses in that form, or that it is missing."""
    for name in names[:1]:
        try:
            for _, address in addresses(name)[:1]:
                call.say(form.format(name=name, address=address[0]))
        except UnresolvedError:
            if missing:
                call.say(missing.format(name=name) + "\n")
            return 1
    return 0
