"""What configurations name for a framework to import, build or call, by name alone.

Hydra's `_target_`, Lightning's `class_path`, jsonpickle's and YAML's tags: whoever instantiates the configuration calls
what it names. Told are names of Python's own library: what else there is are the frameworks' own classes.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

_OWN = (
    *("_target_", "_instantiator", "_component_", "class_path", "loader_module"),
    *("py/function", "py/object", "py/type"),
)
_KEYS = (*_OWN, "target", "type")  # and others have these, too
KIND = "named"  # of the texts that are told
KEYS = frozenset(_KEYS)
_NEEDLES = (*_OWN, "!!python/", "target:", "type:", "target':", "type':", 'target":', 'type":')
_NAME = r"[A-Za-z_]\w{0,80}(?:\.[A-Za-z_]\w{0,80}){1,8}"
_NAMED = re.compile(
    rf"(?<![\w/])['\"]?(?:{'|'.join(map(re.escape, _KEYS))})['\"]?\s{{0,8}}:\s{{0,8}}['\"]?(?P<key>{_NAME})"
    rf"|!!python/(?:object/apply|object/new|object|name|module):(?P<tag>{_NAME})"
)
_WHOLE = re.compile(_NAME)
# As they are spelled by who has seen them elsewhere.
_LIBRARY = sys.stdlib_module_names | {"__builtin__"}


def may_name(text: str) -> bool:
    """A quick no, of one text or of many together."""
    return any(needle in text for needle in _NEEDLES)


def names(text: str) -> Iterator[str]:
    """What a text in YAML, JSON or as Python prints a dictionary names."""
    for found in _NAMED.finditer(text):
        name = found["key"] or found["tag"]
        if is_library(name):
            yield name


def is_library(name: str) -> bool:
    """Whether that is a name in Python's own library."""
    return name.partition(".")[0] in _LIBRARY and _WHOLE.fullmatch(name) is not None
