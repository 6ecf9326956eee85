"""sandbox-load: open an untrusted model once, safely.

from sandbox import Request, evaluate, load_state_dict, read_metadata
"""

from __future__ import annotations

from typing import Any

from sandbox.facts import VERSION

__version__ = VERSION
__all__ = ["Request", "__version__", "evaluate", "load_state_dict", "read_metadata"]


def __getattr__(name: str) -> Any:
    """Load the public names when they are first used: `import sandbox` costs nothing."""
    if name == "evaluate":
        from sandbox.controller import evaluate  # noqa: PLC0415

        return evaluate
    if name == "Request":
        from sandbox.request import Request  # noqa: PLC0415

        return Request
    if name == "load_state_dict":
        from sandbox.tensors import load_state_dict  # noqa: PLC0415

        return load_state_dict
    if name == "read_metadata":
        from sandbox.metadata.reader import read_metadata  # noqa: PLC0415

        return read_metadata
    raise AttributeError(name)
