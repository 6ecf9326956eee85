"""How much this process grew while it looked at something: the host's side of a flood."""

from __future__ import annotations

from pathlib import Path

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_RESET_PEAK = "5"


class Growth:
    """A context; `peak` is then the most that it held above what it held at the start, in bytes."""

    def __enter__(self) -> Growth:
        _CLEAR.write_text(_RESET_PEAK, encoding="ascii")
        self._before = _kib("VmRSS")
        self.peak = 0
        return self

    def __exit__(self, *_: object) -> None:
        self.peak = max(0, _kib("VmHWM") - self._before) << 10


def _kib(key: str) -> int:
    lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))
