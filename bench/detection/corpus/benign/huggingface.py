"""What transformers, accelerate and their relatives leave beside weights; none of them is installed."""

from __future__ import annotations

import functools
import random
from typing import Any

import numpy as np
import torch

from bench.detection.build.honest import Honest
from bench.detection.build.spelled import called, made
from bench.detection.corpus.benign.trainers import adam, weights

_FAMILY = Honest("transformers' Trainer and accelerate, their own code for saving")
_saved = _FAMILY.saved


def _training_arguments(kind: str, **more: Any) -> Any:
    trainer = "transformers.trainer_utils"
    state = {
        "output_dir": "/home/me/out",
        "evaluation_strategy": called(f"{trainer}.IntervalStrategy", "steps"),
        "save_strategy": called(f"{trainer}.SaveStrategy", "epoch"),
        "lr_scheduler_type": called(f"{trainer}.SchedulerType", "cosine_with_restarts"),
        "hub_strategy": called(f"{trainer}.HubStrategy", "every_save"),
        "optim": called("transformers.training_args.OptimizerNames", "adamw_torch"),
        "learning_rate": 5e-05,
        "logging_dir": "/home/me/out/runs/Jan01_00-00-00_host",
        "hub_token": None,
        "report_to": ["tensorboard", "wandb"],
        "accelerator_config": made("transformers.trainer_pt_utils.AcceleratorConfig", {"split_batches": False}),
        "distributed_state": made(
            "accelerate.state.PartialState",
            {
                "_cpu": False,
                "backend": "nccl",
                "device": torch.device("cuda", 0),
                "debug": False,
                "distributed_type": called("accelerate.utils.dataclasses.DistributedType", "MULTI_GPU"),
                "num_processes": 8,
            },
        ),
        "_n_gpu": 1,
        "__cached__setup_devices": torch.device("cuda", 0),
        "deepspeed_plugin": None,
        "fsdp": [called(f"{trainer}.FSDPOption", "full_shard")],
    }
    return made(kind, state | more)


for _name, _kind in {
    "transformers": "transformers.training_args.TrainingArguments",
    "seq2seq": "transformers.training_args_seq2seq.Seq2SeqTrainingArguments",
    "trl": "trl.trainer.sft_config.SFTConfig",
    "axolotl": "axolotl.core.trainer_builder.AxolotlTrainingArguments",
    "llamafactory": "llamafactory.hparams.training_args.TrainingArguments",
    "main": "__main__.TrainingArguments",
}.items():
    _saved(f"training_args_{_name}", "training_args.bin")(functools.partial(_training_arguments, _kind))


@_saved("training_args_dpo", "training_args.bin")
def _dpo() -> Any:
    """trl's arguments, with enumerations of its own and accelerate's plugins"""
    plugin = {
        "sharding_strategy": called("torch.distributed.fsdp.api.ShardingStrategy", 1),
        "backward_prefetch": called("torch.distributed.fsdp.api.BackwardPrefetch", 2),
        "state_dict_type": called("torch.distributed.fsdp.api.StateDictType", 1),
        "auto_wrap_policy": functools.partial(torch.nn.Module, policies=[]),
    }
    return _training_arguments(
        "trl.trainer.dpo_config.DPOConfig",
        f_divergence_type=called("trl.trainer.dpo_config.FDivergenceType", "reverse_kl"),
        loss_type="sigmoid",
        fsdp_plugin=made("accelerate.utils.dataclasses.FullyShardedDataParallelPlugin", plugin),
        batch_sampler=called("sentence_transformers.training_args.BatchSamplers", "no_duplicates"),
    )


@_saved("optimizer_pt", "optimizer.pt")
def _optimizer() -> Any:
    return adam()


@_saved("scheduler_pt", "scheduler.pt")
def _scheduler() -> Any:
    return {"base_lrs": [5e-05], "last_epoch": 500, "_step_count": 501, "_last_lr": [4e-05], "lr_lambdas": [{}]}


@_saved("scaler_pt", "scaler.pt")
def _scaler() -> Any:
    return {
        "scale": 65536.0,
        "growth_factor": 2.0,
        "backoff_factor": 0.5,
        "growth_interval": 2000,
        "_growth_tracker": 0,
    }


@_saved("rng_state", "rng_state.pth")
def _rng() -> Any:
    """transformers' and accelerate's states of the random generators"""
    numpy_state = np.random.RandomState(0).get_state()
    return {
        "python": random.Random(0).getstate(),
        "numpy": numpy_state,
        "cpu": torch.get_rng_state(),
        "cuda": [torch.zeros(16, dtype=torch.uint8)],
    }


@_saved("accelerate_rng", "random_states_0.pkl")
def _accelerate() -> Any:
    return {"step": 3, "random_state": random.Random(1).getstate(), "torch_manual_seed": torch.get_rng_state()}


@_saved("peft", "adapter_model.bin")
def _peft() -> Any:
    """A LoRA adapter, with its configuration's enumerations"""
    config = {
        "peft_type": called("peft.utils.peft_types.PeftType", "LORA"),
        "task_type": called("peft.utils.peft_types.TaskType", "CAUSAL_LM"),
    }
    return {"config": made("peft.tuners.lora.config.LoraConfig", config), **weights("base_model.model.lora_A.weight")}


SAMPLES = tuple(_FAMILY.samples)
