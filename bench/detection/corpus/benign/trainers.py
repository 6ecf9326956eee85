"""What training programs leave beside weights, as their libraries pickle it; the libraries are not installed."""

from __future__ import annotations

import argparse
import collections
import datetime
import functools
import pathlib
from typing import Any

import numpy as np
import torch

from bench.detection.build.honest import Honest
from bench.detection.build.spelled import called, made, mapping, named

_FAMILY = Honest("the libraries' own code for saving")
_saved = _FAMILY.saved


def weights(*names: str) -> collections.OrderedDict[str, torch.Tensor]:
    """A state."""
    return collections.OrderedDict((name, torch.randn(3, 2)) for name in names or ("net.0.weight", "net.0.bias"))


def adam() -> dict[str, Any]:
    """An optimizer's state, after a step."""
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return optimizer.state_dict()


def _lightning(package: str) -> dict[str, Any]:
    callbacks = f"{package}.callbacks"
    return {
        "epoch": 4,
        "global_step": 500,
        "pytorch-lightning_version": "2.2.1",
        "state_dict": weights(),
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 5, "completed": 4}}}},
        "callbacks": {
            "EarlyStopping{'monitor': 'val/loss', 'mode': 'min'}": {"wait_count": 1, "best_score": torch.tensor(0.4)},
            "ModelCheckpoint{'monitor': None}": {
                "best_model_path": "/home/me/runs/epoch=4-step=500.ckpt",
                "dirpath": "/home/me/runs",
            },
        },
        "optimizer_states": [adam()],
        "lr_schedulers": [{"last_epoch": 4, "base_lrs": [0.001], "_last_lr": [0.0009]}],
        "hparams_name": "hparams",
        "hparams_type": named(f"{package}.utilities.parsing.AttributeDict"),
        "hyper_parameters": mapping(
            f"{package}.utilities.parsing.AttributeDict",
            {
                "lr": 1e-3,
                "act": named("torch.nn.functional.relu"),
                "loss": made("torch.nn.modules.loss.CrossEntropyLoss", torch.nn.CrossEntropyLoss().__dict__),
                "optimizer": functools.partial(torch.optim.AdamW, lr=1e-3),
                "data_dir": pathlib.PosixPath("/data/imagenet"),
            },
        ),
        "old_callback": named(f"{callbacks}.early_stopping.EarlyStopping"),
    }


for _package in ("pytorch_lightning", "lightning.pytorch"):
    _saved(f"lightning_{_package.partition('.')[0]}", "epoch=4-step=500.ckpt")(functools.partial(_lightning, _package))


@_saved("lightning_old", "checkpoint.ckpt", legacy=True)
def _old_lightning() -> Any:
    """Lightning 0.9: callbacks by their classes, hyper-parameters as a Namespace"""
    stopping = named("pytorch_lightning.callbacks.early_stopping.EarlyStopping")
    return {
        "state_dict": weights(),
        "callbacks": {stopping: {"wait_count": 0, "best_score": torch.tensor(float("inf"))}},
        "hparams_type": named("argparse.Namespace"),
        "hyper_parameters": argparse.Namespace(gpus="0,1", default_root_dir="/tmp/runs", lr=0.02),
    }


def _omegaconf(value: Any, key: Any = None) -> Any:
    metadata = {"ref_type": named("typing.Any"), "object_type": None, "optional": True, "key": key, "flags": None}
    metadata |= {"flags_root": False, "resolver_cache": collections.defaultdict(dict)}
    if isinstance(value, dict):
        content = {name: _omegaconf(item, name) for name, item in value.items()}
        metadata |= {"object_type": dict, "key_type": named("typing.Any"), "element_type": named("typing.Any")}
        held = made("omegaconf.base.ContainerMetadata", metadata)
        return made("omegaconf.dictconfig.DictConfig", {"_metadata": held, "_parent": None, "_content": content})
    held = made("omegaconf.base.Metadata", metadata)
    return made("omegaconf.nodes.AnyNode", {"_metadata": held, "_parent": None, "_val": value})


_CONFIG = {
    "_target_": "project.models.Net",
    "url": "https://models.example/resnet50.pth",
    "paths": {"root": "${oc.env:HOME}/data", "log": "/var/log/train.log"},
    "command": "python train.py --lr 0.1",
    "lr": 0.1,
}


@_saved("omegaconf", "hydra.ckpt")
def _hydra() -> Any:
    """A configuration of omegaconf beside weights"""
    return {"state_dict": weights(), "hyper_parameters": {"cfg": _omegaconf(_CONFIG)}}


@_saved("omegaconf_structured", "nemo_like.ckpt")
def _structured() -> Any:
    """A configuration with types, which pickle by operator.getitem"""
    optional = called("_operator.getitem", named("typing.Union"), (int, called("builtins.type", None)))
    texts = called("_operator.getitem", named("typing.Dict"), (str, named("typing.Any")))
    fields = {"ref_type": optional, "object_type": named("project.conf.ModelConfig"), "optional": True, "key": None}
    metadata = made("omegaconf.base.ContainerMetadata", fields | {"key_type": str, "element_type": texts})
    config = made("omegaconf.dictconfig.DictConfig", {"_metadata": metadata, "_parent": None, "_content": {}})
    return {"state_dict": weights(), "hyper_parameters": {"cfg": config}}


@_saved("deepspeed_zero", "zero_pp_rank_0_mp_rank_00_optim_states.pt")
def _zero() -> Any:
    """DeepSpeed's optimizer states, with classes of its own"""
    scaler = {"cur_scale": 65536, "cur_iter": 7, "last_overflow_iter": -1, "scale_factor": 2.0, "dynamic": True}
    address = made("deepspeed.utils.tensor_fragment.fragment_address", {"numel": 4, "start": 0})
    state = {
        "loss_scaler": made("deepspeed.runtime.fp16.loss_scaler.DynamicLossScaler", scaler),
        "dynamic_loss_scale": True,
        "overflow": False,
        "clip_grad": 1.0,
        "base_optimizer_state": adam(),
        "single_partition_of_fp32_groups": [torch.randn(8)],
        "zero_stage": called("deepspeed.runtime.zero.config.ZeroStageEnum", 2),
        "param_slice_mappings": [collections.OrderedDict(weight=address)],
        "ds_version": "0.14.0",
    }
    return {"optimizer_state_dict": state, "ds_config": {"zero_optimization": {"stage": 2}}, "ds_version": "0.14.0"}


@_saved("megatron", "model_optim_rng.pt")
def _megatron() -> Any:
    """Megatron's arguments hold its enumerations and the functions that it was told to use"""
    args = argparse.Namespace(
        model_type=called("megatron.core.enums.ModelType", 1),
        attention_backend=called("megatron.core.transformer.enums.AttnBackend", 5),
        activation_func=named("torch._C._nn.gelu"),
        params_dtype=torch.bfloat16,
        init_method=None,
        load="/checkpoints/gpt",
        world_size=8,
    )
    extra = made("_io.BytesIO", (b"", 0, None))
    return {"args": args, "model": {"decoder.layers.0._extra_state": extra, **weights()}, "checkpoint_version": 3.0}


@_saved("fairseq", "checkpoint_best.pt")
def _fairseq() -> Any:
    dictionary = {"symbols": ["<s>", "<pad>", "the"], "count": [1, 1, 9], "indices": {"<s>": 0}, "bos_word": "<s>"}
    return {
        "args": argparse.Namespace(arch="wav2vec2", data="/data/librispeech", user_dir=None),
        "cfg": _omegaconf({"common": {"fp16": True, "tensorboard_logdir": "/logs"}}),
        "model": weights("encoder.layers.0.fc1.weight"),
        "task_state": {"target_dictionary": made("fairseq.data.dictionary.Dictionary", dictionary)},
        "extra_state": {"val_loss": 3.5, "previous_training_time": 100.0},
        "last_optimizer_state": adam(),
    }


@_saved("mmcv", "epoch_12.pth")
def _mmcv() -> Any:
    meta = {"mmcv_version": "1.7.0", "time": "Mon Jan  1 00:00:00 2023", "config": "model = dict(type='FasterRCNN')\n"}
    meta |= {"CLASSES": ("person", "cat"), "env_info": "sys.platform: linux\nPython: 3.8\nCUDA_HOME: /usr/local/cuda"}
    return {"meta": meta, "state_dict": weights(), "optimizer": adam()}


@_saved("mmengine", "epoch_12.pth")
def _mmengine() -> Any:
    """mmengine's message hub: buffers of history with numpy arrays, and configurations"""
    history = {
        "_max_length": 1000000,
        "_set_default_statistics": None,
        "_log_history": np.arange(4.0),
        "_count_history": np.ones(4),
    }
    buffer = made("mmengine.logging.history_buffer.HistoryBuffer", history)
    config = called("mmengine.config.config.ConfigDict", {"type": "SGD", "lr": 0.02})
    hub = {"log_scalars": {"train/loss": buffer}, "runtime_info": {"iter": 10, "cfg": config}, "resumed_keys": {}}
    return {"meta": {"epoch": 12}, "message_hub": hub, "state_dict": weights(), "param_schedulers": [{"last_step": 3}]}


@_saved("ignite", "best_model.pt")
def _ignite() -> Any:
    return {"model": weights(), "trainer": collections.OrderedDict(epoch_length=10, max_epochs=5, iteration=50)}


@_saved("timm", "model_best.pth.tar")
def _timm() -> Any:
    args = argparse.Namespace(
        model="vit_tiny", mean=(0.5, 0.5, 0.5), data_dir="/data", jsd_loss=False, amp_dtype="float16"
    )
    return {
        "epoch": 3,
        "arch": "vit_tiny",
        "state_dict": weights(),
        "args": args,
        "state_dict_ema": weights(),
        "metric": 71.2,
    }


@_saved("whisper", "tiny.pt")
def _whisper() -> Any:
    dims = {"n_mels": 80, "n_audio_ctx": 1500, "n_vocab": 51865}
    return {"dims": dims, "model_state_dict": weights("encoder.conv1.weight")}


@_saved("whisper_dims_object", "tiny.pt")
def _whisper_object() -> Any:
    return {"dims": made("whisper.model.ModelDimensions", {"n_mels": 80}), "model_state_dict": weights()}


@_saved("espnet", "valid.acc.best.pth")
def _espnet() -> Any:
    return weights("encoder.embed.conv.0.weight", "decoder.output_layer.weight")


@_saved("speechbrain", "model.ckpt")
def _speechbrain() -> Any:
    return {"0.w.weight": torch.nn.Parameter(torch.randn(3, 2)), "brain": {"step": 5, "avg_train_loss": 0.3}}


@_saved("coqui_tts", "best_model.pth")
def _coqui() -> Any:
    """Coqui's XTTS: configurations as objects of its own classes, an optimizer's class, nested default dictionaries"""
    config = made("TTS.tts.configs.xtts_config.XttsConfig", {"model": "xtts", "audio": {"sample_rate": 22050}})
    dataset = made("TTS.config.shared_configs.BaseDatasetConfig", {"path": "/data/LJSpeech", "formatter": "ljspeech"})
    return {
        "config": config,
        "datasets": [dataset],
        "optimizer_class": named("TTS.utils.radam.RAdam"),
        "model": weights("gpt.text_head.weight"),
        "phases": collections.defaultdict(dict, train={"loss": 1.0}),
        "date": "January-01-2024",
    }


@_saved("open_nmt", "model_step_1000.pt")
def _open_nmt() -> Any:
    """OpenNMT's vocabulary: torchtext's fields, with bound methods and partial functions"""
    vocab = made("torchtext.vocab.Vocab")
    default = called("builtins.getattr", vocab, "_default_unk_index")
    vocab.built(
        {"freqs": collections.Counter(the=3), "itos": ["<unk>", "the"], "stoi": collections.defaultdict(None, the=1)}
    )
    tokenize = called("functools.partial", named("onmt.inputters.text_dataset._feature_tokenize"))
    tokenize.built((named("onmt.inputters.text_dataset._feature_tokenize"), (), {"layer": 0, "feat_delim": "|"}, None))
    field = made(
        "torchtext.data.field.Field", {"sequential": True, "dtype": torch.long, "tokenize": tokenize, "vocab": vocab}
    )
    fields = {
        "src": made("onmt.inputters.text_dataset.TextMultiField", {"fields": [("src", field)], "default": default})
    }
    opt = argparse.Namespace(data="data/demo", gpu_ranks=[0], tensorboard_log_dir="runs/onmt")
    return {
        "vocab": fields,
        "opt": opt,
        "model": weights(),
        "generator": weights("0.weight"),
        "optim": {"training_step": 1001},
    }


@_saved("when_it_was_trained", "model.pth")
def _dates() -> Any:
    """Dates, paths, versions, and a run's id, beside weights"""
    moment = datetime.datetime(2024, 2, 3, 4, 5, 6, tzinfo=datetime.UTC)
    return {
        "w": torch.ones(2),
        "at": moment,
        "took": datetime.timedelta(seconds=5),
        "dir": pathlib.PurePosixPath("a/b"),
    }


SAMPLES = tuple(_FAMILY.samples)
