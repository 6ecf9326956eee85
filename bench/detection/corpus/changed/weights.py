"""Weights that are others in memory than in the file: changed in place, replaced, swapped, later, or when rebuilt."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.detection.build.changing import (
    DICT,
    OTHER,
    UNTOLD,
    WEIGHT,
    array,
    arrays,
    by_joblib,
    get,
    kept,
    method,
    source,
    torch_archive_of_tar,
    torch_legacy,
    torch_zip,
)
from bench.detection.build.pickled import built, made
from bench.detection.sample import Part, Sample, rules
from tests.malicious.pickles import Opcodes, call, called, literal, named, run, stream, tensor

_SLEEPY = "Sleepy Pickle: Trail of Bits, 2024"
_OPEN = "what a pickle may call"


def _sample(
    name: str, technique: str, static: str, watched: str, build: Callable[[Path], None], file: str = "model.pt"
) -> Sample:
    return Sample(
        f"changed_{name}", Part.CHANGED, technique, _SLEEPY if "global.dangerous" in static else _OPEN, file, build,
        rules(static), rules(watched),
    )  # fmt: skip


def _zip(payload: Opcodes, *, first: bool = False, data: bytes | None = None) -> Callable[[Path], None]:
    more = {} if data is None else {"data": data}
    return partial(torch_zip, payload=payload, first=first, **more)


def _carried() -> bytes:
    """A PyTorch archive in a pickle's bytes, whose own payload changes it."""
    held = io.BytesIO()
    torch_zip(_Held(held), method("torch", "Tensor.zero_", get(WEIGHT)))
    return held.getvalue()


class _Held:
    """A path to memory."""

    def __init__(self, held: io.BytesIO) -> None:
        self._held = held

    def write_bytes(self, content: bytes) -> int:
        return self._held.write(content)


# In the memo alone: it dies with the unpickler, when the model is whole.
_FINALIZED = call(
    "builtins", "eval",
    "type('Late', (), {'__del__': lambda self: [thing.zero_() for thing in __import__('gc').get_objects()"
    " if type(thing).__name__ == 'Tensor' and tuple(thing.shape) == (2, 3)]})()",
)  # fmt: skip
_KIND = call(
    "builtins", "eval",
    "type('Weights', (dict,), {'__setitem__': lambda self, key, value: dict.__setitem__(self, key, value * 0)})",
)  # fmt: skip


def _subclass(path: Path) -> None:
    """A dictionary of a class that changes what is put into it."""
    made = Opcodes(_KIND + b")\x81" + literal("weight") + array() + b"s")
    path.write_bytes(stream({"state": made}, 4))


_IN_PLACE = (
    _sample(
        "in_place_by_source",
        "Python that overwrites the tensors it finds",
        "global.dangerous.called",
        "weights.differ",
        _zip(source("for thing in weights():\n    thing.zero_()")),
    ),
    _sample(
        "in_place_by_method",
        "a tensor's own method, called by its name",
        "global.unknown.called",
        "weights.differ",
        _zip(method("torch", "Tensor.zero_", get(WEIGHT))),
    ),
    _sample(
        "in_place_by_view",
        "through another tensor of the same storage",
        "global.unknown.called",
        "weights.differ",
        _zip(method("torch", "Tensor.fill_", method("torch", "Tensor.view", get(WEIGHT), -1), 1)),
    ),
    _sample(
        "in_place_by_operator",
        "an array, by the operator *=",
        "global.function.called",
        "weights.differ",
        partial(arrays, payload=called(named("_operator", "imul"), get(WEIGHT), 0)),
        "model.pkl",
    ),
    _sample(
        "in_place_by_array",
        "an array's own method",
        "global.unknown.called",
        "weights.differ",
        partial(arrays, payload=method("numpy", "ndarray.fill", get(WEIGHT), 0)),
        "model.pkl",
    ),
    _sample(
        "in_place_joblib",
        "an array of joblib's",
        "global.unknown.called",
        "weights.differ",
        partial(by_joblib, payload=method("numpy", "ndarray.fill", get(WEIGHT), 0)),
        "model.joblib",
    ),
    _sample(
        "in_place_tar",
        "PyTorch's archive before 0.1.10",
        "global.dangerous.called",
        "weights.differ",
        partial(torch_archive_of_tar, payload=source("for thing in weights():\n    thing.zero_()")),
    ),
)
_STORAGE = (
    _sample(
        "storage_set",
        "a tensor takes another one's storage",
        "global.unknown.called",
        "weights.differ",
        _zip(method("torch", "Tensor.set_", get(WEIGHT), get(OTHER))),
    ),
    _sample(
        "storage_data",
        "Python gives a tensor other data",
        "global.dangerous.called",
        "weights.differ",
        _zip(source("for thing in weights():\n    thing.data = torch.ones(2, 3)")),
    ),
    _sample(
        "storage_legacy",
        "PyTorch's old format, whose storages are filled last",
        "global.dangerous.called",
        "weights.differ",
        partial(torch_legacy, payload=source("for thing in weights():\n    thing.data = torch.ones(2, 3)")),
    ),
)
_SWAPPED = (
    _sample(
        "swapped_by_operator",
        "the dictionary's item is set again, by a function",
        "global.resolver.called",
        "weights.differ",
        _zip(called(named("_operator", "setitem"), get(DICT), "weight", get(OTHER))),
    ),
    _sample(
        "swapped_by_update",
        "the dictionary's own method",
        "global.unknown.called",
        "weights.differ",
        _zip(method("builtins", "dict.update", get(DICT), {"weight": get(OTHER), "other": get(WEIGHT)})),
    ),
    _sample(
        "swapped_by_source",
        "Python puts another tensor in its place",
        "global.dangerous.called",
        "weights.differ",
        _zip(
            source("""
            for thing in gc.get_objects():
                if type(thing) is dict and "weight" in thing and type(thing["weight"]) is torch.Tensor:
                    thing["weight"] = thing["weight"] + 1
        """)
        ),
    ),
)
_LATER = (
    _sample(
        "later_by_thread",
        "a thread, half a second after the load",
        "global.dangerous.called",
        "weights.differ",
        _zip(
            source("""
                import threading, time
                def change():
                    time.sleep(0.5)
                    for thing in weights():
                        thing.zero_()
                threading.Thread(target=change).start()
            """)
        ),
    ),
    _sample(
        "later_by_finalizer",
        "a finalizer, when the unpickler's memo goes",
        "global.dangerous.called oddity.spliced",
        "weights.differ",
        _zip(Opcodes(kept(_FINALIZED, 9) + b"0N")),
    ),
    _sample(
        "later_by_profile",
        "when torch.load returns",
        "global.dangerous.called",
        "weights.differ",
        _zip(
            source("""
                def profile(frame, event, told):
                    if event == "return" and frame.f_code.co_name == "load" and isinstance(told, dict):
                        told["weight"].zero_()
                sys.setprofile(profile)
                frame = sys._getframe()
            """)
        ),
    ),
)
_REBUILT = (
    _sample(
        "rebuilt_patched",
        "the function that rebuilds tensors is another one before any is",
        "global.dangerous.called",
        "weights.differ",
        _zip(
            run("""
                import torch
                before = torch._utils._rebuild_tensor_v2
                torch._utils._rebuild_tensor_v2 = lambda *given: before(*given).zero_()
            """),
            first=True,
        ),
    ),
    _sample(
        "rebuilt_set",
        "the same by setattr",
        "global.dangerous.called",
        "weights.differ",
        _zip(
            called(
                named("builtins", "setattr"),
                call("importlib", "import_module", "torch._utils"),
                "_rebuild_tensor_v2",
                called(named("builtins", "eval"), "lambda *_: __import__('torch').ones(2, 3)"),
            ),
            first=True,
        ),
    ),
    _sample(
        "rebuilt_carried",
        "a PyTorch archive in a pickle's bytes changes itself",
        "global.unknown.called",
        "weights.differ",
        lambda path: (
            path.write_bytes(stream({"model": call("torch.storage", "_load_from_bytes", _carried())}, 4)) and None
        ),
        "model.pkl",
    ),
    _sample(
        "rebuilt_by_class",
        "a class of the file's own changes what is put into it",
        "global.dangerous.called global.dangerous.named",
        "weights.differ",
        _subclass,
        "model.pkl",
    ),
)
_BITS = (
    _sample(
        "bits_one",
        "one bit of one weight",
        "global.dangerous.called",
        "weights.differ",
        _zip(source("for thing in weights():\n    thing.view(torch.int32)[0, 0] ^= 1")),
    ),
    _sample(
        "bits_nan",
        "the bits of a NaN, and the sign of a zero: == tells no difference",
        "global.dangerous.called",
        "weights.differ",
        _zip(
            source("""
                for thing in weights():
                    bits = thing.view(torch.int32)
                    bits[0, 0] ^= 2
                    bits[0, 1] = -(1 << 31)
            """),
            data=UNTOLD,
        ),
    ),
    _sample(
        "bits_shape",
        "a tensor is turned: its bytes stay",
        "global.unknown.called",
        "weights.differ",
        _zip(method("torch", "Tensor.t_", get(WEIGHT))),
    ),
    _sample(
        "bits_dtype",
        "half the precision",
        "global.dangerous.called",
        "weights.differ",
        _zip(source("for thing in weights():\n    thing.data = thing.data.half()")),
    ),
)

_PARTS = {"training": False, "_parameters": {"weight": tensor("0", (2, 3), (3, 1), 6)}, "_buffers": {}, "_modules": {}}
_DOUBLED = (
    _sample(
        "doubled_weight",
        "a module computes with an attribute that hides its weight",
        "oddity.doubled",
        "",
        _zip(built(made(named("torch.nn.modules.linear", "Linear")), _PARTS | {"weight": get(OTHER)})),
    ),
    _sample(
        "in_place_unknown",
        "an unknown function is given a weight and a number",
        "global.unknown.called",
        "",
        _zip(call("shared_ops.core", "clip", get(WEIGHT), -1)),
    ),
)

SAMPLES = _DOUBLED + _IN_PLACE + _STORAGE + _SWAPPED + _LATER + _REBUILT + _BITS
