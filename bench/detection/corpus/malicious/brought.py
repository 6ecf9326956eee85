"""Code that the file brings along: byte-code, functions of cloudpickle and dill, source text, nested streams."""

from __future__ import annotations

import base64
import marshal
import textwrap
import zlib

from bench.detection.build.pickled import SYSTEM, built, caught, made, walked
from bench.detection.sample import Sample
from tests.malicious.pickles import Opcodes, call, called, code_object, named, stream

_SOURCE = "import os\nos.system('id')"
_CODE = "fickling's examples: code objects and marshal"
_CLOUD = "cloudpickle and dill, as their documents warn of them"
_NESTED = "picklescan's tests: pickles within pickles"
_GLOBALS: dict[str, object] = {"__builtins__": named("builtins", "__dict__")}


def _marshalled(source: str) -> bytes:
    return marshal.dumps(compile(textwrap.dedent(source), "x", "exec"))


def _code(form: str = "types", name: str = "CodeType") -> Opcodes:
    """A code object by its seventeen arguments, as cloudpickle writes it for Python 3.11."""
    arguments = (0, 0, 0, 0, 1, 3, b"\x97\0d\0S\0", (None,), (), (), "x.py", "f", "f", 1, b"", b"", (), ())
    return call(form, name, *arguments)


_CODE_SOURCE = base64.b64encode(_SOURCE.encode())
_FUNCTION = call("types", "FunctionType", _code(), dict(_GLOBALS))
_CLOUD_MODULE = "cloudpickle.cloudpickle"
_BUILTIN_TYPE = call(_CLOUD_MODULE, "_builtin_type", "CodeType")
_CLOUD_FUNCTION = call(_CLOUD_MODULE, "_make_function", _code(), {}, None, None, None)
_DILL_FUNCTION = call("dill._dill", "_create_function", call("dill._dill", "_create_code", b"", 0), {}, "f", None, None)

_ROWS = (
    (
        "marshal_exec",
        "marshalled code, executed",
        _CODE,
        call("builtins", "exec", call("marshal", "loads", _marshalled(_SOURCE))),
    ),
    ("marshal_function", "a function made of marshalled code, with globals of its own", _CODE, code_object("x = 1")),
    ("code_arguments", "a code object by its arguments", _CODE, _FUNCTION),
    ("code_called", "a function made of a code object, called", _CODE, called(_FUNCTION)),
    (
        "code_of_lambda",
        "a code object replaced in a function",
        _CODE,
        built(named("torch._utils", "_rebuild_tensor_v2"), (None, {"__code__": _code()})),
    ),
    ("code_made", "NEWOBJ of a function", _CODE, made(named("types", "FunctionType"), _code(), {})),
    (
        "code_by_type",
        "a code object's type, found by a walk",
        _CODE,
        called(walked("builtins", "compile.__class__"), "x"),
    ),
    (
        "code_of_getattr",
        "a function's __code__ by getattr",
        _CODE,
        call("builtins", "getattr", named("torch._utils", "_rebuild_tensor"), "__code__"),
    ),
    (
        "inflated",
        "source text, inflated",
        _CODE,
        call("builtins", "exec", call("zlib", "decompress", zlib.compress(_SOURCE.encode()))),
    ),
    (
        "base64_source",
        "source text in base64",
        _CODE,
        call("builtins", "exec", call("base64", "b64decode", _CODE_SOURCE)),
    ),
    (
        "rot13_source",
        "source text in rot13",
        _CODE,
        call("builtins", "exec", call("codecs", "decode", "cevag(1)", "rot13")),
    ),
    (
        "encoded_source",
        "source text by _codecs.encode",
        _CODE,
        call("builtins", "exec", call("_codecs", "encode", "x = 1", "latin1")),
    ),
    ("cell_made", "a cell of a closure", _CODE, call("types", "CellType", SYSTEM)),
    ("cloud_function", "a function of cloudpickle, kept", _CLOUD, _CLOUD_FUNCTION),
    ("cloud_called", "a function of cloudpickle, called", _CLOUD, called(_CLOUD_FUNCTION)),
    ("cloud_type", "a code object by cloudpickle's types", _CLOUD, called(_BUILTIN_TYPE, 0, 0, 0)),
    (
        "cloud_class",
        "a class of cloudpickle",
        _CLOUD,
        called(call(_CLOUD_MODULE, "_make_skeleton_class", named("builtins", "type"), "X", (), {}, "id", None)),
    ),
    ("cloud_import", "a module by cloudpickle", _CLOUD, call(_CLOUD_MODULE, "subimport", "os")),
    (
        "cloud_setstate",
        "a method put into a class of cloudpickle",
        _CLOUD,
        call(_CLOUD_MODULE, "_class_setstate", named("argparse", "Namespace"), ({"__del__": _CLOUD_FUNCTION}, {})),
    ),
    ("dill_function", "a function of dill, kept", _CLOUD, _DILL_FUNCTION),
    ("dill_called", "a function of dill, called", _CLOUD, called(_DILL_FUNCTION)),
    ("dill_eval", "dill's source", _CLOUD, call("dill.source", "importable", "os")),
    ("dill_load", "dill within pickle", _CLOUD, call("dill", "loads", stream(SYSTEM))),
    ("dill_import", "dill's import", _CLOUD, called(call("dill._dill", "_import_module", "os.system"), "id")),
    ("pure_unpickler", "Python's own unpickler", _NESTED, call("pickle", "_loads", stream(SYSTEM))),
    (
        "unpickler_made",
        "an unpickler and its method",
        _NESTED,
        call("pickle", "_Unpickler.load", call("pickle", "_Unpickler", call("io", "BytesIO", stream(SYSTEM)))),
    ),
    (
        "torch_bytes",
        "torch's loader of bytes, with a pickle",
        _NESTED,
        call("torch.storage", "_load_from_bytes", stream(SYSTEM)),
    ),
    (
        "numpy_bytes",
        "a numpy array of objects in bytes",
        _NESTED,
        call("numpy", "load", call("io", "BytesIO", b"\x93NUMPY"), None, True),
    ),
    (
        "hidden_in_numpy",
        "an array of objects whose state is a call",
        _NESTED,
        built(
            call("numpy.core.multiarray", "_reconstruct", named("numpy", "ndarray"), (0,), b"b"),
            (1, (1,), call("numpy", "dtype", "O8", False, True), False, [SYSTEM]),
        ),
    ),
)

_CAUGHT = (
    (
        "global.dangerous.called",
        "event.fork event.program",
        "marshal_exec dill_load pure_unpickler unpickler_made hidden_in_numpy",
    ),
    ("global.dangerous.called", "load.failed", "dill_import numpy_bytes"),
    ("global.dangerous.called global.inside.named", "", "marshal_function code_arguments code_called"),
    ("global.dangerous.called global.unknown.called", "event.fork event.program", "inflated base64_source"),
    ("global.code.carried global.dangerous.called", "", "cloud_function cloud_setstate"),
    ("global.dangerous.called global.table.changed oddity.patch reader.incomplete", "", "code_of_lambda"),
    ("global.dangerous.called global.dangerous.new", "", "code_made"),
    ("global.code.carried", "load.failed", "dill_function"),
    ("global.code.called global.code.carried", "load.failed", "dill_called"),
    ("global.inside.called", "load.failed", "code_by_type"),
    ("global.resolver.machinery", "", "code_of_getattr"),
    ("global.code.types global.dangerous.called", "event.fork event.program", "cell_made"),
    ("global.code.called global.code.carried global.dangerous.called", "", "cloud_called"),
    ("global.code.types", "load.failed", "cloud_type"),
    ("global.code.types", "", "cloud_class"),
    ("global.dangerous.called", "event.fork event.program load.failed", "torch_bytes"),
)

SAMPLES: tuple[Sample, ...] = caught(_ROWS, _CAUGHT)
