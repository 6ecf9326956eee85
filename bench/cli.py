"""The command `sandbox-load` of this checkout, and its peak of memory as a last line of output."""

from __future__ import annotations

import json

from bench.measure import own_peak
from sandbox.cli import main

if __name__ == "__main__":
    code = main()
    print(json.dumps({"host_peak": own_peak()}))
    raise SystemExit(code)
