"""What training programs save: nests of weights, optimizers, arguments and states of random generators."""

from __future__ import annotations

import argparse
import collections
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.conversion.layout import Family, Made, named
from bench.conversion.zoo import absent
from tests.zoo import Expected, ramp

FAMILY = Family("checkpoints")


def _state(*names: str) -> collections.OrderedDict[str, torch.Tensor]:
    return collections.OrderedDict((name, ramp(at + 2, 3)) for at, name in enumerate(names))


def _under(prefix: str, tensors: dict[str, Any]) -> dict[str, Any]:
    return {f"{prefix}.{name}": value for name, value in tensors.items()}


@FAMILY.saves("fairseq_like")
def _fairseq() -> Made:
    model = _state("encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "decoder.output_projection.weight")
    last = {"state": {0: {"step": 5, "exp_avg": ramp(4), "exp_avg_sq": ramp(5)}}, "param_groups": [{"params": [0]}]}
    checkpoint = {
        "args": argparse.Namespace(arch="transformer", max_tokens=4096, adam_betas="(0.9, 0.98)"),
        "cfg": None,
        "model": model,
        "optimizer_history": [{"num_updates": 5, "criterion_name": "CrossEntropyCriterion"}],
        "extra_state": {"train_iterator": {"epoch": 2}, "val_loss": np.float64(3.5)},
        "last_optimizer_state": last,
    }
    moments = {"0.exp_avg": ramp(4), "0.exp_avg_sq": ramp(5)}
    return checkpoint, _under("model", model) | _under("last_optimizer_state.state", moments)


@FAMILY.saves("optimizer_whole")
def _optimizer_whole() -> Made:
    """The object, not its state_dict: what it knows of each parameter stands under the parameter itself."""
    weights = [torch.nn.Parameter(ramp(2, 3)), torch.nn.Parameter(ramp(4))]
    optimizer = torch.optim.Adam(weights)
    for weight in weights:
        weight.grad = torch.ones_like(weight)
    optimizer.step()
    parts = {
        f"state.<{at}>.{name}": value
        for at, weight in enumerate(weights)
        for name, value in optimizer.state[weight].items()
    }
    parts |= {f"param_groups.0.params.{at}": weight.detach() for at, weight in enumerate(weights)}
    return {"optimizer": optimizer}, _under("optimizer", parts)


@FAMILY.saves("megatron_like")
def _megatron() -> Made:
    encoder = _state("layers.0.self_attention.dense.weight", "final_layernorm.weight")
    embedding = {"word_embeddings": _state("weight")}
    generator = np.random.RandomState(0).get_state(legacy=True)
    rng = {
        "random_rng_state": random.Random(0).getstate(),
        "np_rng_state": generator,
        "torch_rng_state": torch.get_rng_state(),
    }
    checkpoint = {
        "args": argparse.Namespace(num_layers=2, params_dtype=torch.float16, rank=0),
        "checkpoint_version": 3.0,
        "iteration": 1000,
        "model": {"language_model": {"encoder": encoder, "embedding": embedding}},
        "rng_state": [rng],
    }
    tensors = _under("model.language_model.encoder", encoder)
    tensors["model.language_model.embedding.word_embeddings.weight"] = embedding["word_embeddings"]["weight"]
    tensors["rng_state.0.np_rng_state.1"] = generator[1]
    tensors["rng_state.0.torch_rng_state"] = rng["torch_rng_state"]
    return checkpoint, tensors


@FAMILY.saves("deepspeed_like")
def _deepspeed() -> Made:
    module = _state("transformer.wte.weight", "lm_head.weight")
    checkpoint = {
        "module": module,
        "buffer_names": ["transformer.bias"],
        "optimizer": None,
        "param_shapes": [collections.OrderedDict((name, value.shape) for name, value in module.items())],
        "lr_scheduler": {"last_batch_iteration": 7},
        "skipped_steps": 0,
        "ds_config": {"zero_optimization": {"stage": 1}},
        "ds_version": "0.12.3",
    }
    return checkpoint, _under("module", module)


@FAMILY.saves("deepspeed_zero_like")
def _zero() -> Made:
    flat = ramp(64)
    groups = [{"params": [0], "lr": 0.1}]
    state = {"single_partition_of_fp32_groups": [flat], "base_optimizer_state": {"state": {0: {"exp_avg": ramp(8)}}}}
    checkpoint = {"optimizer_state_dict": state | {"param_groups": groups, "zero_stage": 2, "partition_count": [2]}}
    names = {"single_partition_of_fp32_groups.0": flat, "base_optimizer_state.state.0.exp_avg": ramp(8)}
    return checkpoint, _under("optimizer_state_dict", names)


@FAMILY.saves("ema_copies")
def _ema() -> Made:
    model = _state("conv.weight", "conv.bias")
    average = collections.OrderedDict((name, value.clone() * 0.5) for name, value in model.items())
    shadow = list(average.values())
    checkpoint = {"model": model, "model_ema": average, "ema": {"decay": 0.999, "shadow_params": shadow}}
    tensors = _under("model", model) | _under("model_ema", average)
    return checkpoint, tensors | {f"ema.shadow_params.{at}": value for at, value in enumerate(shadow)}


@FAMILY.saves("data_parallel")
def _data_parallel() -> Made:
    state = _state("module.conv1.weight", "module.fc.bias")
    checkpoint = {"epoch": 90, "arch": "resnet18", "state_dict": state, "best_acc1": torch.tensor(69.75)}
    return checkpoint, _under("state_dict", state) | {"best_acc1": checkpoint["best_acc1"]}


@FAMILY.saves("optimizer_object")
def _optimizer() -> Made:
    weight = torch.nn.Parameter(ramp(3, 2))
    return {"optimizer": torch.optim.SGD([weight], lr=0.1)}, {"optimizer.param_groups.0.params.0": weight}


@FAMILY.layout("lightning_absent_classes", "model.ckpt")
def lightning(path: Path) -> Expected:
    """A Lightning checkpoint whose program is gone: its hyper-parameters and a callback are of classes not there."""
    state = _state("net.0.weight", "net.0.bias")
    with (
        absent.module("gone_lightning.parsing", "AttributeDict", base=absent.Attributes) as parsing,
        absent.module("gone_project.callbacks", "Stopping") as callbacks,
    ):
        checkpoint = {
            "epoch": 4,
            "global_step": 500,
            "pytorch-lightning_version": "1.9.5",
            "state_dict": state,
            "callbacks": {"EarlyStopping{'monitor': 'loss'}": callbacks.Stopping(best=torch.tensor(0.5), waits=2)},
            "optimizer_states": [{"state": {0: {"momentum_buffer": ramp(6)}}, "param_groups": []}],
            "lr_schedulers": [],
            "hparams_name": "hparams",
            "hyper_parameters": parsing.AttributeDict(lr=np.float64(1e-3), betas=(0.9, 0.999), path=Path("data")),
        }
        torch.save(checkpoint, path)
    tensors: dict[str, Any] = _under("state_dict", state)
    tensors["callbacks.EarlyStopping{'monitor': 'loss'}.best"] = torch.tensor(0.5)
    return named(tensors | {"optimizer_states.0.state.0.momentum_buffer": ramp(6)})


@FAMILY.layout("detector_absent_module")
def detector(path: Path) -> Expected:
    """A whole module of a package that is gone, in half precision, beside its training's bookkeeping."""
    with absent.module("gone_models.yolo", "Model", base=torch.nn.Module) as yolo:
        model = yolo.Model()
        model.stem = torch.nn.Conv2d(3, 4, 3, bias=False)
        model.norm = torch.nn.BatchNorm2d(4)
        model.half()
        model.names = {0: "person", 1: "bicycle"}
        torch.save({"epoch": -1, "best_fitness": np.array([0.5]), "model": model, "ema": None}, path)
        state = dict(model.state_dict())
    return named(_under("model", state) | {"best_fitness": np.array([0.5])})
