"""Pickles that run code by classes and helpers that look like constructors: none of them names a dangerous function.

All they do is print, so no call gives them away: reading must.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from sandbox.facts import Verdict
from tests.malicious.fixture import TORCH, Alternatives, Fixture, sets
from tests.malicious.pickles import Opcodes, bare, call, called, literal, named

_PRINT = named("builtins", "print")
_TIMER = "torch.utils.benchmark.utils.timer"


def _name(module: str, name: str) -> Opcodes:
    """STACK_GLOBAL, which walks dots in a name under protocol 4."""
    texts = (b"\x8c" + bytes([len(text)]) + text.encode() for text in (module, name))
    return Opcodes(b"".join(texts) + b"\x93")


def _made(module: str, name: str, state: dict[str, object]) -> Opcodes:
    """NEWOBJ without arguments, then BUILD."""
    return Opcodes(named(module, name) + b")\x81" + literal(state) + b"b")


def _bound(*args: object) -> Opcodes:
    return call("functools", "partial", _PRINT, *args)


def _applied(function: Opcodes, argument: object) -> Opcodes:
    """[function(argument)], by a data loader's collating of a batch."""
    dataset = argument if isinstance(argument, Opcodes) else [argument]
    loader = call("torch.utils.data.dataloader", "DataLoader", dataset, None, False, None, None, 0, function)
    return call("builtins", "list", loader)


def _timed(path: Path) -> None:
    timers = _applied(_name(_TIMER, "Timer"), "print('ran')")
    path.write_bytes(b"\x80\x04" + _applied(_name(_TIMER, "Timer.blocked_autorange"), timers) + b".")


def _gadget(name: str, technique: str, payload: Opcodes, rules: Alternatives) -> Fixture:
    build = partial(bare, payload)
    return Fixture(name, technique, build, (), rules, rules, Verdict.SUSPICIOUS, needs=TORCH)


GADGETS = (
    Fixture(
        "data_loader",
        "source text, run by a benchmark's timer that a data loader collates with",
        _timed,
        (),
        sets("global.dangerous.passed", "global.constructor.walks"),
        sets("global.dangerous.passed", "global.constructor.walks"),
        Verdict.MALICIOUS,
        needs=TORCH,
    ),
    Fixture(
        "carried_exec",
        "exec under another name, of a package that comes with torch, in a method's place",
        partial(
            bare,
            _made(
                "torch.optim.sgd",
                "SGD",
                {
                    "_patch_step_function": call("functools", "partial", named("mpmath.libmp.backend", "exec_"), "1"),
                    "state": {},
                    "defaults": {},
                },
            ),
        ),
        (),
        sets("global.dangerous.passed"),
        sets("global.dangerous.passed"),
        needs=TORCH,
    ),
    _gadget(
        "appended",
        "an item added to what isn't a list: its class calls what its state says",
        Opcodes(
            _made(
                "torch.utils._appending_byte_serializer",
                "AppendingByteSerializer",
                {"_serialize_fn": _PRINT, "_writer": "ran"},
            )
            + literal("item")
            + b"a"
        ),
        sets("global.type.filled", "global.unknown.surveyed"),
    ),
    _gadget(
        "shadowed_method",
        "a state that puts a function in a method's place",
        Opcodes(
            _made("torch.nn.modules.container", "Sequential", {"add_module": _bound("ran"), "_modules": {}})
            + literal("item")
            + b"a"
        ),
        sets("global.type.filled"),
    ),
    _gadget(
        "shadowed_finalizer",
        "a finalizer that calls what the state put in a method's place",
        Opcodes(_made("wave", "Wave_read", {"close": _bound("ran")}) + b"0N"),
        sets("global.unknown.surveyed"),
    ),
    _gadget(
        "numpy_applier",
        "a helper of numpy's that calls its first argument",
        call("numpy.polynomial.polyutils", "_gridnd", _PRINT, "ran", 1),
        sets("global.unknown.called"),
    ),
    _gadget(
        "generator_constructor",
        "numpy's rebuilder of random states calls its second argument",
        call("numpy.random._pickle", "__randomstate_ctor", "ran", _PRINT),
        sets("global.rebuilder.odd"),
    ),
    _gadget(
        "ufunc_import",
        "numpy's rebuilder of functions imports what it is told",
        call("numpy._core", "_ufunc_reconstruct", "this", "s"),
        sets("global.resolver.called"),
    ),
    _gadget(
        "weak_callback",
        "a weak reference whose callback runs when its object dies",
        Opcodes(call("weakref", "ref", called(named("argparse", "Namespace")), _bound("ran")) + b"0N"),
        sets("global.applier.called"),
    ),
    _gadget(
        "initialiser",
        "a class called for what its initialiser does",
        call("argparse", "ArgumentParser", "", "", "", "", [], _bound("ran")),
        sets("global.type.called"),
    ),
)
