"""Code that runs since something was changed: classes made, hooks set, modules, tables and functions patched."""

from __future__ import annotations

from bench.detection.build.pickled import (
    added,
    built,
    caught,
    dropped,
    extended,
    made,
    printed,
    stored,
)
from bench.detection.sample import Sample
from tests.malicious.pickles import Opcodes, call, called, literal, named

_FICKLING = "fickling's examples and advisories"
_SYSTEM = named("posix", "system")
_PRINT = named("builtins", "print")
_MODULES = named("sys", "modules")
_NAMESPACE = named("argparse", "Namespace")


def _class(bases: tuple[object, ...], body: dict[str, object], name: str = "X") -> Opcodes:
    return call("builtins", "type", name, bases, body)


_HOOKED = {"append": printed("appended"), "extend": printed("extended")}
_HOOKS = (
    (
        "type_reduce",
        "a class of three arguments, made",
        called(_class((named("builtins", "object"),), {"__call__": _SYSTEM}), ()),
    ),
    ("type_del", "a class with __del__", dropped(called(_class((), {"__del__": _PRINT})))),
    (
        "type_set_name",
        "__set_name__ of a namespace's value",
        _class((), {"x": called(_class((), {"__set_name__": _PRINT}))}),
    ),
    (
        "type_init_subclass",
        "__init_subclass__ of a base",
        _class((_class((), {"__init_subclass__": printed("subclass")}),), {}, "Y"),
    ),
    (
        "type_setstate",
        "__setstate__ of a class that it made",
        built(called(_class((), {"__setstate__": printed("state")})), {"a": 1}),
    ),
    (
        "type_setattr",
        "__setattr__ of a class that it made",
        built(called(_class((), {"__setattr__": _PRINT})), (None, {"a": 1})),
    ),
    ("type_hash", "__hash__ of a key", stored(literal({}), called(_class((), {"__hash__": _PRINT})), 1)),
    ("made_type", "NEWOBJ of type", made(named("builtins", "type"), "X", (), {"__del__": _PRINT})),
    ("enum_call", "enum's functional interface", call("enum", "Enum", "X", ["A"])),
    ("new_class", "types.new_class with a body to execute", call("types", "new_class", "X", (), {}, _PRINT)),
    (
        "namespace_append",
        "APPEND on an object whose state says what append is",
        extended(built(made(_NAMESPACE), _HOOKED), "x"),
    ),
    (
        "namespace_add",
        "ADDITEMS on an object whose state says what add is",
        added(built(made(_NAMESPACE), {"add": printed("added")}), "x"),
    ),
    ("logger_extend", "APPENDS on a logger", extended(built(call("logging", "getLogger", "x"), _HOOKED), "x")),
    (
        "path_write",
        "a path, called through its class",
        call("pathlib", "PosixPath.write_bytes", call("pathlib", "PosixPath", "/tmp/owned"), b"x"),
    ),
    ("environment_item", "SETITEM on os.environ", stored(named("os", "environ"), "LD_PRELOAD", "/tmp/evil.so")),
    ("modules_item", "SETITEM on sys.modules", stored(_MODULES, "json", None)),
    ("builtins_item", "SETITEM on builtins.__dict__", stored(named("builtins", "__dict__"), "len", _PRINT)),
    ("path_append", "APPEND on sys.path", extended(named("sys", "path"), "/tmp/evil")),
    ("meta_path", "APPEND on sys.meta_path", extended(named("sys", "meta_path"), printed())),
    (
        "extension_registry",
        "SETITEM on copyreg's extensions",
        stored(named("copyreg", "_inverted_registry"), 7, ("os", "system")),
    ),
    ("build_module", "BUILD on a module", built(named("torch", "os"), {"getcwd": _PRINT})),
    ("build_class", "BUILD on a class, its methods", built(_NAMESPACE, (None, {"__setattr__": _PRINT}))),
    ("build_tensor_class", "BUILD on torch.Tensor", built(named("torch", "Tensor"), (None, {"__len__": _PRINT}))),
    (
        "build_slots",
        "BUILD with slots, set one by one",
        built(called(named("types", "SimpleNamespace")), (None, {"__class__": _NAMESPACE})),
    ),
    ("extension", "EXT1, by a registry that another file filled", Opcodes(b"\x82\x01" + literal(("id",)) + b"R")),
    ("extension_big", "EXT4", Opcodes(b"\x84\x01\x00\x00\x00" + literal(("id",)) + b"R")),
    (
        "reconstructed_base",
        "copyreg._reconstructor with another base",
        call("copyreg", "_reconstructor", _NAMESPACE, named("subprocess", "Popen"), ["id"]),
    ),
    (
        "new_by_name",
        "copyreg.__newobj__ of a map",
        call("builtins", "list", call("copyreg", "__newobj__", named("builtins", "map"), _SYSTEM, ["id"])),
    ),
    (
        "new_by_keywords",
        "copyreg.__newobj_ex__",
        call("copyreg", "__newobj_ex__", named("subprocess", "Popen"), (["id"],), {}),
    ),
    ("made_popen", "NEWOBJ of Popen: made, not started", made(named("subprocess", "Popen"), ["id"])),
    (
        "popen_state",
        "Popen that was made, with a state for its finalizer",
        dropped(built(made(named("subprocess", "Popen")), {"_child_created": True, "pid": 1, "returncode": None})),
    ),
    (
        "partial_state",
        "a partial's function, set by its state",
        called(built(call("functools", "partial", _PRINT), (_SYSTEM, ("id",), {}, None))),
    ),
)

_CAUGHT = (
    (
        "global.table.changed oddity.patch reader.incomplete",
        "",
        "hook_environment_item hook_modules_item hook_path_append hook_build_module",
    ),
    (
        "global.resolver.called global.resolver.machinery",
        "",
        "hook_type_set_name hook_type_init_subclass hook_type_setstate hook_type_setattr",
    ),
    ("oddity.order oddity.shadow", "", "hook_namespace_append hook_namespace_add"),
    ("oddity.order oddity.patch oddity.shadow", "", "hook_logger_extend"),
    ("global.dangerous.named", "", "hook_new_by_keywords hook_made_popen"),
    ("global.extension global.unknown.called oddity.extension", "", "hook_extension hook_extension_big"),
    ("oddity.patch reader.incomplete", "", "hook_build_class hook_build_tensor_class"),
    ("global.applier.made global.constructor.walks global.dangerous.passed reader.incomplete", "", "hook_new_by_name"),
    ("global.dangerous.called", "event.write load.failed", "hook_path_write"),
    ("global.dangerous.named oddity.spliced", "", "hook_popen_state"),
    ("global.dangerous.passed global.rebuilder.odd", "", "hook_reconstructed_base"),
    ("global.dangerous.passed global.resolver.called global.resolver.machinery", "load.failed", "hook_type_reduce"),
    ("global.dangerous.passed global.result.called", "", "hook_partial_state"),
    ("global.table.changed oddity.patch reader.incomplete", "", "hook_meta_path"),
    ("global.table.changed oddity.patch reader.incomplete", "load.vanished", "hook_builtins_item"),
    ("global.resolver.called", "", "hook_made_type"),
    ("global.resolver.called global.resolver.machinery", "load.failed", "hook_type_hash"),
    ("global.resolver.called global.resolver.machinery oddity.spliced", "", "hook_type_del"),
    ("global.type.called", "", "hook_enum_call"),
    ("global.table.changed oddity.patch reader.incomplete", "", "hook_extension_registry"),
    ("oddity.shadow", "", "hook_build_slots"),
)

SAMPLES: tuple[Sample, ...] = caught(
    ((f"hook_{name}", technique, _FICKLING, payload) for name, technique, payload in _HOOKS), _CAUGHT
)
