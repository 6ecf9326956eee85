"""PID 1 of the jail: takes the order on standard input, supervises readers and loader, streams frames out, reaps.

It parses nothing of the model. Started as `python3 -I -B /code/runner.py`.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), "/env"]

from guest import processes  # noqa: E402

processes.protect()

from guest.supervisor import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
