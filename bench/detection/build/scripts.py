"""TorchScript archives by hand: a module's attributes, and its code as text."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bench.detection.build.zips import FLOATS, Row, archive
from tests.malicious.pickles import Opcodes, literal, named, stream, tensor

_LONG = re.compile(rb"L(\d+)L\n")  # an opcode that TorchScript's unpickler doesn't know
_CODE = """class Net(Module):
  __parameters__ = ["weight", ]
  __buffers__ = []
  weight : Tensor
  training : bool
  def forward(self: __torch__.Net,
    values: Tensor) -> Tensor:
    result = torch.matmul(values, torch.t(self.weight))
    {act}
    return result
"""


def script(
    act: str = "_0 = torch.relu(values)",
    more: str = "",
    *,
    state: object = None,
    beside: Mapping[str, bytes] | None = None,
) -> bytes:
    """A module with one method, which does `act` besides. `more`: further methods. `state`: what it is given back.

    `beside`: further records.
    """
    weight = tensor("0", (2, 3), (3, 1), 6)
    given = {"weight": weight, "training": False} if state is None else state
    body = Opcodes(named("__torch__", "Net") + b")\x81" + literal(given) + b"b")
    records = {
        "data.pkl": _LONG.sub(lambda found: b"K" + bytes([int(found[1])]), stream(body, 2)),
        "code/__torch__.py": (_CODE.format(act=act) + more).encode(),
        "data/0": FLOATS,
        "constants.pkl": stream((), 2),
        "version": b"3\n",
        **(beside or {}),
    }
    return archive([Row(f"net/{name}", data) for name, data in records.items()])
