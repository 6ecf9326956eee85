"""What people use without us. Each peer is a function (MODEL, OUT) that raises what it can't do.

The files are our own and harmless: none of this runs in a jail.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

_NUMPY = frozenset({".npy", ".npz", ".pkl", ".p", ".pdparams", ".pdopt"})
_JOBLIB = frozenset({".pkl", ".p", ".pdparams", ".pdopt", ".joblib"})


@dataclass(frozen=True)
class Peer:
    """`reads`: the kinds of file that it is for, none: any. `libraries`: what it imports."""

    name: str
    place: str
    function: str
    libraries: tuple[str, ...]
    reads: frozenset[str] = frozenset()

    def takes(self, path: Path) -> bool:
        return not self.reads or (path.suffixes[:1] or [""])[0] in self.reads

    def load(self) -> Callable[[str, str], None]:
        """The function, with everything that it needs imported."""
        for library in self.libraries:
            importlib.import_module(library)
        found = getattr(importlib.import_module(f"bench.conversion.peers.{self.place}"), self.function)
        return cast("Callable[[str, str], None]", found)


_TORCH, _ARRAYS = ("torch", "safetensors.torch"), ("numpy", "safetensors.numpy")
PEERS = {
    peer.name: peer
    for peer in (
        Peer("torch.load(weights_only=True) + save_file", "torch_load", "safe", _TORCH),
        Peer("torch.load(weights_only=False) + save_file", "torch_load", "unsafe", _TORCH),
        Peer("safetensors' convert script", "convert_script", "convert", _TORCH),
        Peer("np.load(allow_pickle=True) + save_file", "numpy_load", "convert", _ARRAYS, _NUMPY),
        Peer("joblib.load + save_file", "joblib_load", "convert", ("joblib", *_ARRAYS), _JOBLIB),
    )
}
