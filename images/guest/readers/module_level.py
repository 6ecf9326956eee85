"""What a Python file does when it is imported: which programs, code and connections its module level begins.

The text is parsed by the standard library, which runs none of it. Bodies of functions are left out, but for those that
the module level itself calls; so is what stands under `if __name__ == "__main__"`.
"""

from __future__ import annotations

import ast
import re
from itertools import islice

from guest.readers.python_files import NoTreeError, Package, parse
from guest.readers.python_walk import Walk

TOLD = 8  # of one file
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


def tree(content: bytes) -> ast.Module | list[tuple[int, str]]:
    """The file's tree; where there can be none, line and act of what can be seen without it."""
    spelled = _SPELLED.match(content)
    if spelled:
        return [(1, f"a text in {spelled[1].decode('ascii')}, which hides what it does")]
    text = content.decode("utf-8-sig", "replace")  # as a text it needs no codec that is imported late
    try:
        return parse(text)
    except NoTreeError:
        return [(text.count("\n", 0, met.start()) + 1, met[1]) for met in islice(_AT_THE_MARGIN.finditer(text), TOLD)]


def told(content: bytes, name: str) -> list[tuple[int, str]]:
    """Line and act of a file that stands alone, the first ones in the order that they are met."""
    found = tree(content)
    if isinstance(found, list):
        return found
    try:
        return list(dict.fromkeys((act.line, act.what) for act in Walk(Package([(name, found)])).imported(name)))
    except RecursionError:
        return []
