"""Layers: what they may hold, how they are made, and what a load makes of them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import wire
from guest.supervisor import ReadResult

from sandbox import prepare
from sandbox.bundle import Bundle, find
from sandbox.controller import evaluate
from sandbox.errors import CallerError
from sandbox.facts import Report, Verdict
from sandbox.jail.bubblewrap import Bubblewrap
from sandbox.jail.docker_flags import flags
from sandbox.jail.family import members
from sandbox.jail.interface import Mounted
from sandbox.jail.layers import Layer, having, layers
from sandbox.jail.packages import Guest, Packages, read_lock
from sandbox.request import Request
from tests.jail.conftest import JAILS, hide_layers
from tests.jail.payloads import running
from tests.jail.test_docker import make_spec
from tests.jail.test_packages import make_wheel, write_lock

LAYERS = {layer.name: layer for layer in layers(find())}
EVERY = tuple(LAYERS.values())


@pytest.mark.parametrize("layer", EVERY, ids=list(LAYERS))
def test_a_layer_is_pinned_and_hashed_and_holds_nothing_of_the_base(layer: Layer) -> None:
    locked = {row.name: row.version for row in read_lock(layer.packages.lock)}
    lines = layer.packages.lock.with_suffix(".in").read_text().splitlines()
    wanted = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert wanted.items() <= locked.items()
    assert not locked.keys() & {row.name for row in read_lock(find().lock)}
    assert "//" not in layer.packages.lock.read_text()


def test_a_package_of_two_layers_is_of_one_version() -> None:
    found = {(row.name, row.version) for layer in EVERY for row in read_lock(layer.packages.lock)}
    assert len(found) == len({name for name, _ in found})


@pytest.mark.parametrize("layer", EVERY, ids=list(LAYERS))
def test_the_modules_are_listed_of_the_packages_that_are_locked(layer: Layer) -> None:
    assert layer.listed.read_text().splitlines()[0].endswith(f" {layer.packages.digest}.")
    assert all(word.isidentifier() for name in layer.modules for word in name.split("."))
    assert not {name.partition(".")[0] for name in layer.modules} & {*sys.stdlib_module_names, "torch", "numpy"}


# Each is a module of a layer whose import prints, measures, patches another module, starts something or reads a file.
@pytest.mark.parametrize(
    "name",
    [
        *(
            "narwhals.this",
            "dill.__diff",
            "dill._objects",
            "scipy.conftest",
            "sklearn.externals._arff",
            "pandas.io.common",
        ),
        *(
            "sklearn.experimental.enable_halving_search_cv",
            "sklearn.datasets",
            "joblib.externals.loky",
            "scipy._lib._pep440",
        ),
        *("torch.distributed.run", "idlelib.idle", "this", "sklearn/../this", "sklearn.svm._classes.SVC", ""),
    ],
)
def test_a_file_can_not_have_another_module_imported_early(name: str) -> None:
    importable = sorted({"numpy", *(name for layer in EVERY for name in layer.modules)})
    modules = ReadResult(frameworks=("sklearn.svm._classes", name)).for_loader(importable)["modules"]
    assert {"sklearn", "sklearn.svm", "sklearn.svm._classes"} <= {*modules} <= {*importable}
    assert name not in modules


def test_the_packages_around_a_module_are_imported_early_though_it_has_gone() -> None:
    importable = ["torch", "sklearn", "sklearn.ensemble", "sklearn.ensemble._forest"]
    read = ReadResult(frameworks=("sklearn.ensemble.forest", "torch._utils"))
    assert read.for_loader(importable)["modules"] == ["torch", "sklearn", "sklearn.ensemble"]


def test_no_more_are_imported_early_than_the_wire_can_tell() -> None:
    names = [f"m{number}" for number in range(2 * wire.MAX_MODULES)]
    assert len(ReadResult(frameworks=tuple(names)).for_loader(names)["modules"]) == wire.MAX_MODULES


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("sklearn.svm._classes.SVC", "sklearn"),
        ("joblib.numpy_pickle.NumpyArrayWrapper", "joblib"),
        ("dill._dill._create_type", "cloudpickle"),
        ("pandas.core.frame.DataFrame", "pandas"),
        ("sklearn.tree.tree.DecisionTreeClassifier", ""),  # as it was called until 0.22
        ("sklearn.evil", "sklearn"),
        ("sklearnevil.svm.SVC", ""),
        ("ultralytics.nn.tasks.DetectionModel", ""),
        ("sklearn", ""),
        ("." * 4096, ""),
        ("", ""),
    ],
)
def test_the_layer_that_has_a_module_is_named(name: str, layer: str) -> None:
    assert having(EVERY, name) == layer


def test_a_layer_that_was_there_is_not_named() -> None:
    assert having((LAYERS["pandas"],), "sklearn.svm._classes.NoSuchClass") == ""


def test_an_unknown_layer_is_the_callers_fault_before_anything_is_made() -> None:
    with pytest.raises(CallerError, match=r"no layer 'keras'; use one of cloudpickle, joblib, pandas, sklearn"):
        prepare.setup("bubblewrap", print, ["sklearn", "keras"], jails=())


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layer, list[str]]:
    """A made layer of one small wheel, and what was said meanwhile."""
    folder = tmp_path_factory.mktemp("tiny")
    images, configs = folder / "root" / "images", folder / "root" / "configs"
    (images / "layers").mkdir(parents=True)
    configs.mkdir()
    shutil.copy(find().configs / "guest.toml", configs)
    row = '[tiny]\ntitle = "a small one"\ndownload = "1 MiB"\ninstalled = "2 MiB"\n'
    (configs / "layers.toml").write_text(row)
    wheel = make_wheel(folder / "wheels", "tiny", {"tiny/__init__.py": "", "tiny/part.py": "class Part: pass\n"})
    write_lock(images / "layers" / "tiny.lock", wheel)
    (images / "layers" / "tiny.modules").write_text("# a list\ntiny\ntiny.part\n")
    (layer,) = layers(Bundle(folder / "root"), folder / "cache")
    assert layer.mounted() is None
    said: list[str] = []
    layer.packages.prepare(said.append, wheels=folder / "wheels", offline=True)
    return layer, said


def given(layer: Layer) -> Mounted:
    """The layer, which is made, for a jail."""
    mounted = layer.mounted()
    assert mounted
    return mounted


def test_a_layer_is_made_for_a_place_of_its_own(tiny: tuple[Layer, list[str]]) -> None:
    layer, said = tiny
    assert said[0].startswith("the layer tiny (a small one): up to 1 MiB to download, 2 MiB in ")
    mounted = given(layer)
    assert (mounted.place, mounted.modules) == ("/layers/tiny", {"tiny", "tiny.part"})
    compiled = next((mounted.folder / "tiny" / "__pycache__").glob("part.*.pyc")).read_bytes()
    assert b"/layers/tiny/tiny/part.py" in compiled
    facts = layer.facts()
    assert (facts.name, facts.digest, facts.packages) == ("tiny", layer.packages.digest, {"tiny": "1.0"})


def test_every_jail_promises_that_nobody_writes_to_a_layer(tiny: tuple[Layer, list[str]], tmp_path: Path) -> None:
    spec = replace(make_spec(tmp_path), layers=(given(tiny[0]),))
    assert all(jail.promises(spec)["writable /layers/tiny"] == 0 for jail in members())
    (row,) = (row for row in flags(spec, None) if "/layers/tiny" in row.flag)
    assert row.value[0]["ReadOnly"]
    assert row.value[0]["Source"] == str(spec.layers[0].folder)


def test_remove_takes_the_layers_too(tiny: tuple[Layer, list[str]], tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    shutil.copytree(given(tiny[0]).folder.parents[2], cache)
    packages = Packages(find().lock, cache, Guest.read(find().configs))
    prepare.remove("bubblewrap", print, jails=(Bubblewrap(packages),))
    assert list(cache.iterdir()) == []


MAKE = """
import pickle, sys
sys.path.append(sys.argv[1])
import numpy
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC
x = numpy.random.default_rng(0).normal(size=(40, 3))
y = (x[:, 0] > 0).astype(int)
kinds = LogisticRegression(), RandomForestClassifier(3, random_state=0), SVC()
with open(sys.argv[2], "wb") as file:
    pickle.dump([kind.fit(x, y) for kind in kinds], file)
"""


# As scikit-learn 0.19 wrote a forest: of a module that has gone, with a tree whose nodes have too few columns.
MAKE_OLD = """
import pickle, sys, types
sys.path.append(sys.argv[1])
import numpy
from sklearn.tree._tree import Tree

class RandomForestClassifier: pass

class Old:
    def __reduce__(self):
        state = {"max_depth": 1, "node_count": 1, "values": numpy.ones((1, 1, 2))}
        nodes = numpy.zeros(1, [("left_child", "<i8"), ("right_child", "<i8")])
        return Tree, (3, numpy.array([2]), 1), state | {"nodes": nodes}

RandomForestClassifier.__module__ = "sklearn.ensemble.forest"
sys.modules["sklearn.ensemble.forest"] = sys.modules["__main__"]
forest = RandomForestClassifier()
forest.tree_, forest.oob = Old(), numpy.arange(5.0)
with open(sys.argv[2], "wb") as file:
    pickle.dump(forest, file)
"""


@pytest.fixture(scope="module")
def scikit_learn() -> None:
    """Its layer, which is made when it isn't there."""
    prepare.setup("bubblewrap", print, ["sklearn"])


def made(program: str, path: Path) -> Path:
    """A pickle, by the layer's own scikit-learn."""
    subprocess.run([sys.executable, "-B", "-c", program, given(LAYERS["sklearn"]).folder, path], check=True)
    return path


@pytest.fixture(scope="module")
def estimators(scikit_learn: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three fitted estimators in a pickle."""
    return made(MAKE, tmp_path_factory.mktemp("estimators") / "estimators.pkl")


def judged(model: Path) -> tuple[Report, bytes]:
    """A clean report, whose every tensor is in memory as in the file, and the weights."""
    output = model.parent / "out.safetensors"
    report = evaluate(Request(model, jail="bubblewrap", output=output, force=True, timeout=60))
    assert (report.verdict, report.dynamic.load_error) == (Verdict.CLEAN, ""), (report.summary, report.findings)
    assert (report.comparison.differ, report.comparison.missing, report.comparison.extra) == ((), (), ())
    return report, output.read_bytes()


@pytest.mark.jail
@pytest.mark.one_jail
def test_with_its_layer_a_class_is_there_and_without_it_the_weights_are_the_same(
    estimators: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report, weights = judged(estimators)
    assert report.comparison.agree >= 15
    assert report.dynamic.absent == ()
    assert {"sklearn.svm._classes", "sklearn.tree._tree"} <= {*report.dynamic.imported}
    assert LAYERS["sklearn"].facts() in report.jail.layers
    paths = [event.detail["path"] for event in report.dynamic.events if event.kind.startswith("file.")]
    assert {path.split("/")[1] for path in paths} == {"model"}

    hide_layers(tmp_path, monkeypatch)
    without, same = judged(estimators)
    assert same == weights
    assert without.jail.layers == ()
    assert {row.layer for row in without.dynamic.absent} == {"sklearn"}
    assert "sklearn.linear_model._logistic.LogisticRegression" in {row.name for row in without.dynamic.absent}


@pytest.mark.jail
@pytest.mark.one_jail
def test_classes_that_have_gone_or_changed_are_absent_and_no_alarm(scikit_learn: None, tmp_path: Path) -> None:
    report, _ = judged(made(MAKE_OLD, tmp_path / "old.pkl"))
    absent = {row.name: (row.reason, row.layer) for row in report.dynamic.absent}
    assert absent.keys() == {"sklearn.ensemble.forest.RandomForestClassifier", "sklearn.tree._tree.Tree"}
    assert absent["sklearn.tree._tree.Tree"][0].startswith("it refuses what it is given: ValueError(")
    assert {layer for _, layer in absent.values()} == {""}


@pytest.mark.jail
@pytest.mark.usefixtures("scikit_learn")
@pytest.mark.parametrize("jail", JAILS)
def test_a_layer_is_there_and_nobody_writes_to_it(jail: str, tmp_path: Path) -> None:
    source = """
        import os, threadpoolctl
        print("from", threadpoolctl.__file__)
        for folder in ("/layers", "/layers/sklearn", "/layers/sklearn/sklearn"):
            try:
                os.mkdir(folder + "/new")
            except OSError as error:
                print("denied")
        """
    model = running(source, tmp_path / "model.pkl")
    report = evaluate(Request(model, jail=jail, write=False, timeout=60))
    printed = "".join(text for _, text, _ in report.dynamic.printed)
    assert printed.split() == ["from", "/layers/sklearn/threadpoolctl.py", *["denied"] * 3]
    assert not (given(LAYERS["sklearn"]).folder / "new").exists()
