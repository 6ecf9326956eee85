"""What belongs to the whole process though a pickle gets hold of it: what is changed there is changed for everybody.

An object that a pickle makes is the pickle's own to fill. A logger, an enumeration's member, an attribute of a class
were there before, and are found, not made: no pickler gives them a state or items.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from guest.readers import keys
from guest.readers.inert import Call, describe
from guest.readers.kept import is_function

PATCH, SHADOW = "pickle.patch", "pickle.shadow"
# Functions that find what is there already, by their names: getLogger, _get_thnn_function_backend, current_thread.
_FINDS = re.compile(r"_*(?:get|current|default|shared|global)(?:[A-Z_]\w*)?|_*(?:get_)?instance")
_FOUND = frozenset(
    {
        *("builtins.getattr", "builtins.type", "inspect.getattr_static", "operator.getitem"),
        *("re._compile", "sre_compile._compile", "pytz._UTC", "pytz._p", "zoneinfo.ZoneInfo._unpickle"),
    }
)
_ENUMERATIONS = re.compile(
    r"""http[.](?:HTTPStatus|HTTPMethod) | re[.]RegexFlag | uuid[.]SafeUUID | inspect[.]_\w+Kind | decimal[.][A-Z_]+
    | signal[.](?:Signals|Handlers|Sigmasks) | socket[.](?:AddressFamily|SocketKind|MsgFlag|AddressInfo)
    | ssl[.](?:TLSVersion|VerifyMode|VerifyFlags|Options|AlertDescription|SSLErrorNumber) | PIL[.]Image[.]Resampling
    | torch[.]distributed[.]fsdp[.]\w+[.](?:ShardingStrategy|BackwardPrefetch|StateDictType)
    | torch[.]distributed[.]checkpoint[.]metadata[.](?:_MEM_FORMAT_ENCODING|StorageMode)
    | torch(?:[.]_C)?[.](?:[\w.]+[.])?(?:ReduceOp|RedOpType)""",
    re.VERBOSE,
)
# What Python itself keeps in a member of any enumeration, and in nothing else.
_OF_MEMBERS = frozenset({"_value_", "_name_", "_sort_order_", "__objclass__"})
# Its __setstate__ has the class count on from there: torch.utils.hooks.RemovableHandle.
_HANDLE, _MOST_HANDLES = "torch.utils.hooks.RemovableHandle", 1 << 32


def told(target: Call, given: object, opcode: str) -> Iterator[tuple[str, str]]:
    """Id and detail of an oddity where `opcode` changes by `given` what was not made by the pickle."""
    attributes = _attributes(given)
    if _is_found(target) or (target.kind != "newobj" and not _OF_MEMBERS.isdisjoint(attributes)):
        yield PATCH, f"{opcode} changes what {target.name[:256]} gives, which is everybody's"
        for key, value in attributes.items():
            if is_function(value):
                yield SHADOW, f"a state puts {describe(value)} in the place of {key[:256]} of what {target.name} gives"
    elif target.root is not None and target.root.canonical == _HANDLE and not _is_handle(given):
        yield PATCH, f"{opcode} has {_HANDLE} count on from {describe(given)}"


def _is_found(target: Call) -> bool:
    """Whether what was called finds, and makes nothing of its own."""
    if target.root is None or target.indirect or target.kind == "newobj":
        return False
    name = target.root.canonical
    if name in _FOUND or _ENUMERATIONS.fullmatch(name):
        return True
    return _FINDS.fullmatch(name.rpartition(".")[2]) is not None


def _is_handle(state: object) -> bool:
    number = state[1] if isinstance(state, tuple) and len(state) > 1 else 0
    return type(number) is int and 0 <= number < _MOST_HANDLES


def _attributes(given: object) -> dict[str, Any]:
    """The attributes that a state sets, of what is a dictionary in it."""
    parts = given if isinstance(given, tuple) else (given,)
    return {key: value for part in parts if isinstance(part, dict) for key, value in keys.named(part)}
