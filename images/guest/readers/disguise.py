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
# Endings of names, and the formats that keep their promise.
_PROMISES: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        [
            "safetensors",
            "onnx",
            "gguf",
            "ggml",
            "tflite",
            "pb",
            "msgpack",
            "flax",
            "mlmodel",
            "h5",
            "hdf5",
            "hdf",
            "keras",
            "parquet",
            "arrow",
            "feather",
        ],
        frozenset({"safetensors", "onnx", "gguf", "ggml", "tflite", "flax", "hdf5", "keras"}),
    ),
    **dict.fromkeys(
        [
            "json",
            "jsonl",
            "txt",
            "text",
            "csv",
            "tsv",
            "yaml",
            "yml",
            "toml",
            "ini",
            "cfg",
            "conf",
            "md",
            "rst",
            "xml",
            "html",
            "htm",
            "log",
            "py",
        ],
        frozenset(),
    ),
    **dict.fromkeys(["png", "jpg", "jpeg", "gif", "bmp", "webp", "svg", "pdf", "wav", "mp3", "mp4"], frozenset()),
    **dict.fromkeys(("npy", "npz"), frozenset({"npy", "npz", "zip"})),
}


def note(found: Sequence[Found], name: str, begins: bytes, session: Session, uses: int) -> None:
    """Say so of a file that was read. `uses`: how many uses of globals the session had before."""
    kept = _PROMISES.get(_ending(name))
    if not found or kept is None or found[0].name in kept:
        return
    marked = found[0].name == _PICKLE and begins[:1] == b"\x80"
    if marked or found[0].name in _UNPICKLED or len(session.uses) > uses:
        detail = f"its name ends with .{_ending(name)}, and it is a {found[0].name} file"
        session.oddity(found[0].name, "format.disguised", detail)


def _ending(name: str) -> str:
    return PurePosixPath(name).suffix.lower().removeprefix(".")
