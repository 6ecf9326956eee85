"""Whole modules: torch's own, and those of packages that are not installed."""

from __future__ import annotations

import collections
import functools
import math
import pathlib
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  its usual name
from torch import nn
from torch.nn.utils import prune

from bench.detection.build.honest import Honest
from bench.detection.build.spelled import called, made, module, named

_FAMILY = Honest("torch.save(model), as most of its tutorials before 2020")
_saved = _FAMILY.saved

# Of torch alone: each is saved as it is.
_PRESENT: dict[str, Callable[[], Any]] = {
    "linear": lambda: nn.Linear(3, 2),
    "sequential": lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(inplace=True), nn.Flatten()),
    "named_sequential": lambda: nn.Sequential(collections.OrderedDict(fc=nn.Linear(2, 2), act=nn.GELU())),
    "lists": lambda: nn.ModuleList([nn.ModuleDict({"a": nn.Linear(1, 2)}), nn.ParameterList([torch.ones(2)])]),
    "parameter_dict": lambda: nn.ParameterDict({"w": nn.Parameter(torch.ones(2)), "scale": torch.ones(1)}),
    "recurrent_cell": lambda: nn.RNNCell(2, 3),
    "gru_cell": lambda: nn.GRUCell(2, 3),
    "transformer": lambda: nn.TransformerEncoder(
        nn.TransformerEncoderLayer(4, 2, 8, activation=F.gelu, batch_first=True), 1
    ),
    "transformer_relu": lambda: nn.TransformerEncoderLayer(4, 2, 8, activation=torch.relu),
    "attention": lambda: nn.MultiheadAttention(4, 2),
    "embedding_bag": lambda: nn.EmbeddingBag(5, 3, padding_idx=0),
    "data_parallel": lambda: nn.DataParallel(nn.Linear(2, 2)),
    "weight_norm": lambda: nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)).parametrizations,
    "losses": lambda: [nn.CrossEntropyLoss(torch.ones(3)), nn.KLDivLoss(), nn.TripletMarginWithDistanceLoss()],
    "upsample": lambda: nn.Sequential(nn.Upsample(scale_factor=2), nn.PixelShuffle(2), nn.Softmax(dim=1)),
    "half": lambda: nn.Linear(3, 2).half(),
    "double_frozen": lambda: nn.Linear(3, 2).double().requires_grad_(False),
    "lazy": lambda: nn.LazyLinear(3),
    "with_activation_function": lambda: _with(nn.Linear(2, 2), act=F.relu, norm=torch.tanh, scale=math.sqrt),
    "distribution": lambda: {"prior": torch.distributions.Normal(torch.zeros(2), torch.ones(2))},
    "optimizer": lambda: {"optimizer": torch.optim.SGD([nn.Parameter(torch.ones(2))], lr=0.1, momentum=0.9)},
    "averaged": lambda: torch.optim.swa_utils.AveragedModel(nn.Linear(2, 2)),
    "partial_norm": lambda: _with(nn.Linear(2, 2), norm_layer=functools.partial(nn.LayerNorm, eps=1e-6)),
    "quantizable": lambda: torch.ao.quantization.QuantStub(torch.ao.quantization.default_qconfig),
    "observer": torch.ao.quantization.MinMaxObserver,
    "spectral_norm": lambda: nn.utils.spectral_norm(nn.Linear(3, 2)),
    "pruned": lambda: prune.l1_unstructured(nn.Linear(3, 2), "weight", 1),
    "fake_quantize": torch.ao.quantization.FakeQuantize,
}


def _with(model: nn.Module, **attributes: Any) -> nn.Module:
    model.__dict__.update(attributes)
    return model


for _name, _make in _PRESENT.items():
    _saved(f"module_{_name}", file="model.pth")(_make)
for _protocol in (2, 3, 4, 5):
    _saved(f"module_protocol_{_protocol}", protocol=_protocol)(_PRESENT["sequential"])
_FAMILY.pickled("module_by_pickle_dump", "policy.pkl", protocol=3)(_PRESENT["sequential"])


def _block() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.BatchNorm2d(2), nn.SiLU())


# Of packages that are gone: the class, and attributes that torch's own modules have not.
_ABSENT: dict[str, tuple[str, dict[str, Any]]] = {
    "yolov5": (
        "models.yolo.DetectionModel",
        {"names": {0: "person"}, "stride": torch.tensor([8.0]), "yaml_file": "yolov5s.yaml"},
    ),
    "torchvision": ("torchvision.models.resnet.ResNet", {"_norm_layer": nn.BatchNorm2d, "inplanes": 64}),
    "torchvision_block": (
        "torchvision.models.detection.rpn.RegionProposalNetwork",
        {"_pre_nms_top_n": {"training": 2000}},
    ),
    "timm_vit": (
        "timm.models.vision_transformer.VisionTransformer",
        {"default_cfg": {"url": "https://weights.example/vit.npz"}},
    ),
    "bert": (
        "transformers.models.bert.modeling_bert.BertModel",
        {"config": made("transformers.models.bert.configuration_bert.BertConfig", {"hidden_act": "gelu"})},
    ),
    "activation": (
        "transformers.models.gpt2.modeling_gpt2.GPT2MLP",
        {"act": made("transformers.activations.NewGELUActivation", nn.GELU().__dict__)},
    ),
    "effnet": (
        "efficientnet_pytorch.model.EfficientNet",
        {"_global_params": made("efficientnet_pytorch.utils.GlobalParams", None, 1.0, 1.0, 224)},
    ),
    "segmentation": ("segmentation_models_pytorch.decoders.unet.model.Unet", {"name": "u-resnet34"}),
    "geometric": (
        "torch_geometric.nn.conv.gcn_conv.GCNConv",
        {
            "aggr": "add",
            "_user_args": {
                "x",
            },
        },
    ),
    "monai": ("monai.networks.nets.unet.UNet", {"dimensions": 3, "act": "PRELU"}),
    "pyannote": (
        "pyannote.audio.models.segmentation.PyanNet",
        {"specifications": called("pyannote.audio.core.task.Problem", 2)},
    ),
    "script": ("__main__.Net", {"activation": F.leaky_relu, "args": made("__main__.Args", {"lr": 0.1})}),
    "notebook_nested": ("__main__:Trainer.Net", {"hidden": 3}),
    "utils_by_hand": ("utils.model.CNN_v2", {"device": torch.device("cuda:0"), "dtype": torch.float16}),
    "lower_case": (
        "src.networks.resnet18_custom",
        {"forward_fn": named("src.networks.my_forward"), "root": pathlib.PosixPath("/src")},
    ),
    "private": ("gone._impl._Net", {"_Net__secret": 1, "__dunder__": None}),
    "unicode": ("проект.модели.Сеть", {"имя": "сеть"}),
    "adaptive": (
        "gone.nets.Gate",
        {"sampler": called("gone.sampling.Sampler"), "mode": called("gone.modes.Mode", "train")},
    ),
}

for _name, (_class, _attributes) in _ABSENT.items():

    @_saved(f"absent_{_name}", protocol=4 if _name in ("unicode", "notebook_nested") else 2)
    def _absent(kind: str = _class, attributes: dict[str, Any] = _attributes) -> Any:
        return module(kind, _block(), **attributes)


@_saved("absent_ultralytics", "best.pt")
def _ultralytics() -> Any:
    """A YOLO of ultralytics: the whole model, its loss, its arguments as an object, and where it was trained"""
    space = "ultralytics.utils.IterableSimpleNamespace"
    model = module(
        "ultralytics.nn.tasks.DetectionModel",
        nn.Sequential(_block()),
        names={0: "person", 1: "bicycle"},
        yaml={"nc": 2, "backbone": [[-1, 1, "Conv", [64, 3, 2]]]},
        args=made(space, {"model": "yolov8n.pt", "project": "/home/me/runs", "imgsz": 640}),
        criterion=made(
            "ultralytics.utils.loss.v8DetectionLoss", {"bce": nn.BCEWithLogitsLoss(), "device": torch.device("cpu")}
        ),
        forward_hooks_of=collections.OrderedDict(),
    )
    trained = {"model": "yolov8n.yaml", "data": "/data/coco.yaml", "optimizer": "auto"}
    git = {"root": "/home/me/ultralytics", "branch": "main", "origin": "https://github.example/ultralytics.git"}
    return {
        "epoch": -1,
        "ema": None,
        "model": model,
        "train_args": trained,
        "git": git,
        "version": "8.2.0",
        "docs": "https://docs.example",
    }


@_saved("absent_hooks")
def _hooks() -> Any:
    """Hooks by reference, among them a bound method of the model, as feature extractors register them"""
    model = _block()
    outer = module("gone.features.Extractor", model)
    hook = called("builtins.getattr", outer, "save_output")
    outer.state["_forward_hooks"] = collections.OrderedDict({0: hook, 1: named("gone.features.print_shape")})
    return outer


@_saved("absent_bound_class_method")
def _class_method() -> Any:
    """A class method by reference, as fastai keeps the one that opens an image"""
    opens = called("builtins.getattr", named("gone.vision.PILImage"), "create")
    return module("gone.learner.Model", _block(), type_tfms=[opens], loss_func=named("gone.losses.dice_loss"))


@_saved("absent_fastai", "export.pkl")
def _fastai() -> Any:
    """A fastai Learner, exported: data loaders, pipelines of transforms, partial functions, subclasses of tensors"""
    listed = made("fastcore.foundation.L", {"items": [1, 2], "use_list": None})
    opens = called("builtins.getattr", named("fastai.vision.core.PILImage"), "create")
    pipeline = made("fastcore.transform.Pipeline", {"fs": listed, "split_idx": None, "opens": opens})
    loaders = made(
        "fastai.data.core.DataLoaders", {"loaders": [made("fastai.data.core.TfmdDL", {"bs": 64})], "tfms": pipeline}
    )
    optimizer = called("functools.partial", named("fastai.optimizer.Adam"))
    optimizer.built((named("fastai.optimizer.Adam"), (), {"mom": 0.9}, None))
    state = {
        "dls": loaders,
        "model": _block(),
        "opt_func": optimizer,
        "path": pathlib.PosixPath("."),
        "model_dir": "models",
    }
    state |= {"cbs": made("fastcore.foundation.L", {"items": [made("fastai.callback.core.TrainEvalCallback", {})]})}
    return made(
        "fastai.learner.Learner",
        state | {"lr": 0.001, "loss_func": made("fastai.losses.CrossEntropyLossFlat", {"axis": -1})},
    )


@_saved("absent_inspector")
def _inspector() -> Any:
    """torch_geometric's layers hold the signatures of their own functions"""
    kind = called("inspect._ParameterKind", 1)
    parameter = called("inspect.Parameter", "x_j", kind).built(
        {"_default": named("inspect._empty"), "_annotation": torch.Tensor}
    )
    inspector = made(
        "torch_geometric.nn.conv.utils.inspector.Inspector",
        {"params": {"message": collections.OrderedDict(x_j=parameter)}},
    )
    return module("torch_geometric.nn.conv.sage_conv.SAGEConv", _block(), inspector=inspector)


SAMPLES = tuple(_FAMILY.samples)
