"""Fitted estimators and what stands around them, as their libraries pickle them; the libraries are not installed."""

from __future__ import annotations

import collections
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
    metric = called("sklearn.metrics._dist_metrics.newObj", named("sklearn.metrics._dist_metrics.EuclideanDistance"))
    metric.built((2.0, np.zeros(1), np.zeros((1, 1))))
    tree = called("sklearn.neighbors._kd_tree.newObj", named("sklearn.neighbors._kd_tree.KDTree")).built(
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


def _booster() -> Any:
    raw = bytearray(b"{L\x00\x00\x00\x00\x00\x00\x00\x02i\x07learner{" + bytes(range(64)))
    return made("xgboost.core.Booster", {"handle": raw, "feature_names": ["a", "b"], "best_iteration": 3})


_KINDS: dict[str, Callable[[], Any]] = {
    "scaler": lambda: _fitted(f"{_PRE}._data.StandardScaler", mean_=np.ones(2), scale_=np.ones(2), n_samples_seen_=np.int64(9)),
    "scaler_0_19": lambda: made(f"{_PRE}.data.StandardScaler", {"mean_": np.ones(2), "_sklearn_version": "0.19.1"}),
    "pipeline": _pipeline,
    "forest": lambda: _fitted("sklearn.ensemble._forest.RandomForestClassifier", estimators_=[_fitted("sklearn.tree._classes.DecisionTreeClassifier", tree_=_tree())], random_state=np.random.RandomState(3)),
    "forest_0_20": lambda: made("sklearn.ensemble.forest.RandomForestRegressor", {"estimators_": [made("sklearn.tree.tree.DecisionTreeRegressor", {"tree_": _tree()})]}),
    "boosting": _boosting,
    "sgd": lambda: _fitted("sklearn.linear_model._stochastic_gradient.SGDClassifier", loss_function_=called("sklearn.linear_model._sgd_fast.Hinge", 1.0), coef_=np.ones((1, 2))),
    "svm": lambda: _fitted("sklearn.svm._classes.SVC", support_vectors_=np.ones((2, 2)), _sparse=False, kernel="rbf"),
    "neighbours": _neighbours,
    "search": _search,
    "text": _text,
    "gaussian_process": lambda: _fitted("sklearn.gaussian_process._gpr.GaussianProcessRegressor", kernel_=made("sklearn.gaussian_process.kernels.RBF", {"length_scale": 1.0})),
    "calibrated": lambda: _fitted("sklearn.calibration.CalibratedClassifierCV", calibrated_classifiers_=[made("sklearn.calibration._CalibratedClassifier", {"method": "sigmoid"})]),
    "bunch": lambda: mapping("sklearn.utils._bunch.Bunch", {"data": np.ones((2, 2)), "DESCR": "See https://archive.example/iris for more.\n"}),
    "isolation": lambda: _fitted("sklearn.ensemble._iforest.IsolationForest", offset_=-0.5, _seeds=np.arange(3)),
    "callable_kernel": lambda: _fitted("sklearn.svm._classes.SVR", kernel=named("project.kernels.my_kernel")),
    "xgboost": lambda: made("xgboost.sklearn.XGBClassifier", {"_Booster": _booster(), "missing": float("nan"), "objective": "binary:logistic", "n_jobs": None}),
    "xgboost_booster": _booster,
    "lightgbm": lambda: made("lightgbm.sklearn.LGBMClassifier", {"_Booster": made("lightgbm.basic.Booster", {"handle": "tree\nversion=v4\nnum_class=1\nTree=0\nsplit_feature=0\n", "params": {"boosting": "gbdt"}}), "_le": made("lightgbm.compat._LGBMLabelEncoder", {})}),
    "catboost": lambda: made("catboost.core.CatBoostClassifier", {"_init_params": {"iterations": 5}, "__model": b"CBM1" + bytes(32)}),
    "statsmodels": lambda: made("statsmodels.regression.linear_model.RegressionResultsWrapper", {"_results": made("statsmodels.regression.linear_model.OLSResults", {"params": np.ones(2), "cov_type": "nonrobust"})}),
    "hmmlearn": lambda: made("hmmlearn.hmm.GaussianHMM", {"means_": np.ones((2, 1)), "monitor_": made("hmmlearn.base.ConvergenceMonitor", {"history": collections.deque([1.0], 2)}), "random_state": np.random.RandomState(1)}),
    "gensim": lambda: made("gensim.models.word2vec.Word2Vec", {"wv": made("gensim.models.keyedvectors.KeyedVectors", {"vectors": np.ones((2, 3), np.float32), "key_to_index": {"the": 0}}), "hashfxn": hash, "load": named("gensim.utils.call_on_class_only"), "random": np.random.RandomState(1), "cum_table": np.ones(2, np.uint32)}),
    "gensim_dictionary": lambda: made("gensim.corpora.dictionary.Dictionary", {"token2id": {"the": 0}, "dfs": {0: 3}, "num_docs": 3}),
    "nltk_punkt": lambda: made("nltk.tokenize.punkt.PunktSentenceTokenizer", {"_params": made("nltk.tokenize.punkt.PunktParameters", {"abbrev_types": {"mr"}, "ortho_context": collections.defaultdict(int, a=1)}), "_Token": named("nltk.tokenize.punkt.PunktToken")}),
    "nltk_tagger": lambda: made("nltk.tag.sequential.UnigramTagger", {"_context_to_tag": {"the": "DT"}, "backoff": made("nltk.tag.sequential.DefaultTagger", {"_tag": "NN"})}),
    "nltk_counts": lambda: called("nltk.probability.FreqDist", {f"w{at}": at for at in range(40)}).built({"_N": 5}),
    "skorch": lambda: made("skorch.classifier.NeuralNetClassifier", {"module": named("project.nets.Net"), "criterion": named("torch.nn.modules.loss.NLLLoss"), "lr": 0.1, "history_": made("skorch.history.History").filled(items=[{"epoch": 1}])}),
    "crf": lambda: made("sklearn_crfsuite.estimator.CRF", {"algorithm": "lbfgs", "modelfile": made("sklearn_crfsuite._fileresource.FileResource", {"bytes": b"lCRF" + bytes(30), "suffix": ".crfsuite"})}),
    "surprise": lambda: made("surprise.prediction_algorithms.matrix_factorization.SVD", {"pu": np.ones((2, 3)), "trainset": made("surprise.trainset.Trainset", {"ur": collections.defaultdict(list)})}),
    "prophet": lambda: made("prophet.forecaster.Prophet", {"growth": "linear", "params": {"k": np.ones((1, 1))}, "seasonalities": collections.OrderedDict(weekly={"period": 7})}),
    "imblearn": lambda: made("imblearn.pipeline.Pipeline", {"steps": [("smote", made("imblearn.over_sampling._smote.base.SMOTE", {"k_neighbors": 5}))]}),
    "rdkit_free_graph": lambda: made("networkx.classes.graph.Graph", {"_adj": {1: {2: {"weight": 1.0}}, 2: {1: {"weight": 1.0}}}, "_node": {1: {}, 2: {}}, "graph": {}}),
    "image": lambda: made("PIL.Image.Image", [{}, "RGB", (2, 1), None, bytes(6)]),
    "polynomial": lambda: np.polynomial.Polynomial([1.0, 2.0]),
    "spline": lambda: made("scipy.interpolate._bsplines.BSpline", {"t": np.ones(4), "c": np.ones(2), "k": 1}),
    "sparse_matrix": lambda: made("scipy.sparse._csr.csr_matrix", {"_shape": (2, 2), "data": np.ones(2), "indices": np.arange(2), "indptr": np.arange(3)}),
    "sparse_old": lambda: made("scipy.sparse.csr.csr_matrix", {"_shape": (2, 2), "data": np.ones(2)}),
    "mapped_arrays": lambda: _fitted(f"{_PRE}._data.MinMaxScaler", min_=called("numpy.core.multiarray._reconstruct", named("numpy.memmap"), (0,), b"b").built((1, (2,), np.dtype("<f8"), False, bytes(16)))),
    "partial_metric": lambda: {"metric": functools.partial(np.mean, axis=0), "model": _fitted(f"{_PRE}._label.LabelEncoder", classes_=np.array(["id", "sh", "curl"], dtype=object))},
    "jax_params": lambda: {"dense": called("jax._src.array._reconstruct_array", named("numpy.core.multiarray._reconstruct"), (named("numpy.ndarray"), (0,), b"b"), (1, (2,), np.dtype("<f4"), False, bytes(8)), {"weak_type": False})},
    "optax_state": lambda: (made("optax._src.transform.ScaleByAdamState", None, np.int32(3), {"w": np.ones(2)}, {"w": np.ones(2)}), made("optax._src.base.EmptyState")),
    "rllib_policy": lambda: {"worker": {"policy_specs": {"default_policy": made("ray.rllib.policy.policy.PolicySpec", {"config": {"lr": 0.1}})}, "weights": {"w": np.ones(2)}}},
    "vec_normalize": lambda: made("stable_baselines3.common.vec_env.vec_normalize.VecNormalize", {"obs_rms": made("stable_baselines3.common.running_mean_std.RunningMeanStd", {"mean": np.zeros(2)}), "observation_space": made("gymnasium.spaces.box.Box", {"low": np.zeros(2), "_np_random": np.random.default_rng(2)})}),
    "allennlp_vocabulary": lambda: made("allennlp.data.vocabulary.Vocabulary", {"_token_to_index": made("allennlp.data.vocabulary._TokenToIndexDefaultDict", {"_padded": True}).filled(pairs={"tokens": {"the": 1}})}),
    "flair": lambda: {"tag_dictionary": made("flair.data.Dictionary", {"item2idx": {b"O": 0}, "idx2item": [b"O"]}), "state_dict": {"w": np.ones(2)}, "train_with_dev": False},
    "sentencepiece": lambda: made("sentencepiece.SentencePieceProcessor", b"\n\x0e\n\x05<unk>\x15\x00\x00\x00\x00\x18\x02"),
    "tokenizer": lambda: made("tokenizers.Tokenizer", b'{"version": "1.0", "model": {"type": "BPE"}}', called("tokenizers.models.Model")),
}  # fmt: skip

for _name, _make in _KINDS.items():
    _FAMILY.pickled(f"estimator_{_name}")(_make)
for _name in ("scaler", "pipeline", "forest", "search", "xgboost", "lightgbm", "gensim", "text"):
    _FAMILY.dumped(f"estimator_{_name}_joblib")(_KINDS[_name])
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
