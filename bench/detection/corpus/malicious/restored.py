"""Classes that act on the state that a pickle gives back to them: no opcode calls anything but their `__new__`.

What the load adds is seen where scipy is installed, as in the layer for scikit-learn.
"""

from __future__ import annotations

from bench.detection.build.pickled import built, declared, in_torch_zip, made, sample
from bench.detection.sample import Sample
from tests.malicious.pickles import Opcodes, call, called, literal, named

_SOURCE = "the packages' own __setstate__ and __del__, read for this corpus"
_CODE = "__import__('os').system('id')"
_TEMPLATE = "def _parse_args(self, loc=0, scale=1):\n    return (), loc, scale\n"
_KEY = "_parse_arg_template"
_FOLDER = "/tmp/of-nobody-203.0.113.7"


def _object(module: str, name: str, state: object) -> Opcodes:
    return built(made(named(module, name)), state)


def _norm(template: object) -> Opcodes:
    return _object("scipy.stats._continuous_distns", "norm_gen", {"_parse_arg_template": template, "a": 0})


def _named(name: Opcodes) -> Opcodes:
    """The template under a name that the file has made."""
    kind = named("scipy.stats._continuous_distns", "norm_gen")
    return built(made(kind), Opcodes(b"}" + name + literal(f"{_CODE}\n{_TEMPLATE}") + b"s"))


def _scalar(text: str) -> Opcodes:
    """numpy's str_, which is equal to the text."""
    dtype = Opcodes(called(named("numpy", "dtype"), f"U{len(text)}", False, True))
    state = (3, "<", None, None, None, 4 * len(text), 4, 8)
    return call("numpy._core.multiarray", "scalar", built(dtype, state), text.encode("utf-32-le"))


def _data(mark: str, formula: str) -> Opcodes:
    state = {mark: True, "formula": formula, "frame": {"x": [1]}}
    return _object("statsmodels.base.data", "PandasData", state)


_ROWS: tuple[Sample, ...] = (
    sample("state_template", "a distribution's template, executed", _SOURCE, _norm(f"{_CODE}\n{_TEMPLATE}")),
    sample(
        "state_template_default",
        "a template whose default value is a call",
        _SOURCE,
        _norm(_TEMPLATE.replace("loc=0", f"loc={_CODE}")),
    ),
    sample(
        "state_template_made",
        "a template that a call in the file puts together",
        _SOURCE,
        _norm(call("builtins", "str", _CODE.encode(), "ascii")),
    ),
    sample("state_name_scalar", "a template under a name that is numpy's", _SOURCE, _named(_scalar(_KEY))),
    sample(
        "state_name_joined",
        "a template under a name that is put together",
        _SOURCE,
        _named(call("_operator", "add", _KEY[:9], _KEY[9:])),
    ),
    in_torch_zip("state_template_torch", "a template in an archive", _SOURCE, _norm(_CODE)),
    sample("state_formula", "a model's formula, evaluated", _SOURCE, _data("restore_model_spec", f"y ~ {_CODE}")),
    sample(
        "state_formula_old",
        "a formula, as statsmodels had it before 0.15",
        _SOURCE,
        _data("restore_design_info", "y ~ open('/etc/passwd').read()"),
    ),
    sample(
        "state_deleted_folder",
        "a trainer's callback that deletes a folder when it goes away",
        _SOURCE,
        _object(
            "transformers.integrations.integration_utils", "NeptuneCallback", {"_volatile_checkpoints_dir": _FOLDER}
        ),
    ),
    sample(
        "state_deleted_files",
        "a cache that deletes its files when it goes away",
        _SOURCE,
        _object("monai.utils.state_cacher", "StateCacher", {"in_memory": False, "cached": {"x": {"obj": _FOLDER}}}),
    ),
    sample(
        "state_temporary_folder",
        "numpy's source of data, which deletes its folder when it goes away",
        _SOURCE,
        _object("numpy", "DataSource", {"_istmpdest": True, "_destpath": _FOLDER}),
    ),
    sample(
        "state_imported",
        "a wrapper that imports what its state names",
        _SOURCE,
        _object("gymnasium.wrappers.array_conversion", "ArrayConversion", {"env": None, "env_xp_name": "antigravity"}),
    ),
)

_CAUGHT = (
    ("oddity.state", "event.fork event.program", "state_template state_template_default state_template_made"),
    ("oddity.state", "event.fork event.program", "state_template_torch state_name_scalar"),
    ("oddity.name", "event.fork event.program", "state_name_joined"),
    ("oddity.state", "", "state_formula state_formula_old"),
    ("global.dangerous.named", "", "state_deleted_folder state_deleted_files state_temporary_folder state_imported"),
)

SAMPLES: tuple[Sample, ...] = declared(_ROWS, _CAUGHT)
