"""What names of a Python file's text stand for: imports by whatever name, attributes looked up by a text, constants."""

from __future__ import annotations

import ast

_IMPORTS = frozenset({"builtins.__import__", "importlib.import_module", "importlib.__import__"})
_PARTIAL = ("functools.partial", "functools.partialmethod")
_BUILTINS = frozenset(["exec", "eval", "compile", "open", "getattr", "vars", "globals", "locals", "__import__"])
_MODULES = frozenset(["os", "posix", "nt", "subprocess", "builtins", "pty", "ctypes", "socket"])
_SCOPES = ("builtins.globals", "builtins.locals")
_DICT = ".__dict__"
_DEPTH = 40
_LONGEST = 4096  # characters of a text that is put together
COMPUTED = "a computed name"


class Names:
    """What was bound so far, in the order of the text. A name that nothing bound stands for itself."""

    def __init__(self) -> None:
        self._bound: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        self.classes: set[str] = set()

    def take_import(self, node: ast.Import) -> None:
        for alias in node.names:
            top = alias.name.partition(".")[0]
            self._bound[alias.asname or top] = alias.name if alias.asname else top

    def take_from(self, node: ast.ImportFrom) -> None:
        if node.module and not node.level:
            for alias in node.names:
                self._bound[alias.asname or alias.name] = f"{node.module}.{alias.name}"

    def take(self, target: ast.expr, value: ast.expr) -> None:
        """An assignment; of sequences each to its own."""
        if isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List):
            for one, its in zip(target.elts, value.elts, strict=False):
                self.take(one, its)
        if not isinstance(target, ast.Name):
            return
        for table, found in ((self._bound, self.dotted(value)), (self._texts, self.text(value))):
            if found:
                table[target.id] = found
            else:
                table.pop(target.id, None)

    def dotted(self, node: ast.expr | None, depth: int = _DEPTH) -> str:
        """As `os.system`, builtins with their module; "" for what is none."""
        if node is None or not depth:
            return ""
        if isinstance(node, ast.Name):
            return self._named(node.id)
        if isinstance(node, ast.Attribute):
            base = self.dotted(node.value, depth - 1)
            return f"{base}.{node.attr}" if base else ""
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
        return f"builtins.{name}" if name in _BUILTINS else name

    def _of_call(self, node: ast.Call, depth: int) -> str:
        """What a call gives, where that is something of a name."""
        callee, args = self.dotted(node.func, depth), node.args
        if callee in _SCOPES or callee in self.classes:
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
        return f"{base}.{name}" if base else ""

    def _of_item(self, base: str, key: str | None) -> str:
        if base == "builtins" or base.endswith(_DICT):
            return self._of_attribute(base.removesuffix(_DICT), key)
        if base in _SCOPES and key:
            return self._named(key)
        return key or "" if base == "sys.modules" else ""

    def text(self, node: ast.expr | None, depth: int = _DEPTH) -> str | None:
        """The text that it is, as far as that can be told without running anything."""
        if node is None or not depth:
            return None
        found = self._text(node, depth - 1)
        return found if found is not None and len(found) <= _LONGEST else None

    def _text(self, node: ast.expr, depth: int) -> str | None:
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) else None
        if isinstance(node, ast.Name):
            return self._texts.get(node.id)
        if isinstance(node, ast.FormattedValue):
            return self.text(node.value, depth)
        if isinstance(node, ast.Subscript):
            return self._backwards(node, depth)
        return self._together(node, depth)

    def _backwards(self, node: ast.Subscript, depth: int) -> str | None:
        step = node.slice.step if isinstance(node.slice, ast.Slice) else None
        whole = self.text(node.value, depth) if isinstance(step, ast.UnaryOp) else None
        return whole[::-1] if whole is not None else None

    def _together(self, node: ast.expr, depth: int) -> str | None:
        """Of parts: a sum, a text with places, a join."""
        between: str | None = ""
        parts: list[ast.expr] = []
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            parts = [node.left, node.right]
        elif isinstance(node, ast.JoinedStr):
            parts = node.values
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "join":
            between = self.text(node.func.value, depth)
            held = node.args[0] if node.args else None
            parts = held.elts if isinstance(held, ast.List | ast.Tuple) else []
        texts = [self.text(part, depth) for part in parts]
        known = [text for text in texts if text is not None]
        return between.join(known) if parts and between is not None and len(known) == len(texts) else None
