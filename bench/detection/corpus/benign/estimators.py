"""Fitted estimators and what stands around them, as their libraries pickle them; the libraries are not installed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.detection.build.honest import Honest
from bench.detection.build.spelled import called, made, mapping, named

_FAMILY = Honest("the libraries' own classes, by pickle and joblib")
_FIXTURES = Path(__file__).resolve().parents[4] / "tests" / "fixtures"
_PRE = "sklearn.preprocessing"
_COLUMNS = np.array(["age", "income"], dtype=object)


def _fitted(kind: str, **state: Any) -> Any:
    return made(kind, state | {"n_features_in_": 2, "feature_names_in_": _COLUMNS, "_sklearn_version": "1.4.2"})


def _tree() -> Any:
    nodes = np.array(
        [(1, 2, 0, 0.5), (-1, -1, -2, -2.0)], dtype=[("left", "<i8"), ("right", "<i8"), ("f", "<i8"), ("t", "<f8")]
    )
    tree = called("sklearn.tree._tree.Tree", 2, np.array([2]), 1)
    return tree.built({"max_depth": 1, "node_count": 2, "nodes": nodes, "values": np.ones((2, 1, 2))})


def _pipeline() -> Any:
    log = _fitted(
        f"{_PRE}._function_transformer.FunctionTransformer", func=np.log1p, inverse_func=np.expm1, kw_args=None
    )
    encoder = _fitted(
        f"{_PRE}._encoders.OneHotEncoder", categories_=[np.array(["a", "b"], dtype=object)], dtype=np.float64
    )
    columns = _fitted(
        "sklearn.compose._column_transformer.ColumnTransformer",
        transformers_=[("log", log, [0]), ("enc", encoder, slice(1, 2))],
    )
    model = _fitted(
        "sklearn.linear_model._logistic.LogisticRegression",
        coef_=np.ones((1, 2)),
        solver="lbfgs",
        classes_=np.array([0, 1]),
    )
    return _fitted("sklearn.pipeline.Pipeline", steps=[("columns", columns), ("model", model)], memory=None)


def _boosting() -> Any:
    predictor = made("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor", {"nodes": np.ones(3)})
    loss = called("sklearn._loss.loss.HalfBinomialLoss").built(
        {"closs": called("sklearn._loss._loss.CyHalfBinomialLoss"), "link": made("sklearn._loss.link.LogitLink", {})}
    )
    mapper = _fitted("sklearn.ensemble._hist_gradient_boosting.binning._BinMapper", bin_thresholds_=[np.ones(3)])
    return _fitted(
        "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier",
        _predictors=[[predictor]],
        _loss=loss,
        _bin_mapper=mapper,
    )


def _neighbours() -> Any:
    metric = called("sklearn.neighbors.dist_metrics.newObj", named("sklearn.neighbors.dist_metrics.EuclideanDistance"))
    metric.built((2.0, np.zeros(1), np.zeros((1, 1))))
    tree = called("sklearn.neighbors.kd_tree.newObj", named("sklearn.neighbors.kd_tree.KDTree")).built(
        (np.ones((2, 2)), metric)
    )
    return _fitted("sklearn.neighbors._classification.KNeighborsClassifier", _tree=tree, effective_metric_="euclidean")


def _search() -> Any:
    scorer = made(
        "sklearn.metrics._scorer._PredictScorer",
        {"_score_func": named("sklearn.metrics._classification.accuracy_score"), "_sign": 1},
    )
    distribution = made(
        "scipy.stats._distn_infrastructure.rv_continuous_frozen",
        {"args": (0, 1), "dist": made("scipy.stats._continuous_distns.uniform_gen", {"a": 0.0})},
    )
    return _fitted(
        "sklearn.model_selection._search.RandomizedSearchCV",
        scorer_=scorer,
        param_distributions={"C": distribution},
        best_estimator_=_pipeline(),
    )


def _text() -> Any:
    analyzer = called("functools.partial", named("sklearn.feature_extraction.text._analyze")).built(
        (named("sklearn.feature_extraction.text._analyze"), (), {"ngrams": None}, None)
    )
    return _fitted(
        "sklearn.feature_extraction.text.TfidfVectorizer",
        vocabulary_={"curl": 0, "http": 1, "sh": 2, "eval": 3},
        token_pattern=r"(?u)\b\w\w+\b",
        analyzer=analyzer,
        stop_words_={"the"},
    )


_KINDS: dict[str, Callable[[], Any]] = {
    "scaler": lambda: _fitted(
        f"{_PRE}._data.StandardScaler", mean_=np.ones(2), scale_=np.ones(2), n_samples_seen_=np.int64(9)
    ),
    "scaler_0_19": lambda: made(f"{_PRE}.data.StandardScaler", {"mean_": np.ones(2), "_sklearn_version": "0.19.1"}),
    "pipeline": _pipeline,
    "forest": lambda: _fitted(
        "sklearn.ensemble._forest.RandomForestClassifier",
        estimators_=[_fitted("sklearn.tree._classes.DecisionTreeClassifier", tree_=_tree())],
        random_state=np.random.RandomState(3),
    ),
    "forest_0_20": lambda: made(
        "sklearn.ensemble.forest.RandomForestRegressor",
        {"estimators_": [made("sklearn.tree.tree.DecisionTreeRegressor", {"tree_": _tree()})]},
    ),
    "boosting": _boosting,
    "sgd": lambda: _fitted(
        "sklearn.linear_model._stochastic_gradient.SGDClassifier",
        loss_function_=called("sklearn.linear_model._sgd_fast.Hinge", 1.0),
        coef_=np.ones((1, 2)),
    ),
    "svm": lambda: _fitted("sklearn.svm._classes.SVC", support_vectors_=np.ones((2, 2)), _sparse=False, kernel="rbf"),
    "neighbours": _neighbours,
    "search": _search,
    "text": _text,
    "gaussian_process": lambda: _fitted(
        "sklearn.gaussian_process._gpr.GaussianProcessRegressor",
        kernel_=made("sklearn.gaussian_process.kernels.RBF", {"length_scale": 1.0}),
    ),
    "calibrated": lambda: _fitted(
        "sklearn.calibration.CalibratedClassifierCV",
        calibrated_classifiers_=[made("sklearn.calibration._CalibratedClassifier", {"method": "sigmoid"})],
    ),
    "bunch": lambda: mapping(
        "sklearn.utils._bunch.Bunch", {"data": np.ones((2, 2)), "DESCR": "See https://archive.example/iris for more.\n"}
    ),
    "isolation": lambda: _fitted("sklearn.ensemble._iforest.IsolationForest", offset_=-0.5, _seeds=np.arange(3)),
    "callable_kernel": lambda: _fitted("sklearn.svm._classes.SVR", kernel=named("project.kernels.my_kernel")),
    "polynomial": lambda: np.polynomial.Polynomial([1.0, 2.0]),
    "spline": lambda: made("scipy.interpolate._bsplines.BSpline", {"t": np.ones(4), "c": np.ones(2), "k": 1}),
    "sparse_matrix": lambda: made(
        "scipy.sparse._csr.csr_matrix",
        {"_shape": (2, 2), "data": np.ones(2), "indices": np.arange(2), "indptr": np.arange(3)},
    ),
    "sparse_old": lambda: made("scipy.sparse.csr.csr_matrix", {"_shape": (2, 2), "data": np.ones(2)}),
    "mapped_arrays": lambda: _fitted(
        f"{_PRE}._data.MinMaxScaler",
        min_=called("numpy.core.multiarray._reconstruct", named("numpy.memmap"), (0,), b"b").built(
            (1, (2,), np.dtype("<f8"), False, bytes(16))
        ),
    ),
    "partial_metric": lambda: {
        "metric": functools.partial(np.mean, axis=0),
        "model": _fitted(f"{_PRE}._label.LabelEncoder", classes_=np.array(["id", "sh", "curl"], dtype=object)),
    },
}

for _name, _make in _KINDS.items():
    _FAMILY.pickled(f"estimator_{_name}")(_make)
for _name in ("scaler", "pipeline", "forest", "search", "text"):
    _FAMILY.dumped(f"estimator_{_name}_joblib")(_KINDS[_name])


@_FAMILY.dumped("estimator_bundle_joblib")
def _bundle() -> Any:
    """A model and the labels of its classes in one dictionary"""
    labels = np.array(["cat", "dog"], dtype=object)
    return {"model": _pipeline(), "labels": _fitted(f"{_PRE}._label.LabelEncoder", classes_=labels), "version": "1.2"}


for _name in ("pipeline", "forest", "neighbours"):
    _FAMILY.pickled(f"estimator_{_name}_protocol_2", file="model.sav", protocol=2)(_KINDS[_name])
    _FAMILY.pickled(f"estimator_{_name}_protocol_0", file="model.pickle", protocol=0)(_KINDS[_name])


def _copied(name: str) -> None:
    _FAMILY.written(f"fixture_{name.partition('.')[0]}", name, f"tests/fixtures/{name}, by the library itself")(
        lambda path: path.write_bytes((_FIXTURES / name).read_bytes())
    )


for _name in ("tables.pkl", "estimators.joblib"):
    _copied(_name)

SAMPLES = tuple(_FAMILY.samples)
