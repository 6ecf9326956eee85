"""Which functions of Python files others call: transformers by auto_map, model servers by their names, and pickles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from guest.readers.python_acts import Moment
from guest.readers.python_files import Module, Package

# What from_pretrained calls of a class that a configuration names, beside what Python itself calls.
_MADE = """from_pretrained _from_config from_config from_dict from_json post_init _init_weights _post_init load setup
get_config_dict _load_pretrained_model _load_from_state_dict tie_weights init_weights register_to_config get_config"""
_USED = """__call__ forward generate call encode decode process preprocess predict tokenize _tokenize
prepare_inputs_for_generation apply_chat_template chat sample"""
# Model servers' own: of functions by their names; of classes by theirs, or their bases', and of their methods.
_SERVED = {
    **dict.fromkeys(("model_fn", "_load_pyfunc", "default_model_fn"), Moment.MADE),
    **dict.fromkeys(("input_fn", "predict_fn", "output_fn", "transform_fn", "default_input_fn"), Moment.USED),
    **dict.fromkeys(("default_predict_fn", "default_output_fn", "transform_fn"), Moment.USED),
}
_SERVERS = ("Handler", "Predictor", "PythonModel")
_SERVED_MADE = ("initialize", "setup", "load", "load_context", "load_model")
_SERVED_USED = ("__call__", "handle", "preprocess", "inference", "postprocess", "predict", "execute")
# Functions that go by their file's name, or their folder's.
_OF_FILES = {
    "score.py": {"init": Moment.MADE, "run": Moment.USED},
    "handler.py": {"handle": Moment.USED},
    "custom_generate": {"generate": Moment.USED},
}
# What unpickling calls of an object, beside the methods that Python has for that.
_FILLED = ("append", "extend", "add", "update")

Entry = tuple[str, str, Moment]  # a file's path, a name in it, and when that is called


def named(package: Package, names: Iterable[tuple[str, str]]) -> Iterator[Entry]:
    """Of what configurations name: pairs of a module and a class."""
    for module, owner in names:
        for path in package.named(module):
            found = package.modules[path]
            if owner in found.classes:
                yield path, owner, Moment.MADE
                yield from ((path, f"{owner}.{method}", Moment.MADE) for method in _MADE.split())
                for one in found.classes:
                    yield from ((path, f"{one}.{method}", Moment.USED) for method in _USED.split())


def served(module: Module) -> Iterator[Entry]:
    """Of what servers look for in any file."""
    path = PurePosixPath(module.path)
    found = dict(_SERVED)
    for place in (path.name, path.parent.name):
        found |= _OF_FILES.get(place, {})
    yield from ((module.path, name, moment) for name, moment in found.items() if name in module.functions)
    for owner in module.classes:
        if any(name.endswith(_SERVERS) for name in (path.stem.title(), owner, *module.bases(owner))):
            yield module.path, owner, Moment.MADE
            yield from ((module.path, f"{owner}.{method}", Moment.MADE) for method in _SERVED_MADE)
            yield from ((module.path, f"{owner}.{method}", Moment.USED) for method in _SERVED_USED)


def unpickled(package: Package, names: Iterable[str]) -> Iterator[Entry]:
    """Of dotted names that pickles use, those that lie here; what loading calls counts as an import does."""
    for name in names:
        words = name.split(".")
        for at in range(len(words) - 1, 0, -1):
            inner = ".".join(words[at:])
            for path in package.named(".".join(words[:at])):
                yield path, inner, Moment.IMPORTED
                yield from ((path, f"{inner}.{method}", Moment.IMPORTED) for method in _FILLED)
