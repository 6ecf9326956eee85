"""The loaded object, touched as its users do before they run it: what waits for that acts now, under watch.

Its methods are hostile code, called on purpose. Each step is told before it begins, so that what happens has its cause,
and told again when something raised. All of it comes from hostile ground, the last word included.
"""

from __future__ import annotations

import itertools
import pickle
import sys
import time
import warnings
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Mapping
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import wire

from guest.load import hints, witness

SECONDS = 10.0  # after which nothing new is begun
_OBJECTS = 64  # that are touched, in containers down to _LEVELS below the root
_LEVELS = 4
_DEPTH = 2  # of attributes
_CHILDREN = 512  # of one container that are looked at for such objects
_NAMES = 2000  # attributes asked for in all
_ITEMS = 8
_TOLD = 4  # of what raised, in each step

# Whose methods are not the file's, and which would take long.
_PLAIN = (str, bytes, bytearray, int, float, complex, bool, type(None), range, slice)
_NOT_TOUCHED = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType)
_CONTAINERS = (dict, list, tuple, set, frozenset)
_PLAIN_CONTAINERS = (*_CONTAINERS, OrderedDict, defaultdict, Counter)

Send = Callable[[wire.Hint], None]
Target = tuple[str, Any]  # its name, as the witness spells names, and itself


def _is(node: Any, kinds: tuple[type, ...]) -> bool:
    """isinstance, but for asking the object: it would answer with code of its own."""
    return issubclass(type(node), kinds)


class _Nowhere:
    """A file that keeps nothing."""

    def write(self, data: Any) -> int:
        return len(data)

    def flush(self) -> None:
        pass


class _Pickler(pickle.Pickler):
    """Leaves plain tensors out: their bytes would be copied, and their code isn't the file's."""

    def persistent_id(self, node: Any) -> str | None:
        return "a tensor" if _is_tensor(node) else None


def _is_tensor(node: Any) -> bool:
    """Of torch's or numpy's own class; a subclass may be the file's."""
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    if torch and type(node) in (torch.Tensor, torch.nn.Parameter):
        return True
    return numpy is not None and type(node) is numpy.ndarray and not node.dtype.hasobject


def targets(root: Any) -> list[Target]:
    """The objects to touch: the root and what is in its containers, but for plain data."""
    found: list[Target] = []
    level: list[tuple[tuple[str, ...], Any]] = [((), root)]
    seen: set[int] = set()
    for _ in range(_LEVELS + 1):
        inside: list[tuple[tuple[str, ...], Any]] = []
        for path, node in level:
            if type(node) in _PLAIN or _is(node, _NOT_TOUCHED) or id(node) in seen or _is_tensor(node):
                continue
            seen.add(id(node))
            if type(node) not in _PLAIN_CONTAINERS:
                found.append((".".join(path), node))
            if _is(node, _CONTAINERS):
                inside += [((*path, key), child) for key, child in _children(node)]
        level = inside
    return found[:_OBJECTS]


def _children(node: Any) -> list[tuple[str, Any]]:
    """The first of what a container holds, by Python's own methods whatever its class has."""
    if _is(node, (dict,)):
        pairs: Iterator[tuple[Any, Any]] = iter(dict.items(node))
    else:
        base = next(kind for kind in (list, tuple, set, frozenset) if _is(node, (kind,)))
        pairs = iter(enumerate(base.__iter__(node)))
    first = enumerate(itertools.islice(pairs, _CHILDREN))
    return [(key if type(key) is str else str(at), child) for at, (key, child) in first]


class Exercise:
    """One exercise of one object. `before`: its tensors as the witness had them. `budget`: bytes of them to look at."""

    def __init__(self, root: Any, before: Mapping[str, witness.Form], send: Send, budget: int) -> None:
        self._root, self._before, self._send, self._budget = root, before, send, budget
        self._deadline = time.monotonic() + SECONDS
        self._names = _NAMES
        self._compared = True

    def run(self) -> None:
        """Every step, in the order in which users take them."""
        warnings.simplefilter("ignore")
        touched = targets(self._root)
        for step, act in _STEPS.items():
            if step == "torch.save" and "torch" not in sys.modules:
                continue
            if time.monotonic() > self._deadline:
                self._tell(step, "not done: there was no time left for it")
                continue
            hints.during = f"exercise.{step}"
            self._tell(step, f"on {len(touched)} object(s)")
            whole = [("", self._root)] if step == "pickle" else []
            raised = [text for target in (*whole, *touched) for text in self._one(act, target)]
            if raised:
                self._tell(step, f"{len(raised)} raised: {'; '.join(raised[:_TOLD])}")
            if step == "state_dict":
                self._compare_all("state_dict.changed")
        hints.during = ""
        # By now honest weights may be others: eval() is where some adapters merge theirs.
        self._compare_all("changed")
        if self._compared:
            self._tell("done", "")

    def _one(self, act: Callable[[Exercise, str, Any], None], target: Target) -> Iterator[str]:
        name, node = target
        if time.monotonic() > self._deadline:
            return
        try:
            act(self, name, node)
        except BaseException as error:
            yield f"{name or 'the whole'}: {hints.describe(error)}"[:160]

    def _tell(self, step: str, detail: str) -> None:
        self._send(wire.Hint(f"exercise.{step}", detail[:1024], "--exercise", ()))

    def _compare_all(self, what: str) -> None:
        """All tensors, as they stand. An object that can't be looked through any more may hide what it did."""
        try:
            self._compare(what, witness.forms(self._root, self._budget))
        except BaseException as error:
            self._compared = False
            self._tell("uncompared", hints.describe(error))

    def _compare(self, what: str, now: Mapping[str, witness.Form]) -> None:
        """Tell which tensors have other values than before. Another dtype or shape is another tensor."""
        changed = [name for name, form in now.items() if _differs(self._before.get(name, form), form)]
        if changed:
            self._tell(what, f"{len(changed)} tensor(s), such as {changed[0]}")

    def state_dict(self, name: str, node: Any) -> None:
        """Ask for the state, whose tensors should be those that were loaded."""
        state = node.state_dict() if hasattr(node, "state_dict") else None
        if isinstance(state, dict):
            prefix = f"{name}." if name else ""
            held = witness.forms(dict(state), self._budget)
            self._compare("state_dict.changed", {prefix + key: form for key, form in held.items()})

    def evaluating(self, _name: str, node: Any) -> None:
        """Put it into its mode for use."""
        if hasattr(node, "eval"):
            node.eval()

    def walk(self, _name: str, node: Any, depth: int = _DEPTH) -> None:
        """Ask for each attribute by name, and for those of what comes back."""
        for attribute in dir(node):
            if attribute.startswith("__") or self._names <= 0 or time.monotonic() > self._deadline:
                continue
            self._names -= 1
            try:
                value = getattr(node, attribute)
            except Exception:  # noqa: S112 - many properties raise when their object isn't in use
                continue
            plain = _is(value, (*_PLAIN, *_NOT_TOUCHED, *_CONTAINERS)) or _is_tensor(value)
            if depth > 1 and not plain:
                self.walk("", value, depth - 1)

    def words(self, _name: str, node: Any) -> None:
        """Show it."""
        repr(node)
        str(node)

    def items(self, _name: str, node: Any) -> None:
        """Count what it holds, and take the first of it."""
        if hasattr(type(node), "__len__"):
            len(node)
        if hasattr(type(node), "__iter__"):
            for _ in itertools.islice(iter(node), _ITEMS):
                pass

    def pickled(self, _name: str, node: Any) -> None:
        """Save it again."""
        _Pickler(_Nowhere(), protocol=4).dump(node)

    def saved(self, _name: str, node: Any) -> None:
        """Save it again as torch does."""
        sys.modules["torch"].save(node, _Nowhere())


# What a hint calls a step, and what is done to each object in it.
_STEPS: dict[str, Callable[[Exercise, str, Any], None]] = {
    "state_dict": Exercise.state_dict,
    "eval": Exercise.evaluating,
    "attributes": Exercise.walk,
    "repr": Exercise.words,
    "items": Exercise.items,
    "pickle": Exercise.pickled,
    "torch.save": Exercise.saved,
}


def _differs(one: witness.Form, other: witness.Form) -> bool:
    return one[:2] == other[:2] and one != other
