"""What is hidden in a crowd, or behind what costs a judge more than it has: a name or an argument without an end."""

from __future__ import annotations

from bench.detection.build.pickled import built, declared, made, sample
from bench.detection.sample import Sample
from tests.malicious.pickles import call, literal, named

_SOURCE = "found by attacking this program's own limits"
_SYSTEM = b"cposix\nsystem\n(Vid\ntR."
_HARMLESS = [b"cacme\nX%d\n(Vid\ntR." % number for number in range(40)]
_FORMULA = "I(((getattr)(((getattr)(((getattr)(np,'f2py')),'os')),'system'))('id'))"
_DATA = built(made(named("statsmodels.base.data", "PandasData")), {"formula": _FORMULA, "restore_design_info": True})

_UNION = call("functools", "reduce", named("operator", "or_"), (named("acme", "a" * 60 + "!"),))
_ENDLESS = call("torch", "q." + "re." * 1300 + "x")
_FLOOD = [f"{number:05} " + "ab " * 1000 for number in range(2900)]

_ROWS: tuple[Sample, ...] = (
    sample(
        "crowd_pickles", "a pickle that runs something, behind harmless ones", _SOURCE, literal([_HARMLESS, _SYSTEM])
    ),
    sample("crowd_strings", "a pickle that runs something, behind long strings", _SOURCE, literal([_FLOOD, _SYSTEM])),
    sample("crowd_formula", "a formula that calls by brackets alone", _SOURCE, _DATA),
    sample("crowd_argument", "an argument that a careless pattern never ends on", _SOURCE, _UNION),
    sample("crowd_name", "a name of a thousand words, each of them a module", _SOURCE, _ENDLESS),
)

_CAUGHT = (
    ("text.pickle.dangerous", "", "crowd_pickles"),
    ("text.pickle.dangerous text.unseen", "", "crowd_strings"),
    ("oddity.state", "", "crowd_formula"),
    ("global.applier.called global.unknown.applied", "", "crowd_argument"),
    ("global.inside.called", "", "crowd_name"),
)

SAMPLES: tuple[Sample, ...] = declared(_ROWS, _CAUGHT)
