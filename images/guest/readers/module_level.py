"""What a Python file does when it is imported: which programs, code and connections its module level begins.

The text is parsed by the standard library, which runs none of it. Bodies of functions are left out, but for those that
the module level itself calls; so is what stands under `if __name__ == "__main__"`.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from itertools import islice
from pathlib import PurePosixPath

from guest.readers import python_acts
from guest.readers.python_names import Names
from guest.readers.session import Session
from guest.readers.source import Source

ODDITY = "folder.code.acts"
END = ".py"
_PATHS = ".pth"  # a line of it that begins with import is run by every start of Python
_MOST = 2 << 20  # bytes of one file
_MOST_NODES = 500_000  # of all that is visited in one
_TOLD = 8  # of one file
_UNASKED = ("sitecustomize.py", "usercustomize.py")
_IMPORT_LINE = re.compile(rb"^import[ \t][^\n]{1,400}", re.MULTILINE)
# What a file says that this Python can't parse: a later one may.
_AT_THE_MARGIN = re.compile(
    r"^(?![ \t#@]|def |class |from |import )[^#\n]*?"
    r"(?<![\w.])((?:os|posix|nt)\.(?:system|popen|exec\w+|spawn\w+)|subprocess\.\w+|pty\.spawn|exec|eval"
    r"|socket\.(?:socket|create_connection)|ctypes\.CDLL)\(",
    re.MULTILINE,
)
# Encodings in which ASCII isn't itself, as the first two lines may name one.
_SPELLED = re.compile(
    rb"(?:[^\n]*\n)?[ \t\f]*#[^\n]*?coding[:=][ \t]*"
    rb"((?:utf[-_]?(?:7|16|32)|(?:raw[-_])?unicode[-_]|punycode|idna|hz|iso[-_]?2022)[-\w]*)",
    re.IGNORECASE,
)
_NO_TEXT = (SyntaxError, ValueError, RecursionError, MemoryError)


def concerns(name: str) -> bool:
    """Whether a file of that name is looked into."""
    return name.lower().endswith((END, _PATHS))


def look(source: Source, name: str, form: str, session: Session) -> None:
    """Say what importing it does. Raises UnreadableError."""
    path = PurePosixPath(name)
    if path.suffix.lower() == _PATHS:
        _look_at_paths(source, name, form, session)
        return
    if source.length > _MOST:
        session.incomplete(f"{name[:256]}: Python code of {source.length} bytes, which was not looked into")
        return
    session.spend_bytes(source.length)
    content = source.at(0, source.length)
    if path.name.lower() in _UNASKED and content.strip():
        session.oddity(form, ODDITY, f"{path.name} is run by every start of Python that finds it", name)
    for line, what in told(content, path.name):
        session.oddity(form, ODDITY, f"{what[:256]} in line {line} of {name[-256:]}", name)


def _look_at_paths(source: Source, name: str, form: str, session: Session) -> None:
    """Lists of folders, which Python reads when it starts; models have the same ending."""
    if not 0 < source.length <= _MOST:
        return
    first = source.at(0, min(source.length, 64))
    if not all(byte in b"\t\n\r" or byte >= 32 for byte in first):
        return
    line = _IMPORT_LINE.search(source.at(0, source.length))
    if line:
        shown = line[0][:200].decode("utf-8", "replace")
        session.oddity(form, ODDITY, f"a list of folders with the line {shown!a}", name)


def told(content: bytes, name: str) -> list[tuple[int, str]]:
    """Line and act, the first ones in the order that they are met."""
    spelled = _SPELLED.match(content)
    if spelled:
        return [(1, f"a text in {spelled[1].decode('ascii')}, which hides what it does")]
    text = content.decode("utf-8-sig", "replace")  # as a text it needs no codec that is imported late
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except _NO_TEXT:
        return [(text.count("\n", 0, met.start()) + 1, met[1]) for met in islice(_AT_THE_MARGIN.finditer(text), _TOLD)]
    try:
        return list(dict.fromkeys(islice(_Module(tree, name).acts(), _TOLD)))
    except RecursionError:
        return []


class _Module:
    """The nodes that an import comes to, in their order."""

    def __init__(self, tree: ast.Module, file: str) -> None:
        self._file = file
        self._names = Names()
        self._functions: dict[str, list[ast.stmt]] = {}
        self._seen: set[str] = set()
        self._todo: list[ast.AST] = list(reversed(tree.body))
        self._renamed = any(_is_name(node, "__name__", ast.Store) for node in ast.walk(tree))
        self._collect(tree)

    def _collect(self, tree: ast.Module) -> None:
        """The module's functions, and its classes' methods as `Class.method`, where a call of the class is one of all
        that Python calls by itself."""
        todo: list[ast.AST] = [tree]
        while todo:
            node = todo.pop()
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                self._functions[node.name] = node.body
            elif isinstance(node, ast.ClassDef):
                self._names.classes.add(node.name)
                methods = [part for part in node.body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)]
                self._functions |= {f"{node.name}.{method.name}": method.body for method in methods}
                self._functions[node.name] = [
                    part for method in methods if _is_own(method.name) for part in method.body
                ]
            elif not isinstance(node, ast.expr):
                todo.extend(ast.iter_child_nodes(node))

    def acts(self) -> Iterator[tuple[int, str]]:
        """Line and what is done there."""
        self._enter("__getattr__")  # of the module: `from it import name` may call that
        for _ in range(_MOST_NODES):
            if not self._todo:
                return
            node = self._todo.pop()
            yield from self._at(node)
            self._todo.extend(reversed(self._below(node)))

    def _at(self, node: ast.AST) -> Iterator[tuple[int, str]]:
        names = self._names
        if isinstance(node, ast.Import):
            names.take_import(node)
        elif isinstance(node, ast.ImportFrom):
            names.take_from(node)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                names.take(target, node.value)
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            names.take(node.target, node.value)
        elif isinstance(node, ast.Call):
            yield from self._call(node)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from self._decorated(node)

    def _call(self, node: ast.Call) -> Iterator[tuple[int, str]]:
        callee = self._names.dotted(node.func)
        found = python_acts.what(callee, node, self._names, self._file)
        if found:
            yield node.lineno, found
        self._enter(callee)
        if isinstance(node.func, ast.Lambda):
            self._todo.append(node.func.body)
        for given in (*node.args, *(word.value for word in node.keywords)):
            dotted = self._names.dotted(given) if isinstance(given, ast.Name | ast.Attribute | ast.Call) else ""
            if isinstance(given, ast.Call) and dotted and self._names.dotted(given.func) not in _LOOKED_UP:
                continue
            if python_acts.begins(dotted) and callee not in _ONLY_LOOK:
                yield node.lineno, f"{dotted} is handed to {callee or 'a call'}"
            if callee in _CALL_IT:
                self._enter(dotted)

    def _decorated(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> Iterator[tuple[int, str]]:
        for decorator in node.decorator_list:
            dotted = self._names.dotted(decorator)
            if python_acts.begins(dotted):
                yield decorator.lineno, f"{dotted} is a decorator"
            self._enter(dotted)
            if dotted in _CALL_IT:
                self._enter(node.name)

    def _enter(self, name: str) -> None:
        """The body of one of the module's own functions, once."""
        if name in self._functions and name not in self._seen:
            self._seen.add(name)
            self._todo.extend(reversed(self._functions[name]))

    def _below(self, node: ast.AST) -> list[ast.AST]:
        """What is run of it when it is come to."""
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return [*node.decorator_list, node.args]
        if isinstance(node, ast.Lambda):
            return [node.args]
        if isinstance(node, ast.If) and not self._renamed and _is_main(node.test):
            return list(node.orelse)
        return list(ast.iter_child_nodes(node))


# What looks at a function, and calls it not; what calls it; what gives one.
_ONLY_LOOK = frozenset(
    {"isinstance", "issubclass", "callable", "hasattr", "print", "functools.partial", "builtins.getattr"}
)
_CALL_IT = frozenset(
    {"threading.Thread", "threading.Timer", "atexit.register", "multiprocessing.Process", "asyncio.run", "map"}
)
_LOOKED_UP = frozenset({"builtins.getattr", "functools.partial"})


def _is_own(method: str) -> bool:
    """One that Python calls by itself."""
    return method.startswith("__") and method.endswith("__")


def _is_name(node: ast.AST, name: str, context: type[ast.expr_context]) -> bool:
    return isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, context)


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
