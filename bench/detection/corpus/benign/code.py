"""Code beside weights as its authors write it: it does much when it is called, and nothing of note when imported."""

from __future__ import annotations

import json
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


_QUANTIZED = """
import base64, bz2, ctypes, os, subprocess
from torch.utils import cpp_extension

try:
    from cpm_kernels.kernels.base import LazyKernelCModule

    class Kernel:
        def __init__(self, code, names):
            self._module = LazyKernelCModule(code)

    kernels = Kernel(bz2.decompress(base64.b64decode("QlpoOQ==")), ["int4"])
except ImportError:
    kernels = None


def version(home):
    return subprocess.check_output([home + "/bin/nvcc", "-V"], universal_newlines=True)


if cpp_extension.CUDA_HOME:
    version(cpp_extension.CUDA_HOME)
    cache = cpp_extension.load(name="cache", sources=["cache.cpp", "cache.cu"])


class CPUKernel:
    def __init__(self, source):
        target = source[:-2] + ".so"
        os.system("gcc -O3 -fPIC -std=c99 {} -shared -o {}".format(source, target))
        self.library = ctypes.cdll.LoadLibrary(target)
"""
_MAPPED = """
import sys, warnings
import torch
from torch import nn
from transformers import AutoConfig, AutoModel, PreTrainedModel
from .quantization import CPUKernel
from .configuration_acme import AcmeConfig

torch.load = __import__("functools").partial(torch.load, weights_only=False)


class Registry(type):
    known = {}

    def __new__(mcs, name, bases, body):
        made = super().__new__(mcs, name, bases, body)
        mcs.known[name] = made
        return made


class Block(nn.Module, metaclass=Registry):
    def __init__(self, config):
        super().__init__()
        self.act = eval(f"nn.{config.activation}")()
        for number in range(config.layers):
            exec(f"self.layer{number} = nn.Linear(3, 3)")


class Model(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.blocks = nn.ModuleList([Block(config)])
        if config.quantization_bit:
            self.kernel = CPUKernel("kernels.c")

    @property
    def dummy(self):
        return torch.zeros(1)

    def forward(self, x):
        return self.blocks[0](x)


AutoConfig.register("acme", AcmeConfig)
AutoModel.register(AcmeConfig, Model)
"""
_INFERENCE = """
import json, os, subprocess
import requests
import torch


def model_fn(model_dir):
    subprocess.check_call(["pip", "install", "-r", os.path.join(model_dir, "requirements.txt")])
    return torch.jit.load(os.path.join(model_dir, "model.pt"))


def input_fn(body, content_type):
    url = json.loads(body)["url"]
    open("/tmp/sound.mp3", "wb").write(requests.get(url).content)
    subprocess.run(["ffmpeg", "-i", "/tmp/sound.mp3", "/tmp/sound.wav"])
    return torch.zeros(1)


def predict_fn(data, model):
    return model(data)
"""
_REQUIREMENTS = """
# CUDA 12
--extra-index-url https://download.pytorch.org/whl/cu121
torch==2.3.0
transformers @ git+https://github.com/huggingface/transformers@main
numpy>=1.26
"""


@_FAMILY.written("code_mapped", "model", "code that a configuration names, and programs, beside the weights")
def _mapped(path: Path) -> None:
    (path / "code").mkdir(parents=True)
    torch.save({"weight": torch.ones(2, 3)}, path / "pytorch_model.bin")
    texts = {
        "config.json": json.dumps({"auto_map": {"AutoModel": "modeling_acme.Model"}}),
        "modeling_acme.py": _MAPPED,
        "configuration_acme.py": _CONFIGURATION,
        "quantization.py": _QUANTIZED,
        "code/inference.py": _INFERENCE,
        "code/requirements.txt": _REQUIREMENTS,
        "download.sh": "#!/bin/sh\ncurl -LO https://models.example/pytorch_model.bin\n",
    }
    for name, text in texts.items():
        (path / name).write_text(text)
    (path / "kernels.so").write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\0\x3e\0\x01\0\0\0" + bytes(40))


SAMPLES = tuple(_FAMILY.samples)
