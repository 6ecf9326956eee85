"""Nothing dangerous is called by its name: roundabout names, callers, binders, hooks, changed classes and modules."""

from __future__ import annotations

from bench.detection.build.pickled import (
    built,
    caught,
    made,
    made_with,
    printed,
    text,
    walked,
)
from bench.detection.sample import Sample
from tests.malicious.pickles import call, called, literal, named

_NAMES = "picklescan's tests and advisories: indirect and dotted names"
_CTF = "pickle challenges (pickle jails), public write-ups"
_FICKLING = "fickling's examples and advisories"
_SYSTEM = named("posix", "system")
_PRINT = named("builtins", "print")
_MODULES = named("sys", "modules")
_NAMESPACE = named("argparse", "Namespace")


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
    (
        "pattern_method",
        "a pattern's method, which calls what it is given",
        called(call("builtins", "getattr", call("re", "_compile", ".*", 32), "sub"), named("acme.tools", "run"), "id"),
    ),
    (
        "kept_next",
        "what a dictionary asks of an iterator that calls",
        call(
            "collections",
            "defaultdict",
            call("builtins", "getattr", call("builtins", "map", named("acme.tools", "run"), ["id"]), "__next__"),
        ),
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
        "global.dangerous.called",
        "event.fork event.program",
        """walk_torch walk_joblib walk_random package_name memo_overwritten memo_far marks_discarded text_memo
object_of_memo long_names""",
    ),
    (
        "global.applier.called global.dangerous.passed",
        "event.fork event.program",
        "by_operator_call by_next by_max_key by_lru_cache by_scalar_map",
    ),
    ("global.inside.called", "", "walk_function walk_class walk_dict walk_reduce"),
    (
        "global.applier.called global.constructor.walks global.dangerous.passed reader.incomplete",
        "event.fork event.program",
        "by_filter by_group_by",
    ),
    ("global.dangerous.passed global.result.called", "event.fork event.program", "by_bound_method by_generic_alias"),
    (
        "global.applier.called global.constructor.walks global.dangerous.passed reader.incomplete",
        "event.fork event.program load.failed",
        "by_bytes_map",
    ),
    ("global.applier.called global.constructor.walks reader.incomplete", "", "by_sentinel"),
    ("global.applier.called global.dangerous.passed", "", "by_partial_method"),
    (
        "global.applier.called global.dangerous.passed global.resolver.machinery",
        "event.fork event.program",
        "by_methodcaller",
    ),
    (
        "global.applier.called global.constructor.walks global.dangerous.passed reader.incomplete",
        "event.fork event.program",
        "by_starmap",
    ),
    (
        "global.applier.made global.constructor.walks global.dangerous.passed reader.incomplete",
        "event.fork event.program",
        "by_made_map",
    ),
    (
        "global.applier.made global.constructor.walks global.dangerous.passed reader.incomplete",
        "event.fork event.program",
        "by_made_map_keywords",
    ),
    ("global.dangerous.called", "event.write load.failed", "walk_logging"),
    ("global.dangerous.called", "load.failed", "walk_method"),
    (
        "global.dangerous.called global.dangerous.passed global.resolver.machinery",
        "event.fork event.program",
        "by_getattr_module",
    ),
    ("global.dangerous.called oddity.differential", "", "two_protocols"),
    ("global.dangerous.called oddity.spliced", "event.fork event.program", "duplicated"),
    ("global.table.changed oddity.patch reader.incomplete", "", "module_itself"),
    ("global.dangerous.kept", "", "by_default_factory"),
    ("global.dangerous.passed global.resolver.called", "", "by_itemgetter"),
    (
        "global.dangerous.passed global.resolver.called global.resolver.machinery",
        "event.fork event.program",
        "by_attrgetter",
    ),
    ("global.dangerous.passed global.resolver.machinery", "", "by_reduce"),
    ("global.inside.called", "load.failed", "walk_loader"),
    ("global.inside.named global.resolver.called global.resolver.machinery", "", "by_getitem"),
    ("global.resolver.called", "", "by_attrgetter_plain"),
    ("global.resolver.called", "load.failed", "by_pattern_method"),
    ("global.applier.called global.resolver.called global.unknown.applied oddity.factory", "", "by_kept_next"),
)

SAMPLES: tuple[Sample, ...] = caught(
    (
        *((name, technique, _NAMES, payload) for name, technique, payload in _DOTTED),
        *((f"by_{name}", technique, _CTF, payload) for name, technique, payload in _CHAINS),
        *((name, technique, _CTF, content) for name, technique, content in _MEMO),
    ),
    _CAUGHT,
)
