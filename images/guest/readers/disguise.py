"""Files whose name promises what can't run code, and whose content is a pickle: whoever goes by content unpickles it.

Names such as .bin, .pt, .model or .dat promise nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from guest.readers.interface import Found
from guest.readers.session import Session

_PICKLE = "pickle"  # begins with 0x80, or with anything at all: a short text may happen to be one
_UNPICKLED = frozenset(
    {"joblib", "torch-zip", "torch-legacy", "torch-tar", "torchscript", "torch-export", "torch-package"}
)
# What names that end so promise, and the formats that keep it.
_PROMISED = {
    "weights": (
        "safetensors onnx gguf ggml tflite pb msgpack flax mlmodel h5 hdf5 hdf keras parquet arrow feather",
        frozenset({"safetensors", "onnx", "gguf", "ggml", "tflite", "flax", "hdf5", "keras"}),
    ),
    "text": ("json jsonl txt text csv tsv yaml yml toml ini cfg conf md rst xml html htm log py", frozenset[str]()),
    "media": ("png jpg jpeg gif bmp webp svg pdf wav mp3 mp4", frozenset[str]()),
    "arrays": ("npy npz", frozenset({"npy", "npz", "zip"})),
}
_KEEPS = {f".{ending}": kept for endings, kept in _PROMISED.values() for ending in endings.split()}


def note(found: Sequence[Found], name: str, begins: bytes, session: Session, uses: int) -> None:
    """Say so of a file that was read. `uses`: how many uses of globals the session had before."""
    ending = PurePosixPath(name).suffix.lower()
    kept = _KEEPS.get(ending)
    if not found or kept is None or any(form.name in kept for form in found):
        return
    marked = found[0].name == _PICKLE and begins[:1] == b"\x80"
    if marked or found[0].name in _UNPICKLED or len(session.uses) > uses:
        detail = f"its name ends with {ending}, and it is a {found[0].name} file"
        session.oddity(found[0].name, "format.disguised", detail)
