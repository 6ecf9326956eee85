"""What people do without us, in a fresh process: `python -m bench.plain import|plain|mmap MODEL OUT`."""

from __future__ import annotations

import json
import sys

from bench.measure import own_peak


def main(what: str, source: str, target: str) -> None:
    """Import torch; unless that is all, load the file and save its tensors as safetensors."""
    import torch  # noqa: PLC0415 - this import is what is measured

    if what != "import":
        from safetensors.torch import save_file  # noqa: PLC0415

        loaded = torch.load(source, map_location="cpu", weights_only=False, mmap=what == "mmap")
        save_file(loaded.get("state_dict", loaded), target)
    print(json.dumps({"host_peak": own_peak()}))


if __name__ == "__main__":
    main(*sys.argv[1:4])
