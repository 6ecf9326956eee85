"""Has torch, zipfile, gzip and tarfile write the same bytes each time they write the same thing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import torch
from torch.utils.hooks import RemovableHandle

_WHEN = 1_000_000_000.0


@contextmanager
def repeatable() -> Iterator[None]:
    """The clock stands still, seeds and counters begin anew, and a storage's key is its number and not its address."""
    clock, local, next_hook = time.time, time.localtime, RemovableHandle.next_id
    numbers: dict[int, int] = {}
    fresh = count(1)
    address = torch._C.StorageBase._cdata.__get__

    def number(storage: Any) -> int:
        key = address(storage)
        if key not in numbers:
            numbers[key] = next(fresh)
        return numbers[key]

    time.time, time.localtime = (lambda: _WHEN), (lambda *_: time.gmtime(_WHEN))
    torch.UntypedStorage._cdata = property(number)
    RemovableHandle.next_id = 0
    torch.manual_seed(0)
    try:
        yield
    finally:
        time.time, time.localtime, RemovableHandle.next_id = clock, local, next_hook
        del torch.UntypedStorage._cdata
