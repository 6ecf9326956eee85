"""Code beside weights as its authors write it: it does much when it is called, and nothing of note when imported."""

from __future__ import annotations

from pathlib import Path

import torch

from bench.detection.build.honest import Honest
from bench.detection.build.scripts import script

_FAMILY = Honest("model repositories: transformers' remote code, TorchServe's handlers, nanoGPT's and others' scripts")

_MODELING = """
import importlib
import logging
import math
import os
import subprocess
import warnings
from functools import partial

import torch
from torch import nn

try:
    from flash_attn import flash_attn_func
except ImportError:
    flash_attn_func = None

logger = logging.getLogger(__name__)
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
_CHECKPOINT = os.environ.get("ACME_CHECKPOINT", os.path.expanduser("~/.cache/acme"))
_EPSILON = eval("1e-5")
_SCRIPTED = torch.jit.script
ACT = {"gelu": partial(nn.functional.gelu, approximate="tanh")}

for _name in ("einops", "xformers"):
    try:
        importlib.import_module(_name)
    except ImportError:
        warnings.warn(f"{_name} is not there")


@torch.no_grad()
def download(url):
    import requests

    return requests.get(url).content


def compiled():
    subprocess.run(["nvcc", "--version"], check=True)
    exec("x = 1")


class Model(nn.Module):
    dtype = getattr(torch, "float32")

    def __init__(self):
        super().__init__()
        self.eval()

    def export(self):
        os.system("ls")


model_class = Model
"""
_CONFIGURATION = """
from transformers import PretrainedConfig

class AcmeConfig(PretrainedConfig):
    model_type = "acme"
    def __init__(self, hidden=3, **kwargs):
        self.hidden = hidden
        super().__init__(**kwargs)
"""
_TRAIN = """
import argparse, os, subprocess, sys, time
import torch
sys.path.append(os.path.dirname(os.path.abspath(__file__)))
os.makedirs("out", exist_ok=True)
os.environ["CUDA_VISIBLE_DEVICES"] = "0"
exec(open("configurator.py").read())
commit = subprocess.check_output(["git", "rev-parse", "HEAD"]).decode().strip()
with open("out/log.txt", "w") as log:
    log.write(commit)
def main():
    subprocess.run(["tensorboard", "--logdir", "out"])
if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    os.system("nvidia-smi")
    main()
"""
_EXAMPLE = """
import requests
from PIL import Image
from transformers import AutoModel
url = "http://images.example/cats.jpg"
image = Image.open(requests.get(url, stream=True).raw)
model = AutoModel.from_pretrained(".", trust_remote_code=True)
"""
_SETUP = """
import subprocess
from setuptools import setup
about = {}
with open("acme/version.py") as file:
    exec(file.read(), about)
def cuda():
    return subprocess.check_output(["nvcc", "-V"])
setup(name="acme", version=about["__version__"])
"""
_HANDLER = """
import logging, os
import torch
from ts.torch_handler.base_handler import BaseHandler
logger = logging.getLogger(__name__)
class Handler(BaseHandler):
    def initialize(self, context):
        self.model = torch.jit.load(os.path.join(context.system_properties["model_dir"], "model.pt"))
        os.system("pip install -r requirements.txt")
_service = Handler()
def handle(data, context):
    return _service.handle(data, context)
"""
_PYTHON_2 = "print 'usage: convert.py model'\nimport os\n"
_FILES = {
    "modeling_acme.py": _MODELING,
    "configuration_acme.py": _CONFIGURATION,
    "train.py": _TRAIN,
    "example.py": _EXAMPLE,
    "setup.py": _SETUP,
    "handler.py": _HANDLER,
    "convert.py": _PYTHON_2,
    "conftest.py": "import sys\nsys.path.insert(0, '.')\n",
    "__init__.py": "from .modeling_acme import Model\n",
    "empty.py": "",
}


@_FAMILY.written("code_beside", "model", "code beside the weights")
def _beside(path: Path) -> None:
    path.mkdir()
    torch.save({"weight": torch.ones(2, 3)}, path / "pytorch_model.bin")
    for name, text in _FILES.items():
        (path / name).write_text(text)


@_FAMILY.written("code_of_a_script", "model.pt", "a TorchScript program of other libraries' operators")
def _script(path: Path) -> None:
    acts = (
        "_0 = ops.torchvision.nms(values, values, 0.5)",
        "_1 = ops.acme.fused_linear(values)",
        '_2 = torch.format("use torch.save() or {}", 3)',
        "self.save = True  # of values.save()",
        'print("saved")',
    )
    path.write_bytes(script("\n    ".join(acts)))


SAMPLES = tuple(_FAMILY.samples)
