"""The jail's own loader without a jail, for strace to watch: `python -m bench.load MODEL FORMAT`."""

from __future__ import annotations

import gc
import importlib
import json
import sys
import time

from bench.measure import ROOT

sys.path[:0] = [str(ROOT / "images"), str(ROOT / "sandbox" / "untrusted")]


def main(path: str, name: str) -> None:
    """Import what the loader imports before it is armed, then load as it does, and print the seconds of that."""
    from guest.load.loaders import NEEDS, load  # noqa: PLC0415 - the path above comes first
    from guest.load.place import Place  # noqa: PLC0415 - likewise
    from guest.supervisor import MAPPED  # noqa: PLC0415 - likewise

    for needed in NEEDS[name]:
        importlib.import_module(needed)
    gc.collect()
    gc.freeze()
    started = time.monotonic()
    loaded = load(name, Place(path, mapped=name in MAPPED))
    seconds = time.monotonic() - started
    print(json.dumps({"load_seconds": seconds, "entries": len(loaded)}))


if __name__ == "__main__":
    main(*sys.argv[1:3])
