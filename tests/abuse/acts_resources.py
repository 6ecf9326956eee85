"""Cases 1 to 18: using up what the machine has, by acts that leave their load alive."""

from __future__ import annotations

from tests.abuse.case import Act, Load

LOADS = (
    Load(
        "resources",
        (Act("1", "Fork bomb, attempts one after another", "os.fork()", "process.fork", {"flags": "0x"}),),
    ),
)
