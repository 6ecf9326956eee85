"""Models of boosting, language, time series, graphs and games, as their libraries pickle them; none is installed."""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.detection.build.honest import Honest
from bench.detection.build.spelled import called, made, named

_FAMILY = Honest("the libraries' own classes, by pickle and joblib")


def _booster() -> Any:
    raw = bytearray(b"{L\x00\x00\x00\x00\x00\x00\x00\x02i\x07learner{" + bytes(range(64)))
    return made("xgboost.core.Booster", {"handle": raw, "feature_names": ["a", "b"], "best_iteration": 3})


def _linked() -> list[Any]:
    """A graph's nodes, each with its neighbours and inputs: there are more ways round it than anyone could walk."""
    nodes = [made("zoo.graph.Node", {"value": np.full(1, float(at))}) for at in range(40)]
    for at, node in enumerate(nodes):
        others = {"previous": nodes[at - 1], "next": nodes[(at + 1) % 40], "inputs": (nodes[at // 2], nodes[at // 3])}
        node.state |= others
    return nodes


_KINDS: dict[str, Callable[[], Any]] = {
    "linked_nodes": _linked,
    "graph_batch": lambda: called(
        called("torch_geometric.data.batch.DynamicInheritanceGetter"),
        named("torch_geometric.data.batch.Batch"),
        named("torch_geometric.data.data.Data"),
    ).built({"_store": {"x": np.ones((2, 3), np.float32)}, "_num_graphs": 2}),
    "molecules": lambda: [
        called("rdkit.Chem.rdchem.Mol", b"\xef\xbe\xad\xde\0\0\0\0\x10\0" + bytes(range(at, at + 9)))
        for at in range(80)
    ],
    "image_folder": lambda: made(
        "torchvision.datasets.folder.ImageFolder",
        {
            "root": "data",
            "loader": named("torchvision.datasets.folder.default_loader"),
            "samples": [("data/a/1.png", 0)],
        },
    ),
    "xgboost": lambda: made(
        "xgboost.sklearn.XGBClassifier",
        {"_Booster": _booster(), "missing": float("nan"), "objective": "binary:logistic", "n_jobs": None},
    ),
    "xgboost_booster": _booster,
    "lightgbm": lambda: made(
        "lightgbm.sklearn.LGBMClassifier",
        {
            "_Booster": made(
                "lightgbm.basic.Booster",
                {"handle": "tree\nversion=v4\nnum_class=1\nTree=0\nsplit_feature=0\n", "params": {"boosting": "gbdt"}},
            ),
            "_le": made("lightgbm.compat._LGBMLabelEncoder", {}),
        },
    ),
    "catboost": lambda: made(
        "catboost.core.CatBoostClassifier", {"_init_params": {"iterations": 5}, "__model": b"CBM1" + bytes(32)}
    ),
    "statsmodels": lambda: made(
        "statsmodels.regression.linear_model.RegressionResultsWrapper",
        {
            "_results": made(
                "statsmodels.regression.linear_model.OLSResults", {"params": np.ones(2), "cov_type": "nonrobust"}
            )
        },
    ),
    "hmmlearn": lambda: made(
        "hmmlearn.hmm.GaussianHMM",
        {
            "means_": np.ones((2, 1)),
            "monitor_": made("hmmlearn.base.ConvergenceMonitor", {"history": collections.deque([1.0], 2)}),
            "random_state": np.random.RandomState(1),
        },
    ),
    "gensim": lambda: made(
        "gensim.models.word2vec.Word2Vec",
        {
            "wv": made(
                "gensim.models.keyedvectors.KeyedVectors",
                {"vectors": np.ones((2, 3), np.float32), "key_to_index": {"the": 0}},
            ),
            "hashfxn": hash,
            "load": named("gensim.utils.call_on_class_only"),
            "random": np.random.RandomState(1),
            "cum_table": np.ones(2, np.uint32),
        },
    ),
    "gensim_dictionary": lambda: made(
        "gensim.corpora.dictionary.Dictionary", {"token2id": {"the": 0}, "dfs": {0: 3}, "num_docs": 3}
    ),
    "nltk_punkt": lambda: made(
        "nltk.tokenize.punkt.PunktSentenceTokenizer",
        {
            "_params": made(
                "nltk.tokenize.punkt.PunktParameters",
                {"abbrev_types": {"mr"}, "ortho_context": collections.defaultdict(int, a=1)},
            ),
            "_Token": named("nltk.tokenize.punkt.PunktToken"),
        },
    ),
    "nltk_tagger": lambda: made(
        "nltk.tag.sequential.UnigramTagger",
        {"_context_to_tag": {"the": "DT"}, "backoff": made("nltk.tag.sequential.DefaultTagger", {"_tag": "NN"})},
    ),
    "nltk_counts": lambda: called("nltk.probability.FreqDist", {f"w{at}": at for at in range(40)}).built({"_N": 5}),
    "skorch": lambda: made(
        "skorch.classifier.NeuralNetClassifier",
        {
            "module": named("project.nets.Net"),
            "criterion": named("torch.nn.modules.loss.NLLLoss"),
            "lr": 0.1,
            "history_": made("skorch.history.History").filled(items=[{"epoch": 1}]),
        },
    ),
    "crf": lambda: made(
        "sklearn_crfsuite.estimator.CRF",
        {
            "algorithm": "lbfgs",
            "modelfile": made(
                "sklearn_crfsuite._fileresource.FileResource", {"bytes": b"lCRF" + bytes(30), "suffix": ".crfsuite"}
            ),
        },
    ),
    "surprise": lambda: made(
        "surprise.prediction_algorithms.matrix_factorization.SVD",
        {"pu": np.ones((2, 3)), "trainset": made("surprise.trainset.Trainset", {"ur": collections.defaultdict(list)})},
    ),
    "prophet": lambda: made(
        "prophet.forecaster.Prophet",
        {
            "growth": "linear",
            "params": {"k": np.ones((1, 1))},
            "seasonalities": collections.OrderedDict(weekly={"period": 7}),
        },
    ),
    "imblearn": lambda: made(
        "imblearn.pipeline.Pipeline",
        {"steps": [("smote", made("imblearn.over_sampling._smote.base.SMOTE", {"k_neighbors": 5}))]},
    ),
    "rdkit_free_graph": lambda: made(
        "networkx.classes.graph.Graph",
        {"_adj": {1: {2: {"weight": 1.0}}, 2: {1: {"weight": 1.0}}}, "_node": {1: {}, 2: {}}, "graph": {}},
    ),
    "image": lambda: made("PIL.Image.Image", [{}, "RGB", (2, 1), None, bytes(6)]),
    "jax_params": lambda: {
        "dense": called(
            "jax._src.array._reconstruct_array",
            named("numpy.core.multiarray._reconstruct"),
            (named("numpy.ndarray"), (0,), b"b"),
            (1, (2,), np.dtype("<f4"), False, bytes(8)),
            {"weak_type": False},
        )
    },
    "optax_state": lambda: (
        made("optax._src.transform.ScaleByAdamState", None, np.int32(3), {"w": np.ones(2)}, {"w": np.ones(2)}),
        made("optax._src.base.EmptyState"),
    ),
    "rllib_policy": lambda: {
        "worker": {
            "policy_specs": {"default_policy": made("ray.rllib.policy.policy.PolicySpec", {"config": {"lr": 0.1}})},
            "weights": {"w": np.ones(2)},
        }
    },
    "vec_normalize": lambda: made(
        "stable_baselines3.common.vec_env.vec_normalize.VecNormalize",
        {
            "obs_rms": made("stable_baselines3.common.running_mean_std.RunningMeanStd", {"mean": np.zeros(2)}),
            "observation_space": made(
                "gymnasium.spaces.box.Box", {"low": np.zeros(2), "_np_random": np.random.default_rng(2)}
            ),
        },
    ),
    "allennlp_vocabulary": lambda: made(
        "allennlp.data.vocabulary.Vocabulary",
        {
            "_token_to_index": made("allennlp.data.vocabulary._TokenToIndexDefaultDict", {"_padded": True}).filled(
                pairs={"tokens": {"the": 1}}
            )
        },
    ),
    "flair": lambda: {
        "tag_dictionary": made("flair.data.Dictionary", {"item2idx": {b"O": 0}, "idx2item": [b"O"]}),
        "state_dict": {"w": np.ones(2)},
        "train_with_dev": False,
    },
    "sentencepiece": lambda: made(
        "sentencepiece.SentencePieceProcessor", b"\n\x0e\n\x05<unk>\x15\x00\x00\x00\x00\x18\x02"
    ),
    "tokenizer": lambda: made(
        "tokenizers.Tokenizer", b'{"version": "1.0", "model": {"type": "BPE"}}', called("tokenizers.models.Model")
    ),
}

for _name, _make in _KINDS.items():
    _FAMILY.pickled(f"estimator_{_name}")(_make)
for _name in ("xgboost", "lightgbm", "gensim"):
    _FAMILY.dumped(f"estimator_{_name}_joblib")(_KINDS[_name])

SAMPLES = tuple(_FAMILY.samples)
