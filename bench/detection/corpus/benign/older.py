"""Files of other times and places: Python 2, numpy's two spellings, distributed checkpoints, Caffe2, GANs."""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from bench.detection.build.honest import Honest
from bench.detection.build.spelled import called, made, mapping, named

_FAMILY = Honest("what Python 2 and older libraries wrote, opcode by opcode")


def _array(spelling: str, values: np.ndarray[Any, Any]) -> Any:
    """As numpy pickles it, under either name of its module."""
    remade = called(f"{spelling}.multiarray._reconstruct", named("numpy.ndarray"), (0,), b"b")
    dtype = called("numpy.dtype", values.dtype.str[1:], 0, 1).built((3, "<", None, None, None, -1, -1, 0))
    return remade.built((1, values.shape, dtype, False, values.tobytes()))


def _detectron() -> Any:
    blobs = {
        "conv1_w": _array("numpy.core", np.ones((2, 3), np.float32)),
        "fc_b": _array("numpy.core", np.zeros(2, np.float32)),
    }
    return {"blobs": blobs, "cfg": "MODEL:\n  TYPE: generalized_rcnn\nOUTPUT_DIR: /tmp/detectron\n"}


_PYTHON2: dict[str, Callable[[], Any]] = {
    "state": lambda: {"weights": _array("numpy.core", np.ones(3)), "names": ["conv1", "caf\xe9"], "epoch": 3},
    "object": lambda: made("lasagne_model.Net", {"layers": [_array("numpy.core", np.ones(2))], "name": "net"}),
    "estimator": lambda: made(
        "sklearn.linear_model.logistic.LogisticRegression", {"coef_": _array("numpy.core", np.ones((1, 2)))}
    ),
    "caffe2": _detectron,
    "collections": lambda: [collections.OrderedDict(a=1), {1, 2}, frozenset({3}), 1j, slice(1, 2)],
    "user_dict": lambda: made("UserDict.UserDict", {"data": {"a": 1}}),
    "namespace": lambda: made("argparse.Namespace", {"lr": 0.1, "path": "/home/me/data"}),
    "enum34": lambda: called("models.Kind", 2),
    "nltk": lambda: made(
        "nltk.tokenize.punkt.PunktSentenceTokenizer", {"_Token": named("nltk.tokenize.punkt.PunktToken")}
    ),
    "pandas": lambda: made(
        "pandas.core.frame.DataFrame", {"_data": called("pandas.core.internals.BlockManager"), "_typ": "dataframe"}
    ),
}
for _name, _make in _PYTHON2.items():
    for _protocol in (0, 2):
        _FAMILY.pickled(f"python2_{_name}_{_protocol}", protocol=_protocol, python2=_protocol == 2)(_make)

for _spelling in ("numpy.core", "numpy._core"):
    _FAMILY.pickled(f"spelled_{_spelling.replace('.', '_')}")(
        lambda spelling=_spelling: {
            "w": _array(spelling, np.arange(3.0)),
            "scalar": called(f"{spelling}.multiarray.scalar", np.dtype("<f8"), bytes(8)),
        }
    )


@_FAMILY.pickled("detectron2_model_zoo", "model_final.pkl")
def _detectron2() -> Any:
    return {
        "model": {"backbone.w": np.ones((2, 3), np.float32)},
        "__author__": "Detectron2 Model Zoo",
        "matching_heuristics": True,
    }


@_FAMILY.pickled("distributed_metadata", ".metadata")
def _metadata() -> Any:
    """torch.distributed.checkpoint's index of a sharded checkpoint"""
    base = "torch.distributed.checkpoint.metadata"
    layout = called("torch.serialization._get_layout", "torch.strided")
    encoding = called(f"{base}._MEM_FORMAT_ENCODING", 0)
    properties = made(f"{base}.TensorProperties", (torch.float32, layout, False, encoding, False))
    chunk = made(f"{base}.ChunkStorageMetadata", {"offsets": torch.Size([0, 0]), "sizes": torch.Size([2, 3])})
    tensor = made(
        f"{base}.TensorStorageMetadata", {"properties": properties, "size": torch.Size([2, 3]), "chunks": [chunk]}
    )
    index = made(f"{base}.MetadataIndex", {"fqn": "model.w", "offset": torch.Size([0, 0]), "index": 0})
    where = made(
        "torch.distributed.checkpoint.filesystem._StorageInfo",
        {"relative_path": "__0_0.distcp", "offset": 0, "length": 24},
    )
    return made(
        f"{base}.Metadata",
        {"state_dict_metadata": {"model.w": tensor}, "planner_data": None, "storage_data": {index: where}},
    )


@_FAMILY.pickled("nnunet_plans", "plans.pkl", protocol=2)
def _plans() -> Any:
    """nnU-Net's plans: paths of the machine that trained, numpy scalars, nested dictionaries"""
    stage = {
        "batch_size": 2,
        "patch_size": np.array([64, 64]),
        "do_dummy_2D_data_aug": False,
        "median": np.float64(0.5),
    }
    return {"preprocessed_data_folder": "/data/nnUNet/Task01", "plans_per_stage": {0: stage}, "modalities": {0: "CT"}}


@_FAMILY.pickled("yacs_config", "config.pkl")
def _yacs() -> Any:
    solver = mapping("yacs.config.CfgNode", {"BASE_LR": 0.1}).built(
        {"__immutable__": False, "__deprecated_keys__": set()}
    )
    return mapping("yacs.config.CfgNode", {"SOLVER": solver, "OUTPUT_DIR": "./out"})


@_FAMILY.saved("gan_generators", "G_ema.pth")
def _gan() -> Any:
    state = {"synthesis.b4.const": torch.randn(2, 3), "mapping.fc0.weight": torch.randn(2, 2)}
    options = mapping("dnnlib.util.EasyDict", {"class_name": "training.networks.Generator", "z_dim": 512})
    return {"G": state, "G_ema": dict(state), "G_kwargs": options, "augment_pipe": None, "cur_nimg": np.int64(25000)}


SAMPLES = tuple(_FAMILY.samples)
