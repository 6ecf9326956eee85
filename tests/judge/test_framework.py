"""Of the parts of torch whose objects are taken for what they are, no class acts when a pickle makes one of it.

Torch's own source is read for that: what it has beside, in a version that we have, is among the rule's exceptions.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from sandbox.judge.conditions import GlobalWhen
from tests.judge.rows import RULES

# What runs when an object is made, given its state, looked up in, called in the place of a function, or goes away.
_ACTS = frozenset(
    {
        "__new__",
        "__setstate__",
        "__del__",
        "__setattr__",
        "__getattr__",
        "__getattribute__",
        "__call__",
        "__init_subclass__",
    }
)
_PLACES = (  # as the rule has them, and where their bases stand
    *("distributed/_mesh_layout.py", "distributed/device_mesh.py", "distributed/_tensor", "distributed/tensor"),
    *("distributed/algorithms", "distributed/fsdp", "distributed/_shard", "distributed/checkpoint/metadata.py"),
    *("fx/graph.py", "fx/node.py", "fx/passes/shape_prop.py", "fx/interpreter.py", "nested", "_dynamo/decorators.py"),
    *("distributions", "nn", "optim", "utils/_contextlib.py"),
)
# Read: their objects are in every checkpoint of a whole model, or what they do with a state is to take it apart.
_KNOWN = frozenset(
    {
        *("Module", "Optimizer", "Function", "GradScaler", "Parameter", "Tensor", "TensorProperties"),
        *("DistributedDataParallel", "Transform", "_InverseTransform"),  # computes with what it holds
        *("ActivationWrapper", "CheckpointWrapper", "OffloadWrapper", "FullyShardedDataParallel"),  # ask what they wrap
    }
)
_METACLASSES = frozenset({"type", "ABCMeta", "EnumMeta", "_TensorMeta"})


def test_no_class_that_acts_is_taken_for_one_that_only_keeps() -> None:
    when = next(when for row, when in RULES.of(GlobalWhen) if row.id == "global.framework.made")
    assert when.names is not None
    assert when.names_unlike is not None
    classes = dict(_classes())
    taken = [name for name in classes if when.names.fullmatch(name) and not when.names_unlike.fullmatch(name)]
    unknown = [name for name in taken if RULES.names.named(name).cls in when.classes]
    by_name: dict[str, list[ast.ClassDef]] = {}
    for name, found in classes.items():
        by_name.setdefault(name.rpartition(".")[2], []).append(found)
    assert len(unknown) > 100
    assert {name: why for name in unknown if (why := _acts(classes[name], by_name))} == {}


def _classes() -> Iterator[tuple[str, ast.ClassDef]]:
    spec = importlib.util.find_spec("torch")
    assert spec is not None
    assert spec.origin is not None
    root = Path(spec.origin).parent
    for place in _PLACES:
        for path in sorted((root / place).rglob("*.py")) or [root / place]:
            module = ".".join(("torch", *path.relative_to(root).with_suffix("").parts)).removesuffix(".__init__")
            source = path.read_bytes()
            if b"class " in source:
                yield from _of(ast.parse(source), module)


def _of(tree: ast.AST, place: str) -> Iterator[tuple[str, ast.ClassDef]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield f"{place}.{node.name}", node
            yield from _of(node, f"{place}.{node.name}")
        elif isinstance(node, ast.If | ast.Try):
            yield from _of(node, place)


def _acts(found: ast.ClassDef, by_name: dict[str, list[ast.ClassDef]], depth: int = 0) -> set[str]:
    """What of that it or one of its bases has; a base is known by its last name, whichever class that may be."""
    if found.name in _KNOWN or depth > 8:
        return set()
    acts = {node.name for node in found.body if isinstance(node, ast.FunctionDef)} & _ACTS
    for base in found.bases:
        name = ast.unparse(base).partition("[")[0].rpartition(".")[2]
        acts |= {name} & _METACLASSES
        for one in by_name.get(name, ()):
            acts |= _acts(one, by_name, depth + 1) if one is not found else set()
    return acts
