"""What TorchScript code does beyond computing: operators that write and read files, or call other machines.

Its text is cut into tokens and looked through; nothing is compiled. `__setstate__` is run when the archive is loaded,
a method when the model is used. Operators are found by their last name, since a tensor has them all as methods, and
`torch` may be called by another name first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from guest.readers.session import Session
from guest.readers.source import Source

ODDITY = "script.acts"
_MOST = 16 << 20  # bytes of one file; all together are bounded as pickles are
_TOLD = 16  # of one file
_SHOWN = 256

_FILES = "save from_file load_tensor read_file write_file load_library _dump_stats"
_CALLS = "rpc_sync rpc_async rpc_remote"
_ACTS = frozenset(f"{_FILES} {_CALLS}".split())
# Of operators that other libraries bring: ops.their.name.
_TELLING = re.compile(
    r"(?:^|_)(?:save|files?|write|exec|execute|system|popen|spawn|shell|download|upload|http|socket|url|rpc|dlopen)"
    r"(?:_|$)"
)
_OURS = frozenset(
    {"aten", "prim", "prims", "quantized", "_quantized", "sparse", "mkldnn", "mkldnn_prepacked", "onednn", "prepacked"}
    | {"xnnpack", "profiler", "torchvision", "inductor", "c10d", "_c10d_functional"}
)
_AT_LOAD = "__setstate__"

_MENTION = re.compile(rf"\b(?:{'|'.join(sorted(_ACTS))}|ops|getattr)\b")
_TOKEN = re.compile(
    r"""(?P<text>\"{3}(?:\\.|[^\\])*?\"{3}|'{3}(?:\\.|[^\\])*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
    |\#[^\n]*|(?P<word>[^\W\d]\w*)|(?P<mark>[^\s\w\\])""",
    re.VERBOSE | re.DOTALL,
)


def look(source: Source, name: str, form: str, session: Session) -> None:
    """Say what a file of code does. `name`: the file's. Raises UnreadableError."""
    if source.length > _MOST:
        session.incomplete(f"{name[:_SHOWN]}: TorchScript code of {source.length} bytes, which was not looked into")
        return
    session.spend_bytes(source.length)
    for what, where in told(source.at(0, source.length).decode("utf-8", "replace")):
        when = "as the file is loaded" if where.endswith(_AT_LOAD) else "when the model is used"
        session.oddity(form, ODDITY, f"{what[:_SHOWN]} in {where[:_SHOWN] or 'no function'}, {when}", name)


def told(code: str) -> list[tuple[str, str]]:
    """What acts, and in which class's function; each once."""
    if not _MENTION.search(code):
        return []
    found: dict[tuple[str, str], None] = {}
    for act in _acts(list(_tokens(code))):
        found[act] = None
        if len(found) >= _TOLD:
            break
    return list(found)


def _tokens(code: str) -> Iterator[tuple[str, str]]:
    """Sort and text of each; a comment is none."""
    for match in _TOKEN.finditer(code):
        if match.lastgroup:
            yield match.lastgroup, match[0]


def _acts(tokens: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    owner = function = ""
    at = 0
    while at < len(tokens):
        sort, text = tokens[at]
        if sort != "word":
            at += 1
        elif text in ("class", "def") and at + 1 < len(tokens):
            owner, function = (tokens[at + 1][1], "") if text == "class" else (owner, tokens[at + 1][1])
            at += 2
        elif text == "getattr":
            word = _attribute(tokens, at)
            if word in _ACTS or "\\" in word:
                yield f"getattr of {word}", f"{owner}.{function}"
            at += 1
        else:
            chain, at = _chain(tokens, at)
            if _is_act(chain, tokens[at][1] if at < len(tokens) else ""):
                yield ".".join(chain), f"{owner}.{function}"


def _chain(tokens: list[tuple[str, str]], at: int) -> tuple[list[str], int]:
    """The words from here on that are joined by dots, one before them if it is there; and what follows them."""
    chain = [""] if at and tokens[at - 1][1] == "." else []  # of what is no name: a call's value, a text
    chain.append(tokens[at][1])
    at += 1
    while at + 1 < len(tokens) and tokens[at][1] == "." and tokens[at + 1][0] == "word":
        chain.append(tokens[at + 1][1])
        at += 2
    return chain, at


def _is_act(chain: list[str], following: str) -> bool:
    base, last = chain[0], chain[-1]
    if len(chain) < 2:
        return False
    if last in _ACTS:
        return following == "(" or base != "self"
    return base == "ops" and is_act(["torch", *chain])


def is_act(operator: list[str]) -> bool:
    """Of an operator by the parts of its full name, torch.ops.theirs.name and perhaps its overload's."""
    if operator[:2] != ["torch", "ops"] or len(operator) < 4:
        return False
    return operator[3] in _ACTS or (operator[2] not in _OURS and _TELLING.search(operator[3].lower()) is not None)


def _attribute(tokens: list[tuple[str, str]], at: int) -> str:
    """The text that a call of getattr has for a name."""
    following = (text for sort, text in tokens[at : at + 64] if sort == "text")
    return next(following, "").strip("\"'")
