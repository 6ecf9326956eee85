"""What code of Python files is come to: from an import, or from what is called of it later; and what acts there.

Nothing is run. A function's body is come to where the function is called, or handed to what calls it; Python's own
calls of methods (constructors, operators, hooks of classes) count as made when their class is called.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from guest.readers import python_acts
from guest.readers.python_acts import Moment
from guest.readers.python_files import Function, Module, Package
from guest.readers.python_names import parts

_MOST_NODES = 1_000_000  # of all that is visited of one walk
_TOLD = 8  # of one file
_DEEPEST = 16  # classes above a class


@dataclass(frozen=True)
class Act:
    """What is done, in which line of which file, and when."""

    path: str
    line: int
    what: str
    moment: Moment


@dataclass(frozen=True)
class _Scope:
    """Where a node stands: its file, when that is run, and the class whose method it is in."""

    module: Module
    moment: Moment
    owner: str = ""


class Walk:
    """The nodes that are come to from one beginning, in their order."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._todo: list[tuple[ast.AST, _Scope]] = []
        self._seen: set[tuple[tuple[str, str, Moment], bool]] = set()  # and whether its overrides were looked for
        self._left = _MOST_NODES
        self._told: dict[str, int] = {}

    def imported(self, path: str) -> Iterator[Act]:
        """What an import of the file does."""
        module = self._package.modules[path]
        scope = _Scope(module, Moment.IMPORTED)
        self._push(module.tree.body, scope)
        self._enter("__getattr__", scope)  # of the module: `from it import name` may call that
        yield from self._acts()

    def called(self, path: str, name: str, moment: Moment) -> Iterator[Act]:
        """What a call of a function, a class or a `Class.method` of the file does."""
        self._enter(name, _Scope(self._package.modules[path], moment))
        yield from self._acts()

    @property
    def is_done(self) -> bool:
        """Whether it came to everything."""
        return self._left > 0

    def _acts(self) -> Iterator[Act]:
        while self._todo and self._left > 0:
            self._left -= 1
            node, scope = self._todo.pop()
            for line, found in self._at(node, scope):
                path = scope.module.path
                self._told[path] = self._told.get(path, 0) + 1
                if self._told[path] <= _TOLD:
                    yield Act(path, line, found, scope.moment)
            self._push(self._below(node, scope), scope)

    def _push(self, nodes: Sequence[ast.AST], scope: _Scope) -> None:
        self._todo.extend((node, scope) for node in reversed(nodes))

    def _at(self, node: ast.AST, scope: _Scope) -> Iterator[tuple[int, str]]:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield from self._assigned(target, node.value, scope)
        elif isinstance(node, ast.Call):
            yield from self._call(node, scope)
        elif isinstance(node, ast.Attribute):
            yield from self._attribute(node, scope)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from self._decorated(node, scope)
        elif isinstance(node, ast.Return) and node.value is not None:
            yield from self._kept([node.value], scope, "is given back")
        else:
            self._bind(node, scope)
        if isinstance(node, ast.expr):
            yield from self._kept(parts(node), scope, "is kept to be called")

    def _bind(self, node: ast.AST, scope: _Scope) -> None:
        """What a name stands for from here on."""
        names = scope.module.names
        if isinstance(node, ast.Import):
            names.take_import(node)
        elif isinstance(node, ast.ImportFrom):
            names.take_from(node)
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            names.take(node.target, node.value)
        elif isinstance(node, ast.For | ast.comprehension):
            self._choose(node.iter, scope)

    def _dotted(self, node: ast.expr | None, scope: _Scope) -> str:
        return self._package.canonical(scope.module.names.dotted(node), scope.module)

    def _assigned(self, target: ast.expr, value: ast.expr, scope: _Scope) -> Iterator[tuple[int, str]]:
        names = scope.module.names
        if isinstance(target, ast.Attribute | ast.Subscript):
            base = target.value if isinstance(target, ast.Subscript) else target
            found = python_acts.replaces(names.dotted(base), value, names)
            if found and scope.moment is not Moment.USED:
                yield target.lineno, found
        names.take(target, value)

    def _attribute(self, node: ast.Attribute, scope: _Scope) -> Iterator[tuple[int, str]]:
        found = python_acts.reaches(node)
        if found:
            yield node.lineno, found
        dotted = scope.module.names.dotted(node)
        function = scope.module.functions.get(dotted)
        if function is not None and not isinstance(function, ast.Lambda) and _is_property(function):
            self._enter(dotted, scope)

    def _call(self, node: ast.Call, scope: _Scope) -> Iterator[tuple[int, str]]:
        names = scope.module.names
        callee = self._dotted(node.func, scope)
        found = python_acts.what(callee, node, names, scope.module.file, scope.moment) or python_acts.hooks(callee)
        if not found and callee == "builtins.setattr" and len(node.args) > 2:
            target = f"{names.dotted(node.args[0])}.{names.text(node.args[1])}"
            found = python_acts.replaces(target, node.args[2], names)
        if found:
            yield node.lineno, found
        self._enter(callee, scope)
        if isinstance(node.func, ast.Lambda):
            self._push([node.func.body], scope)
        elif not isinstance(node.func, ast.Name | ast.Attribute):
            self._choose(node.func, scope)
        if callee not in _ONLY_LOOK:
            yield from self._handed(callee, node, scope)

    def _handed(self, callee: str, node: ast.Call, scope: _Scope) -> Iterator[tuple[int, str]]:
        calls = _calls(callee)
        for word, given in (
            *((None, given) for given in node.args),
            *((word.arg, word.value) for word in node.keywords),
        ):
            if isinstance(given, ast.Lambda) and (calls or word in _CALLED_WORDS):
                self._push([given.body], scope)
            if not isinstance(given, ast.Name | ast.Attribute | ast.Call):
                continue
            dotted = self._dotted(given, scope)
            if isinstance(given, ast.Call) and dotted and self._dotted(given.func, scope) not in _LOOKED_UP:
                continue
            if python_acts.begins(dotted) and scope.moment is not Moment.USED:
                yield node.lineno, f"{dotted} is handed to {callee or 'a call'}"
            if calls or word in _CALLED_WORDS:
                self._enter(dotted, scope)

    def _kept(self, nodes: list[ast.expr], scope: _Scope, how: str) -> Iterator[tuple[int, str]]:
        """What begins programs, where it is put aside without a name to follow it by."""
        for node in nodes if scope.moment is not Moment.USED else ():
            dotted = self._dotted(node, scope) if isinstance(node, ast.Name | ast.Attribute) else ""
            if python_acts.begins(dotted):
                yield node.lineno, f"{dotted} {how}"

    def _choose(self, node: ast.expr, scope: _Scope) -> None:
        """Own functions, one of which is called, or each in its turn."""
        for dotted in scope.module.names.held(node):
            self._enter(dotted, scope)

    def _decorated(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, scope: _Scope
    ) -> Iterator[tuple[int, str]]:
        for decorator in node.decorator_list:
            dotted = self._dotted(decorator, scope)
            if python_acts.begins(dotted):
                yield decorator.lineno, f"{dotted} is a decorator"
            self._enter(dotted, scope)
            if _calls(dotted):
                self._enter(node.name, scope)
        if isinstance(node, ast.ClassDef):
            self._defined(node, scope)

    def _defined(self, node: ast.ClassDef, scope: _Scope) -> None:
        """What Python calls when a class is defined: its metaclass, a hook of its bases, an enumeration's own."""
        for word in node.keywords:
            if word.arg == "metaclass":
                self._enter(self._dotted(word.value, scope), scope)
        for base in node.bases:
            dotted = self._dotted(base, scope)
            self._enter(f"{dotted}.__init_subclass__", scope)
            if dotted.endswith(_ENUMERATIONS):
                for method in _ENUMERATED:
                    self._enter(f"{node.name}.{method}", scope)

    def _enter(self, dotted: str, scope: _Scope, depth: int = _DEEPEST) -> None:
        """The body of a function of these files, or all that Python calls by itself of a class; each once."""
        if not dotted or not depth:
            return
        first, _, rest = dotted.partition(".")
        is_own = first in _OWN and scope.owner and rest
        module, name = self._package.place(f"{scope.owner}.{rest}" if is_own else dotted, scope.module)
        key = (module.path, name, scope.moment)
        if is_own and (key, True) not in self._seen:
            self._seen.add((key, True))
            self._left -= self._package.crowd(rest)
            for override in self._package.overrides(rest, scope.module, scope.owner):
                self._enter(override, scope, depth - 1)
        if (key, False) in self._seen:
            return
        self._seen.add((key, False))
        scope = replace(scope, module=module)
        if name in module.functions:
            owner = name.partition(".")[0] if "." in name else scope.owner
            self._push(_body(module.functions[name]), replace(scope, owner=owner))
            return
        owner, dot, method = name.rpartition(".")
        if name in module.classes:
            inner = [f"{name}.{own}" for own in module.methods(name) if _is_own(own, scope.moment)] + module.bases(name)
        else:
            inner = [f"{base}.{method}" for base in module.bases(owner)] if dot else []
        for one in inner:
            self._enter(one, scope, depth - 1)

    def _below(self, node: ast.AST, scope: _Scope) -> list[ast.AST]:
        """What is run of it when it is come to."""
        if isinstance(node, ast.If) and not scope.module.renamed and _is_main(node.test):
            return list(node.orelse)
        if isinstance(node, ast.Call) and self._dotted(node.func, scope) in _ONLY_LOOK:
            return [part for part in node.args if not isinstance(part, ast.Tuple)]
        return _run_of(node)


# What looks at a function, and calls it not; what calls it, by its last word; what gives one.
_ONLY_LOOK = frozenset(
    {"isinstance", "issubclass", "callable", "hasattr", "print", "functools.partial", "builtins.getattr"}
)
_CALL_IT = frozenset(
    [
        "Thread",
        "Timer",
        "Process",
        "run",
        "map",
        "filter",
        "sorted",
        "min",
        "max",
        "reduce",
        "submit",
        "call_soon",
        "next",
    ]
)
_CALLED_WORDS = frozenset({"default_factory", "target", "initializer"})
_LOOKED_UP = frozenset({"builtins.getattr", "functools.partial"})
_OWN = ("self", "cls")
_ENUMERATIONS = ("Enum", "Flag")
_ENUMERATED = ("__init__", "__new__", "_generate_next_value_", "_missing_")


def _body(function: Function) -> list[ast.AST]:
    return [function.body] if isinstance(function, ast.Lambda) else list(function.body)


def _calls(callee: str) -> bool:
    """Whether it calls a function that it is given."""
    return callee == "atexit.register" or callee.rpartition(".")[2] in _CALL_IT


def _run_of(node: ast.AST) -> list[ast.AST]:
    """Without what a definition leaves for later, and without what only annotates."""
    found: list[ast.AST | None]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        found = [*node.decorator_list, node.args]
    elif isinstance(node, ast.Lambda):
        found = [node.args]
    elif isinstance(node, ast.arguments):
        found = [*node.defaults, *node.kw_defaults]
    elif isinstance(node, ast.AnnAssign):
        found = [node.target, node.value]
    else:
        found = list(ast.iter_child_nodes(node))
    return [part for part in found if part is not None]


def _is_own(method: str, moment: Moment) -> bool:
    """One that Python calls by itself; not while an object is only made, but for its use or its end."""
    own = method.startswith("__") and method.endswith("__")
    return own and not (moment is Moment.MADE and method in ("__call__", "__del__"))


def _is_property(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    last = (
        node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "") for node in function.decorator_list
    )
    return any("property" in name for name in last)


def _is_main(test: ast.expr) -> bool:
    """`__name__ == "__main__"`, which no import comes to; it and something else."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return any(map(_is_main, test.values))
    if not isinstance(test, ast.Compare) or len(test.ops) != 1 or not isinstance(test.ops[0], ast.Eq):
        return False
    words = {
        side.id if isinstance(side, ast.Name) else side.value if isinstance(side, ast.Constant) else ""
        for side in (test.left, test.comparators[0])
    }
    return words == {"__name__", "__main__"}
