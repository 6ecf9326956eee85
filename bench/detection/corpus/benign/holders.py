"""Objects that only hold data, of packages that can do harm; constants, exceptions, formulas, loaders."""

from __future__ import annotations

import decimal
import re
import signal
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sympy import sin, symbols

from bench.detection.build import spelled
from bench.detection.build.honest import Honest
from bench.detection.build.spelled import called, made, named

_FAMILY = Honest("the packages' own pickles")


@_FAMILY.pickled("holders_documents")
def documents() -> Any:
    """A store of documents of a chain of language models."""
    page = made("langchain_core.documents.base.Document", {"__dict__": {"page_content": "a/b", "metadata": {}}})
    store = made("langchain_community.docstore.in_memory.InMemoryDocstore", {"_dict": {"1": page}})
    node = made("llama_index.core.schema.TextNode", {"__dict__": {"text": "to be read", "id_": "7"}})
    return store, node, {0: "1"}


@_FAMILY.pickled("holders_policy")
def policy() -> Any:
    """A policy with its algorithm's class, and a run's configuration."""
    return {
        "class": named("ray.rllib.algorithms.ppo.ppo.PPO"),
        "config": made("wandb.sdk.wandb_config.Config", {"_items": {"lr": 0.1}}),
        "model": made("mlflow.pyfunc.PyFuncModel", {"_model_meta": None}),
        "headers": made("requests.structures.CaseInsensitiveDict", {"_store": {"a": ("A", "1")}}),
        "bunch": made("sklearn.datasets._base.Bunch").filled(pairs={"target": np.arange(3)}),
    }


@_FAMILY.pickled("holders_formula")
def formula() -> Any:
    """A formula of symbols, by sympy itself."""
    x, y = symbols("x y")
    return {"law": x**2 / 3 + sin(y) * 1.5, "w": np.ones(2)}


@_FAMILY.pickled("holders_constants", protocol=4)
def constants() -> Any:
    """Constants of C, flags that were joined, an exception, a context of decimals."""
    return [signal.SIGTERM, re.IGNORECASE | re.MULTILINE, np.linalg.LinAlgError("singular"), decimal.Context(prec=7)]


@_FAMILY.saved("holders_generator")
def generator() -> Any:
    """A generator of torch, and a tensor."""
    return {"generator": torch.Generator().manual_seed(1), "w": torch.ones(2)}


@_FAMILY.saved("holders_loader")
def loader() -> Any:
    """A whole data loader, with what puts its samples together."""
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(4)), batch_size=2)


@_FAMILY.pickled("holders_unit")
def unit() -> Any:
    """A quantity with its unit, of a class that nobody knows."""
    return {"speed": called("acme.units.Quantity", 3.5, "m/s"), "w": np.ones(2)}


@_FAMILY.written("holders_newline", "model.pt", "a newline behind an archive")
def newline(path: Path) -> None:
    spelled.save({"w": torch.ones(2)}, path)
    path.write_bytes(path.read_bytes() + b"\r\n")


SAMPLES = tuple(_FAMILY.samples)
