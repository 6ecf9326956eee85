"""Makes a checkpoint of float32 tensors, all of one size: `python -m bench.checkpoints PATH BYTES TENSORS [legacy]`."""

from __future__ import annotations

import sys
from pathlib import Path


def main(path: Path, nbytes: int, tensors: int, *, legacy: bool) -> None:
    """Random bytes, so that nothing on the way can make less of them."""
    import torch  # noqa: PLC0415 - the bench's own process stays without it

    width = 1000
    rows = max(1, nbytes // (4 * width * tensors))
    state = {f"layers.{number}.weight": torch.randn(rows, width) for number in range(tensors)}
    torch.save({"state_dict": state, "epoch": 3}, path, _use_new_zipfile_serialization=not legacy)
    path.chmod(0o644)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), legacy="legacy" in sys.argv[4:])
