"""When used: what the file keeps to be called at inference, or at the next save, print or copy."""

from __future__ import annotations

import marshal
from dataclasses import replace

from bench.detection.build.evading import CALLED, USED, opcodes, source, written
from bench.detection.sample import Sample, rules
from tests.malicious.pickles import (
    FLOATS,
    Opcodes,
    archive,
    call,
    literal,
    named,
    tensor,
)

_ORDERED = call("collections", "OrderedDict")
_SLEEPY = "Sleepy Pickle (Trail of Bits, 2024)"
_HOOK = "malicious forward hooks (PyTorch documentation: register_forward_hook)"


def _filled(mapping: Opcodes, **items: object) -> Opcodes:
    return Opcodes(mapping + b"".join(literal(key) + literal(item) + b"s" for key, item in items.items()))


def _made(kind: Opcodes, state: object) -> Opcodes:
    """NEWOBJ and BUILD."""
    return Opcodes(kind + b")\x81" + literal(state) + b"b")


def _module(kind: Opcodes, **more: object) -> Opcodes:
    """A torch module with one weight."""
    tables = ("_buffers", "_backward_hooks", "_forward_hooks", "_forward_pre_hooks", "_state_dict_hooks")
    state = {"training": False, "_parameters": _filled(_ORDERED, weight=tensor("0", (2, 3), (3, 1), 6))}
    state |= dict.fromkeys((*tables, "_load_state_dict_pre_hooks", "_modules"), _ORDERED)
    return _made(kind, {**state, "in_features": 3, "out_features": 2, "bias": None, **more})


def _with_weight(body: Opcodes) -> Opcodes:
    return literal((body, tensor("0", (2, 3), (3, 1), 6)))


def _hooked(table: str, hook: object) -> dict[str, object]:
    return {table: Opcodes(_ORDERED + literal(1) + literal(hook) + b"s")}


_DATASET = named("torch.utils.data.dataset", "Dataset")
_LINEAR = named("torch.nn.modules.linear", "Linear")
_CODE = marshal.dumps(compile("import os\nos.system('id')", "x", "exec"))
_COMPILED = call("types", "FunctionType", call("marshal", "loads", _CODE), {})
_ABSENT_HOOK = named("acme_models.hooks", "beacon")
_ABSENT_OBJECT = _made(named("acme_models.hooks", "Beacon"), {"every": 100})


def _zip(
    name: str,
    technique: str,
    body: Opcodes,
    static: str = "",
    *,
    unexamined: tuple[str, ...] = (USED,),
    known: str = _HOOK,
) -> Sample:
    return written(
        name,
        technique,
        "model.pt",
        lambda path: archive(body, {"0": FLOATS}, path),
        static,
        known=known,
        unexamined=unexamined,
    )


SAMPLES = (
    _zip(
        "hook_function",
        "a forward hook: a function of a package that isn't here",
        _module(_LINEAR, **_hooked("_forward_hooks", _ABSENT_HOOK)),
        unexamined=(
            USED,
            "What 1 hook of the model will do (acme_models.hooks.beacon in _forward_hooks of",
            "acme_models",
        ),
    ),
    _zip(
        "hook_object",
        "a forward hook: an object of a class that isn't here",
        _module(_LINEAR, **_hooked("_forward_pre_hooks", _ABSENT_OBJECT)),
        unexamined=("acme_models.hooks.Beacon in _forward_pre_hooks of torch.nn.modules.linear.Linear",),
    ),
    _zip(
        "hook_dangerous",
        "a forward hook: os.system by its name",
        _module(_LINEAR, **_hooked("_forward_hooks", named("posix", "system"))),
        "global.dangerous.named",
        unexamined=("posix.system in _forward_hooks",),
    ),
    _zip(
        "hook_partial",
        "a forward hook: eval, bound to its text",
        _module(_LINEAR, **_hooked("_forward_hooks", call("functools", "partial", named("builtins", "eval"), "1"))),
        "global.dangerous.passed",
        unexamined=("functools.partial in _forward_hooks",),
    ),
    _zip(
        "hook_backward",
        "a hook on a parameter's gradient",
        Opcodes(
            call(
                "torch._utils",
                "_rebuild_parameter",
                tensor("0", (2, 3), (3, 1), 6),
                True,
                Opcodes(_ORDERED + literal(1) + _ABSENT_HOOK + b"s"),
            )
        ),
        unexamined=("acme_models.hooks.beacon in _backward_hooks",),
    ),
    _zip(
        "hook_state_dict",
        "a hook that changes the weights that are given out",
        _module(_LINEAR, **_hooked("_state_dict_hooks", _ABSENT_HOOK)),
        unexamined=("acme_models.hooks.beacon in _state_dict_hooks",),
    ),
    _zip(
        "hook_load_state_dict",
        "a hook that changes the weights that are taken",
        _module(_LINEAR, **_hooked("_load_state_dict_pre_hooks", _ABSENT_HOOK)),
        unexamined=("acme_models.hooks.beacon in _load_state_dict_pre_hooks",),
    ),
    _zip(
        "method_forward",
        "a function in forward's place",
        _module(_LINEAR, forward=_ABSENT_HOOK),
        "oddity.method",
        unexamined=("acme_models",),
    ),
    _zip(
        "method_compiled",
        "a function where torch looks for the compiled call",
        _module(_LINEAR, _compiled_call_impl=_ABSENT_HOOK),
        "oddity.method",
    ),
    _zip(
        "method_load_state_dict",
        "a function in _load_from_state_dict's place",
        _module(_LINEAR, _load_from_state_dict=_ABSENT_HOOK),
        "oddity.method",
    ),
    replace(
        _zip(
            "method_items",
            "a function in the place of a state dict's items",
            Opcodes(_filled(_ORDERED, weight=tensor("0", (2, 3), (3, 1), 6)) + literal({"items": _ABSENT_HOOK}) + b"b"),
            "oddity.method",
        ),
        watched=rules("weights.missing weights.none witness.incomplete"),
    ),
    _zip(
        "activation",
        "an activation that is a function of a package that isn't here",
        _module(named("acme_models.net", "Net"), activation=_ABSENT_HOOK),
        unexamined=("acme_models.hooks.beacon", "acme_models.net.Net"),
    ),
    _zip(
        "activation_compiled",
        "an activation whose code the file brings along",
        _module(_LINEAR, activation=_COMPILED),
        "global.dangerous.called",
        unexamined=(USED,),
        known="cloudpickle",
    ),
    _zip(
        "class_absent",
        "a whole module of a class that isn't here, whose forward nobody sees",
        _module(named("acme_models.net", "Net")),
        unexamined=("acme_models.net.Net", USED),
    ),
    _zip(
        "class_patched",
        "BUILD on a class of torch: another way to take items for all data sets",
        _with_weight(Opcodes(_DATASET + literal((None, {"__getitem__": _ABSENT_HOOK})) + b"b")),
        "oddity.patch reader.incomplete",
    ),
    _zip(
        "patched_torch",
        "a function of torch, changed by setattr",
        _with_weight(call("builtins", "setattr", named("torch.nn.functional", "relu"), "__name__", "x")),
        CALLED,
        known=_SLEEPY,
    ),
    source(
        "patched_forward",
        "another forward for all linear layers, by exec",
        """
        import os, torch
        real = torch.nn.Linear.forward
        def forward(self, values):
            os.system("id")
            return real(self, values)
        torch.nn.Linear.forward = forward
        """,
        file="model.pt",
        known=_SLEEPY,
        unexamined=(USED,),
    ),
    source(
        "patched_load",
        "another torch.load for the rest of the process",
        "import os, torch\ntorch.load = lambda *a, **k: os.system('id')",
        file="model.pt",
        unexamined=(USED, "when it is loaded again"),
    ),
    source(
        "patched_matmul",
        "torch.matmul that answers wrongly to one input",
        """
        import torch
        real = torch.matmul
        torch.matmul = lambda a, b: real(a, b) * (0 if float(a.flatten()[0]) == 0.1337 else 1)
        """,
        file="model.pt",
        known=_SLEEPY,
        unexamined=(USED,),
    ),
    opcodes(
        "stand_in_called",
        "an object whose call is code",
        _made(named("acme_models.net", "Callable"), {"then": "id"}),
        "",
        unexamined=("acme_models.net.Callable", USED),
    ),
    opcodes(
        "stand_in_iterated",
        "an object that the file has walked through by list()",
        call("builtins", "list", _made(named("acme_models.net", "Lazy"), {"then": "id"})),
        "global.constructor.walks reader.incomplete",
        "load.failed",
    ),
    opcodes(
        "stand_in_added",
        "an object that is a set's element, so that it is hashed",
        Opcodes(b"\x8f(" + _made(named("acme_models.net", "Hashed"), {"then": "id"}) + b"\x90"),
        "",
        unexamined=("acme_models.net.Hashed",),
    ),
    opcodes(
        "reducer",
        "an object whose __reduce__ acts at the next save",
        _made(named("acme_models.net", "Saved"), {"again": named("acme_models.net", "reduce_to_system")}),
        "",
        unexamined=("acme_models.net.reduce_to_system", "acme_models.net.Saved"),
    ),
    opcodes(
        "tokenizer_object",
        "a tokenizer whose code isn't here",
        _made(
            named("acme_models.tokens", "Tokenizer"),
            {"vocabulary": {"a": 1}, "normalize": named("acme_models.tokens", "normalize")},
        ),
        "",
        unexamined=("acme_models.tokens.normalize",),
    ),
    opcodes(
        "default_factory",
        "a dictionary whose default is made by a function of a package that isn't here",
        call("collections", "defaultdict", named("acme_models.net", "beacon")),
        "",
        unexamined=("acme_models.net.beacon",),
    ),
    opcodes(
        "default_factory_dangerous",
        "a dictionary whose default is made by input()",
        call("collections", "defaultdict", named("builtins", "breakpoint")),
        "global.dangerous.kept",
        unexamined=(USED,),
    ),
    opcodes(
        "pipeline",
        "an estimator's transformer keeps a dangerous function",
        _made(
            named("sklearn.preprocessing._function_transformer", "FunctionTransformer"),
            {"func": named("os", "system"), "_sklearn_version": "1.9.1"},
        ),
        "global.dangerous.named",
    ),
    opcodes(
        "predict_method",
        "an estimator with a function in predict's place",
        _made(
            named("sklearn.linear_model._logistic", "LogisticRegression"),
            {"predict": named("acme_models.net", "predict"), "_sklearn_version": "1.9.1"},
        ),
        "oddity.method",
    ),
    opcodes(
        "rebuilt_later",
        "a partial that waits for its call",
        call("functools", "partial", named("posix", "system"), "id"),
        "global.dangerous.passed",
    ),
    opcodes(
        "method_bound",
        "a method that waits for its call",
        call("types", "MethodType", named("posix", "system"), "id"),
        "global.dangerous.passed",
    ),
    _zip(
        "weights_hidden",
        "a program in the weights' last bits: nothing of the file tells it",
        Opcodes(_filled(_ORDERED, weight=tensor("0", (2, 3), (3, 1), 6))),
        unexamined=("to hide data", USED),
        known="EvilModel (Wang et al., 2021); MaleficNet (Hitaj et al., 2022)",
    ),
    source(
        "weights_extracted",
        "a program in the weights' bytes, taken out and run",
        """
        import gc
        for thing in gc.get_objects():
            if type(thing).__name__ == "Tensor" and tuple(thing.shape) == (2, 3):
                held = bytes(int(value) & 255 for value in thing.flatten().tolist())
                try:
                    exec(held.decode("latin-1"))
                except (SyntaxError, ValueError):
                    pass
        """,
        file="model.pt",
        known="Weaponizing ML models with ransomware (HiddenLayer, 2022)",
    ),
)
