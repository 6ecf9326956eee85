"""The names of the output: what is taken off them, and what an escaped one stands for. The rule is docs/naming.md."""

from __future__ import annotations

import re

from sandbox.errors import HostileError
from sandbox.weights.header import METADATA_KEY

_NUMBER = re.compile(r"%\([0-9]+\)\Z")
_BYTES = re.compile("(?:%[0-9A-F]{2})+")


def stripped(name: str, prefix: str) -> str:
    """Without the prefix, unless that leaves nothing that a tensor could be called."""
    rest = name.removeprefix(prefix)
    return name if rest in ("", METADATA_KEY) else rest


def original(untrusted_name: str) -> str:
    """The name that was escaped, or was another's already. Raises HostileError when there is none."""
    untrusted_escaped = _NUMBER.sub("", untrusted_name)
    try:
        return "" if untrusted_escaped == "%" else _BYTES.sub(_text, untrusted_escaped)
    except UnicodeDecodeError:
        raise HostileError("an escaped name stands for none") from None


def _text(found: re.Match[str]) -> str:
    return bytes.fromhex(found[0].replace("%", "")).decode("utf-8", "surrogatepass")
