"""Nothing dangerous is called by its name: roundabout names, callers, binders, hooks, changed classes and modules."""

from __future__ import annotations

from bench.detection.build.pickled import (
    added,
    built,
    caught,
    dropped,
    extended,
    made,
    made_with,
    printed,
    stored,
    text,
    walked,
)
from bench.detection.sample import Sample
from tests.malicious.pickles import Opcodes, call, called, literal, named

_NAMES = "picklescan's tests and advisories: indirect and dotted names"
_CTF = "pickle challenges (pickle jails), public write-ups"
_FICKLING = "fickling's examples and advisories"
_SYSTEM = named("posix", "system")
_PRINT = named("builtins", "print")
_MODULES = named("sys", "modules")
_NAMESPACE = named("argparse", "Namespace")


def _class(bases: tuple[object, ...], body: dict[str, object], name: str = "X") -> Opcodes:
    return call("builtins", "type", name, bases, body)


_DOTTED = (
    ("walk_torch", "os, as torch has it", called(walked("torch", "os.system"), "id")),
    ("walk_numpy", "sys.modules, through numpy", called(walked("numpy.lib", "format.os.system"), "id")),
    (
        "walk_joblib",
        "os, through a package that is absent",
        called(walked("joblib.memory", "os.system"), "id"),
    ),
    ("walk_logging", "io.open, through logging", called(walked("logging", "io.open"), "/tmp/owned", "w")),
    ("walk_random", "os, through random's private name", called(walked("random", "_os.system"), "id")),
    (
        "walk_collections",
        "sys, through collections",
        called(walked("collections", "_sys.modules.get"), "posix"),
    ),
    (
        "walk_dataclasses",
        "builtins, through dataclasses",
        called(walked("dataclasses", "builtins.exec"), "x = 1"),
    ),
    (
        "walk_function",
        "the globals of a function",
        called(walked("torch._utils", "_rebuild_tensor.__globals__.get"), "os"),
    ),
    ("walk_class", "the subclasses of object", called(walked("builtins", "object.__subclasses__"))),
    (
        "walk_method",
        "a method of a class of its own file",
        called(walked("pathlib", "Path.write_text"), _PRINT, "x"),
    ),
    (
        "walk_loader",
        "the loader of a module",
        called(walked("collections", "__spec__.loader.load_module"), "this"),
    ),
    ("walk_dict", "__dict__ of a module", called(walked("builtins", "__dict__.get"), "eval")),
    (
        "walk_reduce",
        "__reduce_ex__ of what it names",
        called(walked("builtins", "object.__reduce_ex__"), _PRINT, 2),
    ),
    ("module_itself", "a module, handed out by a package", built(named("torch", "os"), {"x": 1})),
    ("confusable_name", "a name in full-width letters", call("posix", "\uff53\uff59\uff53\uff54\uff45\uff4d", "id")),
    ("package_name", "a module as a package's part", call("os.path", "os.system", "id")),
)

_GET = call("builtins", "getattr", named("torch", "os"), "system")
_CHAINS = (
    ("getattr_module", "getattr of a module", called(_GET, "id")),
    (
        "attrgetter",
        "operator.attrgetter",
        called(called(call("operator", "attrgetter", "system"), named("torch", "os")), "id"),
    ),
    (
        "attrgetter_plain",
        "operator.attrgetter over a harmless class",
        called(call("operator", "attrgetter", "__init__.__globals__"), _NAMESPACE),
    ),
    (
        "methodcaller",
        "operator.methodcaller",
        called(call("operator", "methodcaller", "system", "id"), named("torch", "os")),
    ),
    ("itemgetter", "operator.itemgetter over sys.modules", called(call("operator", "itemgetter", "os"), _MODULES)),
    (
        "getitem",
        "operator.getitem over builtins.__dict__",
        called(call("operator", "getitem", named("builtins", "__dict__"), "eval"), "1"),
    ),
    ("operator_call", "operator.call", call("operator", "call", _SYSTEM, "id")),
    (
        "reduce",
        "functools.reduce",
        call("functools", "reduce", named("builtins", "getattr"), ["system"], named("torch", "os")),
    ),
    ("partial_method", "functools.partialmethod", call("functools", "partialmethod", _SYSTEM, "id")),
    ("filter", "a filter, made a list", call("builtins", "list", call("builtins", "filter", _SYSTEM, ["id"]))),
    (
        "starmap",
        "itertools.starmap, made a set",
        call("builtins", "set", call("itertools", "starmap", _SYSTEM, [("id",)])),
    ),
    (
        "group_by",
        "itertools.groupby, made a list",
        call("builtins", "list", call("itertools", "groupby", ["id"], _SYSTEM)),
    ),
    ("sentinel", "iter with a sentinel", call("builtins", "list", call("builtins", "iter", printed("x"), None))),
    ("next", "next of a map", call("builtins", "next", call("builtins", "map", _SYSTEM, ["id"]))),
    ("max_key", "the key of heapq.nlargest", call("heapq", "nlargest", 1, ["id"], _SYSTEM)),
    ("bytes_map", "bytes of a map", made(named("builtins", "bytes"), call("builtins", "map", _SYSTEM, ["id"]))),
    (
        "made_map",
        "NEWOBJ of a map, walked by a tuple",
        made(named("builtins", "tuple"), made(named("builtins", "map"), _SYSTEM, ["id"])),
    ),
    (
        "made_map_keywords",
        "NEWOBJ_EX of a map, walked",
        made(named("builtins", "frozenset"), made_with(named("builtins", "map"), (_SYSTEM, ["id"]), {})),
    ),
    (
        "default_factory",
        "a defaultdict whose default is made by a shell",
        call("collections", "defaultdict", call("functools", "partial", _SYSTEM, "id")),
    ),
    ("bound_method", "types.MethodType binds a command", called(call("types", "MethodType", _SYSTEM, "id"))),
    (
        "generic_alias",
        "types.GenericAlias calls what it holds",
        called(call("types", "GenericAlias", _SYSTEM, ()), "id"),
    ),
    ("lru_cache", "functools.lru_cache wraps", called(called(call("functools", "lru_cache", 1), _SYSTEM), "id")),
    (
        "scalar_map",
        "numpy.fromiter of a map",
        call("numpy", "fromiter", call("builtins", "map", _SYSTEM, ["id"]), "i4"),
    ),
)

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

_MEMO = (
    (
        "memo_overwritten",
        "a memo's place, filled twice",
        b"\x80\x04"
        + text("numpy")
        + b"q\x00"
        + text("posix")
        + b"q\x000"
        + b"0"
        + b"h\x00"
        + text("system")
        + b"\x93"
        + literal(("id",))
        + b"R.",
    ),
    (
        "memo_far",
        "names from a far place of the memo",
        b"\x80\x04"
        + text("system")
        + b"r\xff\xff\xff\x000"
        + text("posix")
        + b"j\xff\xff\xff\x00\x93"
        + literal(("id",))
        + b"R.",
    ),
    (
        "duplicated",
        "DUP of a function, called below",
        b"\x80\x04" + named("posix", "system") + b"2" + literal(("id",)) + b"R0" + literal(("id",)) + b"R.",
    ),
    (
        "marks_discarded",
        "decoys behind a mark, thrown away",
        b"\x80\x04("
        + literal(1)
        + named("collections", "OrderedDict")
        + b"1"
        + named("posix", "system")
        + literal(("id",))
        + b"R.",
    ),
    (
        "text_memo",
        "PUT and GET in text",
        b"cposix\nsystem\np5\n0g5\n(S'id'\ntR.",
    ),
    (
        "object_of_memo",
        "OBJ of what the memo holds",
        b"\x80\x02" + named("posix", "system") + b"q\x010(h\x01" + literal("id") + b"o.",
    ),
    (
        "two_protocols",
        "a protocol that changes within the stream",
        b"\x80\x04\x80\x02" + named("__builtin__", "eval") + literal(("1",)) + b"R.",
    ),
    (
        "long_names",
        "names in long unicode strings",
        b"\x80\x04\x8d\x05\0\0\0\0\0\0\0posix\x8d\x06\0\0\0\0\0\0\0system\x93" + literal(("id",)) + b"R.",
    ),
)

_CAUGHT = (
    (
        "global.applier.called global.dangerous.passed",
        "event.fork event.program",
        "by_operator_call by_next by_max_key by_lru_cache by_scalar_map",
    ),
    ("global.dangerous.called", "event.fork event.program", "walk_torch walk_joblib walk_random package_name"),
    (
        "global.dangerous.named oddity.patch reader.incomplete",
        "",
        "module_itself hook_environment_item hook_modules_item hook_path_append",
    ),
    (
        "global.resolver.called global.resolver.machinery global.unknown.surveyed",
        "",
        "hook_type_set_name hook_type_init_subclass hook_type_setstate hook_type_setattr",
    ),
    ("global.inside.called", "", "walk_function walk_class walk_dict"),
    (
        "global.unknown.surveyed oddity.order oddity.shadow",
        "",
        "hook_namespace_append hook_namespace_add hook_logger_extend",
    ),
    (
        "global.unknown.surveyed oddity.patch reader.incomplete",
        "",
        "hook_extension_registry hook_build_class hook_build_tensor_class",
    ),
    (
        "global.applier.called global.constructor.walks global.dangerous.passed reader.incomplete",
        "event.fork event.program",
        "by_filter by_group_by",
    ),
    ("global.dangerous.called", "event.write load.failed", "walk_logging hook_path_write"),
    ("global.dangerous.named", "", "hook_new_by_keywords hook_made_popen"),
    ("global.dangerous.passed global.result.called", "event.fork event.program", "by_bound_method by_generic_alias"),
    ("global.extension global.unknown.called oddity.extension", "", "hook_extension hook_extension_big"),
    (
        "global.applier.called global.constructor.walks global.dangerous.passed reader.incomplete",
        "event.fork event.program load.failed",
        "by_bytes_map",
    ),
    ("global.applier.called global.constructor.walks global.unknown.applied reader.incomplete", "", "by_sentinel"),
    ("global.applier.called global.dangerous.passed", "", "by_partial_method"),
    (
        "global.applier.called global.dangerous.passed global.resolver.machinery",
        "event.fork event.program",
        "by_methodcaller",
    ),
    ("global.applier.called global.dangerous.passed reader.incomplete", "event.fork event.program", "by_starmap"),
    ("global.applier.made global.constructor.walks global.dangerous.passed reader.incomplete", "", "hook_new_by_name"),
    (
        "global.applier.made global.constructor.walks global.dangerous.passed reader.incomplete",
        "event.fork event.program",
        "by_made_map",
    ),
    (
        "global.applier.made global.dangerous.passed reader.incomplete",
        "event.fork event.program",
        "by_made_map_keywords",
    ),
    (
        "global.dangerous.called global.dangerous.passed global.resolver.machinery",
        "event.fork event.program",
        "by_getattr_module",
    ),
    ("global.dangerous.called global.unknown.surveyed", "", "hook_new_class"),
    ("global.dangerous.called global.unknown.surveyed", "load.failed", "walk_method"),
    ("global.dangerous.called oddity.differential", "", "two_protocols"),
    ("global.dangerous.called oddity.spliced", "", "duplicated"),
    ("global.dangerous.named global.unknown.surveyed oddity.patch reader.incomplete", "", "hook_build_module"),
    ("global.dangerous.named oddity.spliced", "", "hook_popen_state"),
    ("global.dangerous.passed", "", "by_default_factory"),
    ("global.dangerous.passed global.rebuilder.odd", "", "hook_reconstructed_base"),
    ("global.dangerous.passed global.resolver.called", "", "by_itemgetter"),
    (
        "global.dangerous.passed global.resolver.called global.resolver.machinery",
        "event.fork event.program",
        "by_attrgetter",
    ),
    ("global.dangerous.passed global.resolver.called global.resolver.machinery", "load.failed", "hook_type_reduce"),
    ("global.dangerous.passed global.resolver.machinery", "", "by_reduce"),
    ("global.dangerous.passed global.result.called global.unknown.surveyed", "", "hook_partial_state"),
    ("global.dangerous.passed global.unknown.surveyed oddity.patch reader.incomplete", "", "hook_meta_path"),
    ("global.inside.called", "load.failed", "walk_loader"),
    ("global.inside.called global.unknown.surveyed", "", "walk_reduce"),
    ("global.inside.named global.resolver.called global.resolver.machinery", "", "by_getitem"),
    (
        "global.inside.named global.unknown.surveyed oddity.patch reader.incomplete",
        "load.vanished",
        "hook_builtins_item",
    ),
    ("global.resolver.called", "", "by_attrgetter_plain"),
    ("global.resolver.called global.resolver.machinery global.unknown.surveyed", "load.failed", "hook_type_hash"),
    ("global.resolver.called global.resolver.machinery global.unknown.surveyed oddity.spliced", "", "hook_type_del"),
    ("global.resolver.called global.unknown.surveyed", "", "hook_made_type"),
    ("global.type.called", "", "hook_enum_call"),
    ("oddity.shadow", "", "hook_build_slots"),
)

SAMPLES: tuple[Sample, ...] = caught(
    (
        *((name, technique, _NAMES, payload) for name, technique, payload in _DOTTED),
        *((f"by_{name}", technique, _CTF, payload) for name, technique, payload in _CHAINS),
        *((f"hook_{name}", technique, _FICKLING, payload) for name, technique, payload in _HOOKS),
        *((name, technique, _CTF, content) for name, technique, content in _MEMO),
    ),
    _CAUGHT,
)
