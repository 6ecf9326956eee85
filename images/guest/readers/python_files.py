"""Python files that lie together, as trees: what each defines, and which of the others its imports mean."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable
from pathlib import PurePosixPath

from guest.readers.python_names import IN, Names

_NO_TEXT = (SyntaxError, ValueError, RecursionError, MemoryError)
_ABOVE = 64  # classes above a class
_FOLLOWED = 8  # imports of a name from one file into the next

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class NoTreeError(Exception):
    """What this Python can't parse."""


def parse(text: str) -> ast.Module:
    """The tree; nothing is compiled. Raises NoTreeError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except _NO_TEXT:
        raise NoTreeError from None


class Module:
    """One file: its tree, its functions, methods as `Class.method`, and what its names stand for."""

    def __init__(self, path: str, tree: ast.Module, package: Package) -> None:
        self.path = path
        self.file = PurePosixPath(path).name
        self.tree = tree
        self.names = Names(lambda level, name: package.find(path, level, name))
        self.functions: dict[str, Function] = {}
        self.classes: dict[str, ast.ClassDef] = {}
        self.renamed = any(_is_bound(node, "__name__") for node in ast.walk(tree))
        self._collect()

    def bind(self) -> None:
        """What the module level imports and assigns, before any of it is run."""
        todo: list[ast.AST] = list(reversed(self.tree.body))
        while todo:
            node = todo.pop()
            if isinstance(node, ast.Import):
                self.names.take_import(node)
            elif isinstance(node, ast.ImportFrom):
                self.names.take_from(node)
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    self.names.take(target, node.value)
            elif isinstance(node, ast.stmt | ast.ExceptHandler) and not isinstance(node, _SCOPES):
                todo.extend(reversed([part for part in ast.iter_child_nodes(node) if not isinstance(part, ast.expr)]))

    def _collect(self) -> None:
        todo: list[ast.AST] = [self.tree]
        while todo:
            node = todo.pop()
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                self._add(node.name, node)
            elif isinstance(node, ast.ClassDef):
                self.classes[node.name] = node
                self.names.classes.add(node.name)
                for part in node.body:
                    if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
                        self.functions[f"{node.name}.{part.name}"] = part
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        self._add(target.id, node.value)
            if not isinstance(node, ast.expr):
                todo.extend(ast.iter_child_nodes(node))

    def _add(self, name: str, function: Function) -> None:
        self.functions[name] = function
        self.names.functions.add(name)

    def methods(self, owner: str) -> list[str]:
        """The names of a class's own methods."""
        body = self.classes[owner].body if owner in self.classes else []
        return [part.name for part in body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)]

    def bases(self, owner: str) -> list[str]:
        """Dotted names of a class's bases."""
        node = self.classes.get(owner)
        return [dotted for base in node.bases if (dotted := self.names.dotted(base))] if node else []


class Package:
    """Files that can import each other."""

    def __init__(self, trees: Iterable[tuple[str, ast.Module]]) -> None:
        """`trees`: each with its path."""
        found = list(trees)
        self._paths = {path for path, _ in found}
        self.modules = {path: Module(path, tree, self) for path, tree in found}
        self._methods: dict[str, list[tuple[Module, str]]] = {}
        self._ancestors: dict[tuple[str, str], frozenset[tuple[str, str]]] = {}
        for module in self.modules.values():
            module.bind()
            for owner in module.classes:
                for method in module.methods(owner):
                    self._methods.setdefault(method, []).append((module, owner))

    def find(self, path: str, level: int, name: str) -> str:
        """The file that an import in `path` means, by its dots and its name; "" for none of these."""
        if not level and not name:
            return ""
        here = PurePosixPath(path).parent
        for _ in range(level - 1):
            here = here.parent
        for folder in (here,) if level else (here, PurePosixPath()):
            inner = folder.joinpath(*name.split(".")) if name else folder
            for candidate in (f"{inner}.py", str(inner / "__init__.py")):
                if candidate in self._paths and candidate != path:
                    return candidate
        return ""

    def named(self, module: str) -> list[str]:
        """The files that a module of that name may be, whichever of the folders is on Python's path."""
        inner = "/".join(module.split("."))
        return [path for path in self._paths if f"/{path}".endswith((f"/{inner}.py", f"/{inner}/__init__.py"))]

    def place(self, dotted: str, here: Module) -> tuple[Module, str]:
        """The module that defines what a name seen in `here` stands for, and its name there."""
        for _ in range(_FOLLOWED):
            path, at, name = dotted.rpartition(IN)
            module = self.modules.get(path, here) if at else here
            first, dot, rest = name.partition(".")
            bound = module.names.bound(first) if at and first not in module.names.functions else ""
            if not bound or first in module.classes:
                return module, name
            here, dotted = module, f"{bound}{dot}{rest}"
        return here, dotted

    def overrides(self, method: str, above: Module, owner: str) -> list[str]:
        """Dotted names of what a method of a class may be in those that are made of it."""
        key = (above.path, owner)
        below = (pair for pair in self._methods.get(method, ()) if key in self._above(*pair))
        return [f"{module.path}{IN}{one}.{method}" for module, one in below]

    def crowd(self, method: str) -> int:
        """How many classes have a method of that name."""
        return len(self._methods.get(method, ()))

    def _above(self, module: Module, owner: str) -> frozenset[tuple[str, str]]:
        """The classes above a class, each by its file and name."""
        key = (module.path, owner)
        if key not in self._ancestors:
            found: dict[tuple[str, str], None] = {}
            todo = [(module, owner)]
            while todo and len(found) < _ABOVE:
                there, name = todo.pop()
                for base in there.bases(name)[:_ABOVE]:
                    place = self.place(base, there)
                    if (place[0].path, place[1]) not in found:
                        found[place[0].path, place[1]] = None
                        todo.append(place)
            self._ancestors[key] = frozenset(found)
        return self._ancestors[key]

    def canonical(self, dotted: str, here: Module) -> str:
        """What a name stands for that another file may have imported in turn."""
        if IN not in dotted:
            return dotted
        module, name = self.place(dotted, here)
        return name if name.partition(".")[0] not in module.names.functions | module.names.classes else dotted


_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _is_bound(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)
