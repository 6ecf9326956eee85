"""scikit-learn's estimators, whose classes are not there: arrays as attributes, a tree as a structured array."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from bench.conversion.layout import Family, named
from bench.conversion.zoo import absent
from tests.zoo import Expected

FAMILY = Family("estimators", "model.pkl")
_NODE = np.dtype(
    {
        "names": ["left_child", "right_child", "feature", "threshold", "impurity", "n_node_samples"],
        "formats": ["<i8", "<i8", "<i8", "<f8", "<f8", "<i8"],
        "itemsize": 56,  # sklearn's own has padding at its end
    }
)


class _Tree:
    """Pickles as sklearn's Tree does: made of sizes, then given its state."""

    def __init__(self, features: int, classes: Any, outputs: int) -> None:
        self.sizes = features, classes, outputs
        self.state: dict[str, Any] = {}

    def __reduce__(self) -> Any:
        return type(self), self.sizes, self.state


def _nodes() -> np.ndarray[Any, Any]:
    rows = [(1, 2, 0, 0.5, 0.48, 10), (-1, -1, -2, -2.0, 0.0, 6), (-1, -1, -2, -2.0, 0.0, 4)]
    return np.array(rows, dtype=_NODE)


def _columns(prefix: str, rows: np.ndarray[Any, Any]) -> dict[str, Any]:
    return {f"{prefix}.{name}": np.ascontiguousarray(rows[name]) for name in rows.dtype.names or ()}


def _written_by(write: Callable[[Any, Path], Any]) -> Callable[[Path], Expected]:
    def build(path: Path) -> Expected:
        fitted = {"mean_": np.arange(3.0), "scale_": np.ones(3), "n_features_in_": 3, "n_samples_seen_": np.int64(9)}
        with absent.module("sklearn.preprocessing._data", "StandardScaler") as sklearn:
            write(sklearn.StandardScaler(**fitted, with_mean=True, _sklearn_version="1.4.2"), path)
        return named({"mean_": fitted["mean_"], "scale_": fitted["scale_"]})

    return build


FAMILY.layout("scaler_pickle")(_written_by(lambda model, path: path.write_bytes(pickle.dumps(model, 4))))
FAMILY.layout("scaler_joblib", "model.joblib")(_written_by(joblib.dump))


def _tree_arrays(values: Any) -> dict[str, Any]:
    return {"estimators_.0.tree_.values": values, "estimators_.0.tree_.n_classes": np.array([2])}


def _forest(write: Callable[[Any, Path], Any]) -> Callable[[Path], Expected]:
    def build(path: Path) -> Expected:
        values, classes = np.arange(6.0).reshape(3, 1, 2), np.array([0, 1])
        with (
            absent.module("sklearn.tree._tree", "Tree", base=_Tree) as trees,
            absent.module("sklearn.ensemble._forest", "RandomForestClassifier", "DecisionTreeClassifier") as forests,
        ):
            tree = trees.Tree(3, np.array([2]), 1)
            tree.state = {"max_depth": 1, "node_count": 3, "nodes": _nodes(), "values": values}
            estimator = forests.DecisionTreeClassifier(tree_=tree, n_outputs_=1)
            write(forests.RandomForestClassifier(estimators_=[estimator], classes_=classes), path)
        found = _columns("estimators_.0.tree_.nodes", _nodes())
        return named(found | {"classes_": classes} | _tree_arrays(values))

    return build


FAMILY.layout("forest_pickle")(_forest(lambda model, path: path.write_bytes(pickle.dumps(model, 4))))
FAMILY.layout("forest_joblib", "model.joblib")(_forest(lambda model, path: joblib.dump(model, path, compress=3)))


@FAMILY.layout("pipeline_pickle")
def pipeline(path: Path) -> Expected:
    support, coefficients = np.arange(8, dtype=np.float64).reshape(2, 4), np.array([[0.5, -0.5]])
    with (
        absent.module("sklearn.pipeline", "Pipeline") as pipelines,
        absent.module("sklearn.svm._classes", "SVC") as machines,
    ):
        machine = machines.SVC(support_vectors_=support, dual_coef_=coefficients, kernel="rbf", C=1.0)
        path.write_bytes(pickle.dumps(pipelines.Pipeline(steps=[("svc", machine)], memory=None), 3))
    return named({"steps.0.1.support_vectors_": support, "steps.0.1.dual_coef_": coefficients})
