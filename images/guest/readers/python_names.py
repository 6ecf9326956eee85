"""What names of a Python file's text stand for: imports by whatever name, attributes looked up by a text, constants."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TypeVar

_IMPORTS = frozenset({"builtins.__import__", "importlib.import_module", "importlib.__import__"})
_PARTIAL = ("functools.partial", "functools.partialmethod")
_BUILTINS = frozenset(["exec", "eval", "compile", "open", "getattr", "setattr", "vars", "globals", "locals"])
_BUILTINS |= {"__import__"}
# Python's own that matter here: whatever module holds one under its name, it is that one.
_MODULES = frozenset(["os", "posix", "nt", "subprocess", "builtins", "pty", "ctypes", "socket"])
_SCOPES = ("builtins.globals", "builtins.locals")
_DICT = ".__dict__"
_DEPTH = 40
_PARTS = 256  # of a text
_LONGEST = 4096  # characters of a text that is put together
COMPUTED = "a computed name"
UNKNOWN = "\N{HORIZONTAL ELLIPSIS}"  # stands in an outline for what can't be told
IN = ":"  # between the path of a module that lies beside, and a name in it

_Held = TypeVar("_Held")

# The path of a module that lies beside, by the number of dots before its name and the name; "" for none.
Find = Callable[[int, str], str]


def _nowhere(_level: int, _name: str) -> str:
    return ""


def member(base: str, name: str) -> str:
    """A name in what a dotted name stands for."""
    if name in _MODULES and base not in ("", name) and not base.endswith(IN):  # socket.socket is none
        return name
    return f"{base}{name}" if base.endswith(IN) else f"{base}.{name}"


class Names:
    """What was bound so far, in the order of the text. A name that nothing bound stands for itself."""

    def __init__(self, find: Find = _nowhere) -> None:
        self._find = find
        self._bound: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        self._held: dict[str, list[str]] = {}
        self._stars: list[str] = []
        self.classes: set[str] = set()
        self.functions: set[str] = set()

    def bound(self, name: str) -> str:
        """What the name was bound to; "" for nothing."""
        return self._bound.get(name, "")

    def take_import(self, node: ast.Import) -> None:
        for alias in node.names:
            top = alias.name.partition(".")[0]
            whole = alias.name if alias.asname else top
            beside = self._find(0, whole)
            self._bound[alias.asname or top] = f"{beside}{IN}" if beside else whole

    def take_from(self, node: ast.ImportFrom) -> None:
        beside = self._find(node.level, node.module or "")
        for alias in node.names:
            submodule = self._find(node.level, f"{node.module}.{alias.name}" if node.module else alias.name)
            if submodule:
                base, whole = submodule, f"{submodule}{IN}"
            elif beside:
                base, whole = f"{beside}{IN}", f"{beside}{IN}{alias.name}"
            elif node.module and not node.level:
                base, whole = node.module, f"{node.module}.{alias.name}"
            else:
                continue
            if alias.name == "*":
                self._stars.append(base)
            else:
                self._bound[alias.asname or alias.name] = whole

    def take(self, target: ast.expr, value: ast.expr) -> None:
        """An assignment; of sequences each to its own."""
        if isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List):
            for one, its in zip(target.elts, value.elts, strict=False):
                self.take(one, its)
        if not isinstance(target, ast.Name | ast.Attribute):
            return
        name = self.dotted(target) if isinstance(target, ast.Attribute) else target.id
        if not name:
            return
        found = self.dotted(value)
        if found != name:
            _put(self._bound, name, found)
        _put(self._texts, name, self.text(value))
        _put(self._held, name, self.held(value))

    def held(self, node: ast.expr) -> list[str]:
        """The names that a container is made of, or that an expression has the choice of."""
        if isinstance(node, ast.Name) and node.id in self._held:
            return self._held[node.id]
        if isinstance(node, ast.Subscript):
            return self.held(node.value)
        return [dotted for part in parts(node) if (dotted := self.dotted(part))]

    def dotted(self, node: ast.expr | None, depth: int = _DEPTH) -> str:
        """As `os.system`, builtins with their module; "" for what is none."""
        if node is None or not depth:
            return ""
        if isinstance(node, ast.Name):
            return self._named(node.id)
        if isinstance(node, ast.Attribute):
            base = self.dotted(node.value, depth - 1)
            whole = member(base, node.attr) if base else ""
            return self._bound.get(whole, whole)
        if isinstance(node, ast.Call):
            return self._of_call(node, depth - 1)
        if isinstance(node, ast.Subscript):
            return self._of_item(self.dotted(node.value, depth - 1), self.text(node.slice))
        return self.dotted(node.value, depth - 1) if isinstance(node, ast.NamedExpr) else ""

    def _named(self, name: str) -> str:
        if name in self._bound:
            return self._bound[name]
        if name == "__builtins__":
            return "builtins"
        if name in _BUILTINS:
            return f"builtins.{name}"
        if self._stars and name not in self.functions and name not in self.classes:
            return self._of_star(name)
        return name

    def _of_star(self, name: str) -> str:
        """One that came with a whole module, as far as that can be known without it."""
        star = next((star for star in self._stars if star in _MODULES or star.endswith(IN)), "")
        return member(star, name) if star else name

    def _of_call(self, node: ast.Call, depth: int) -> str:
        """What a call gives, where that is something of a name."""
        callee, args = self.dotted(node.func, depth), node.args
        if callee in _SCOPES or callee in self.classes or (callee.rpartition(IN)[2][:1].isupper() and IN in callee):
            return callee
        if callee in _IMPORTS and args:
            name = self.text(args[0]) or ""
            return name.partition(".")[0] if callee == "builtins.__import__" else name
        if callee == "builtins.getattr" and len(args) > 1:
            return self._of_attribute(self.dotted(args[0], depth), self.text(args[1]))
        if callee == "builtins.vars" and args:
            return self.dotted(args[0], depth) + _DICT
        return self.dotted(args[0], depth) if callee in _PARTIAL and args else ""

    def _of_attribute(self, base: str, name: str | None) -> str:
        if name is None:
            return f"{base}.{COMPUTED}" if base in _MODULES else ""
        return member(base, name) if base else ""

    def _of_item(self, base: str, key: str | None) -> str:
        if base == "builtins" or base.endswith(_DICT):
            return self._of_attribute(base.removesuffix(_DICT), key)
        if base in _SCOPES and key:
            return self._named(key)
        return key or "" if base == "sys.modules" else ""

    def text(self, node: ast.expr | None, depth: int = _DEPTH) -> str | None:
        """The text that it is, as far as that can be told without running anything."""
        found = self.outline(node, depth)
        return found if UNKNOWN not in found else None

    def outline(self, node: ast.expr | None, depth: int = _DEPTH) -> str:
        """The same, with a mark for each part that can't be told; of a list its words, apart by blanks."""
        if node is None or not depth:
            return UNKNOWN
        found = self._outline(node, depth - 1)
        return found if len(found) <= _LONGEST else UNKNOWN

    def _outline(self, node: ast.expr, depth: int) -> str:
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) else UNKNOWN
        if isinstance(node, ast.Name):
            return self._texts.get(node.id, UNKNOWN)
        if isinstance(node, ast.FormattedValue):
            return self.outline(node.value, depth)
        if isinstance(node, ast.Subscript):
            return self._backwards(node, depth)
        return self._together(node, depth)

    def _backwards(self, node: ast.Subscript, depth: int) -> str:
        step = node.slice.step if isinstance(node.slice, ast.Slice) else None
        return self.outline(node.value, depth)[::-1] if isinstance(step, ast.UnaryOp) else UNKNOWN

    def _together(self, node: ast.expr, depth: int) -> str:
        """Of parts: a sum, a text with places, a join."""
        between, parts = "", []
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            parts = [node.left, node.right]
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            return self._filled(self.outline(node.left, depth))
        elif isinstance(node, ast.JoinedStr):
            parts = node.values
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr == "format":
                return self._filled(self.outline(node.func.value, depth))
            held = node.args[0] if node.args else None
            if node.func.attr == "join" and isinstance(held, ast.List | ast.Tuple):
                between, parts = self.outline(node.func.value, depth), held.elts
        return between.join(self.outline(part, depth) for part in parts) if 0 < len(parts) <= _PARTS else UNKNOWN

    def _filled(self, text: str) -> str:
        """A text with places that something unknown goes to."""
        return text + UNKNOWN

    def command(self, node: ast.expr | None) -> str:
        """The outline of what is to be begun: a line, or its words."""
        if isinstance(node, ast.List | ast.Tuple):
            return " ".join(self._word(word) for word in node.elts[:_PARTS])
        return self.outline(node)

    def _word(self, node: ast.expr) -> str:
        return "python" if self.dotted(node) == "sys.executable" else self.outline(node)


def parts(node: ast.expr) -> list[ast.expr]:
    """What a container or a choice is made of."""
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return [part.value if isinstance(part, ast.Starred) else part for part in node.elts]
    if isinstance(node, ast.Dict):
        return list(node.values)
    if isinstance(node, ast.IfExp):
        return [node.body, node.orelse]
    return node.values if isinstance(node, ast.BoolOp) else []


def _put(table: dict[str, _Held], name: str, value: _Held | None) -> None:
    if value:
        table[name] = value
    else:
        table.pop(name, None)
