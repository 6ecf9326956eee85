"""What a pickle finds and changes, what it hands on, what it spells in another way, and calls that never end.

Packages that are gone stand for such that an attacker knows to be there: what shows the attack is how they are used.
"""

from __future__ import annotations

from bench.detection.build.pickled import built, caught, in_torch_zip, made
from bench.detection.sample import Part, Sample, rules
from tests.malicious.pickles import Opcodes, call, literal, named, stream

_SOURCE = "an attacker who was given nothing but the tool's documents"
_RUN = named("shared_ops.core", "spy")
_SPAWN = named("posix", "system")

_ROWS = (
    (
        "cython_name",
        "a function that is only called as Cython's are",
        _SOURCE,
        call("shared_ops.core", "__pyx_unpickle_run", "id"),
    ),
    (
        "found_logger",
        "the logger of the whole process gets another method",
        _SOURCE,
        built(call("logging", "getLogger"), {"handle": _RUN}),
    ),
    (
        "found_member",
        "an enumeration's member gets another value, for everybody",
        _SOURCE,
        built(call("builtins", "getattr", named("http", "HTTPStatus"), "FORBIDDEN"), {"_value_": 200}),
    ),
    ("debugger_port", "a debugger that listens as soon as it is made", _SOURCE, call("rpdb", "Rpdb")),
    (
        "handed_function",
        "os.system and its argument, handed to a class that nobody knows",
        _SOURCE,
        call("shared_ops.parallel", "Runner", _SPAWN, "id"),
    ),
    (
        "respelled_storage",
        "torch's reader of files by the module that defines it",
        _SOURCE,
        call("torch.storage", "UntypedStorage.from_file", "/srv/shared/weights.bin", False, 1),
    ),
    ("multiplied_text", "a text of a million million letters", _SOURCE, call("operator", "mul", "a", 10**12)),
)

_CAUGHT = (
    ("global.unknown.called", "", "cython_name"),
    ("oddity.patch oddity.shadow", "", "found_logger"),
    ("oddity.patch", "", "found_member"),
    ("global.dangerous.passed global.unknown.called", "", "handed_function"),
    ("global.dangerous.called", "load.failed", "respelled_storage"),
    ("oddity.number", "load.failed", "multiplied_text"),
)

_STORAGE = Opcodes(literal(("storage", named("torch", "FloatStorage"), "0", "cpu", 6)) + b"Q")
_HOOKED = call(
    "torch._tensor",
    "_rebuild_from_type_v2",
    named("torch._utils", "_rebuild_tensor_v2"),
    named("torch", "Tensor"),
    (_STORAGE, 0, (2, 3), (3, 1), True, call("collections", "OrderedDict")),
    {"_backward_hooks": {0: _RUN}},
)
_BESIDE = built(
    made(named("joblib.numpy_pickle_compat", "NDArrayWrapper")),
    {"filename": "/srv/shared/stage.npy", "subclass": named("numpy", "ndarray"), "allow_mmap": False},
)

SAMPLES: tuple[Sample, ...] = (
    *caught(_ROWS, _CAUGHT),
    in_torch_zip("hook_beside_tensor", "a hook among a tensor's attributes", _SOURCE, _HOOKED, "oddity.storage"),
    Sample(
        "joblib_elsewhere",
        Part.MALICIOUS,
        "an array that joblib would load from another file",
        _SOURCE,
        "model.joblib",
        lambda path: path.write_bytes(stream({"scale": _BESIDE}, 2)),
        rules("oddity.beside"),
        rules("load.failed"),
    ),
)
