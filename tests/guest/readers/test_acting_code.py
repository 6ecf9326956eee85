"""Code beside weights: what an import of Python does, and what TorchScript does beyond computing."""

from __future__ import annotations

import pytest
from guest.readers import module_level, script_code

ACTS = {
    "a call": "import os\nos.system('id')",
    "another name for the module": "import subprocess as s\ns.Popen(['id'])",
    "another name for the function": "from os import system as check\ncheck('id')",
    "an assigned name": "import os\nrun = os.system\nrun('id')",
    "two names at once": "import os\nrun, walk = os.system, os.walk\nrun('id')",
    "an attribute by its text": "import os\ngetattr(os, 'sys' + 'tem')('id')",
    "an attribute by a computed text": "import os\ngetattr(os, bytes([115]).decode())('id')",
    "an import by its text": "__import__('os').popen('id')",
    "importlib": "import importlib\nimportlib.import_module('subprocess').run('id')",
    "the module's table": "import os\nos.__dict__['system']('id')",
    "Python's modules": "import sys\nsys.modules['os'].system('id')",
    "builtins' table": "__builtins__['ex' 'ec']('x')",
    "the scope's table": "globals()['__builtins__'].eval('f()')",
    "a partial": "import os, functools\nfunctools.partial(os.system, 'id')()",
    "a function that is handed on": "import os\nlist(map(os.system, ['id']))",
    "an own function that is called": "import os\ndef f():\n  os.system('id')\nf()",
    "an own function in a thread": "import os, threading\ndef f(): os.system('id')\nthreading.Thread(target=f).start()",
    "an own function as a decorator": "import os\ndef f(g):\n  os.system('id')\n@f\ndef g(): pass",
    "a decorator": "@exec\n@input\nclass X: pass",
    "a default argument": "import os\ndef f(x=os.system('id')): pass",
    "a class's body": "import os\nclass X:\n  os.system('id')",
    "a constructor": "import os\nclass X:\n  def __init__(self): os.system('id')\nX()",
    "a method of an instance": "import os\nclass X:\n  def f(self): os.system('id')\nx = X()\nx.f()",
    "a lambda": "import os\n(lambda: os.system('id'))()",
    "a branch": "import os\ntry:\n  pass\nfinally:\n  os.system('id')",
    "not being the program": "import os\nif __name__ != '__main__':\n  os.system('id')",
    "being it by its own word": "import os\n__name__ = '__main__'\nif __name__ == '__main__': os.system('id')",
    "a comprehension": "import os\n[os.system(x) for x in ['id']]",
    "a file elsewhere": "import os\nopen(os.path.expanduser('~/.bashrc'), 'a').write('id')",
    "machine code": "import ctypes\nctypes.CDLL('./acme.so')",
    "a container": "import os\n{'a': os.system}['a']('id')",
    "a choice": "import os\n(None or os.system)('id')",
    "a branch of a value": "import os\n(os.system if X else print)('id')",
    "each of some": "import os\nfor f in (os.system,): f('id')",
    "each of some in a comprehension": "import os\n[f('id') for f in [os.system]]",
    "own functions, each in its turn": "import os\ndef f(): os.system('id')\nfor g in (f,): g()",
    "an own function in a table": "import os\ndef f(): os.system('id')\nT = {'a': f}\nT['a']()",
    "an attribute of its own": "import os\nclass N: pass\nN.f = os.system\nN.f('id')",
    "all of a module": "from os import *\nsystem('id')",
    "another module's os": "import torch\ntorch.serialization.os.system('id')",
    "builtins by a text": "import builtins\nvars(builtins)['ev' + 'al']('1')",
    "a reduction": "import os, functools\nfunctools.reduce(lambda a, b: a(b), [os.system, 'id'])",
    "a method's caller": "import os, operator\noperator.methodcaller('system', 'id')(os)",
    "all classes that there are": "[c for c in ().__class__.__base__.__subclasses__()][0]('id')",
    "a function of compiled text": "import types\ntypes.FunctionType(compile('f()', 'x', 'exec'), {})()",
    "a metaclass": "import os\nclass T(type):\n  def __new__(c, *a): os.system('id')\nclass M(metaclass=T): pass",
    "a base's hook": "import os\nclass B:\n  def __init_subclass__(c): os.system('id')\nclass M(B): pass",
    "an enumeration": "import os, enum\nclass E(enum.Enum):\n  a = 1\n  def __init__(s, v): os.system('id')",
    "a property": "import os\nclass C:\n  @property\n  def x(s): os.system('id')\nC().x",
    "a field's factory": "import os, dataclasses as d\nclass E:\n"
    "  a: int = d.field(default_factory=lambda: os.system('id'))",
    "what imports go through": "import sys\nsys.meta_path.insert(0, H())",
    "torch's own": "import torch\ntorch.load = lambda *a: {}",
    "torch's own by its text": "import torch\nsetattr(torch.nn.Linear, 'forward', lambda s, x: -x)",
    "a path that is written": "from pathlib import Path\nPath('/root/.bashrc').write_text('id')",
    "a file that is removed": "import os\nos.remove('/root/.bashrc')",
    "a folder that is copied": "import shutil\nshutil.copytree('/root/.ssh', '/tmp/x')",
    "a connection": "import socket\nsocket.socket().connect(('203.0.113.7', 443))",
    "a key": "K = open('/root/.ssh/id_rsa').read()",
    "other programs' starters": "import pexpect\npexpect.run('id')",
    "text that is compiled": "from torch.utils.cpp_extension import load_inline\nload_inline('x', 'int f();')",
    "a pickle that is decoded": "import pickle, base64\npickle.loads(base64.b64decode(X))",
    "another spelling": "# coding: utf-7\nimport os\nos.+AHM-ystem('id')",
    "a later Python's grammar": "import os\ntype X = int\nos.system('id')",
}
QUIET = {
    "letters of other alphabets": "# coding: gbk\nna\u00efve = '\\N{BULLET}'",
    "within a function": "import os\ndef f():\n  os.system('id')",
    "within a method": "import os\nclass X:\n  def f(self): os.system('id')\nX()",
    "where it is the program": "import os\nif __name__ == '__main__':\n  os.system('id')",
    "where it is the program and more": "import sys, os\nif sys.argv and '__main__' == __name__:\n  os.system('id')",
    "a method of that name": "model.eval()\nframe.eval('a + b')\nlogger.exec()",
    "a number": "x = eval('1e-5')",
    "asking for a version": "import subprocess\nsubprocess.check_output(['git', 'rev-parse', 'HEAD'])",
    "a file beside it": "exec(open('configurator.py').read())",
    "reading": "open('/etc/os-release').read()",
    "writing beside it": "open('out.txt', 'w').write('x')",
    "a function by a name": "import subprocess\nrun = subprocess.run",
    "what a compiler is asked": "import subprocess\nsubprocess.check_output([home + '/bin/nvcc', '-V'])",
    "sources of kernels": "from torch.utils.cpp_extension import load\nload(name='x', sources=['x.cu'])",
    "a switch of a library": "import torch\ntorch.backends.cudnn.benchmark = True\ntorch.nn.Linear.bias = None",
    "a library's own default": "import torch, functools\n"
    "torch.load = functools.partial(torch.load, weights_only=False)",
    "its classes": "class A: pass\nALL = [c for c in A.__subclasses__()]",
    "a file of its own": "import os, shutil\nos.remove('x')\nshutil.copy('a', 'b')",
    "weights beside it": "import torch\nw = torch.load('x.bin')",
    "a type": "import subprocess\nisinstance(x, subprocess.Popen)\ny: subprocess.Popen = None",
    "an own function of that name": "def system(x): pass\nsystem('id')",
    "a relative import": "from .os import system\nsystem('id')",
    "fetching an example": "import requests\nrequests.get('http://images.example/cat.jpg')",
    "Python 2": "print 'x'\nimport os",
}


@pytest.mark.parametrize("name", ACTS)
def test_what_an_import_would_do_is_told(name: str) -> None:
    assert module_level.told(ACTS[name].encode(), "utils.py"), name


@pytest.mark.parametrize("name", QUIET)
def test_what_an_import_would_not_do_is_not_told(name: str) -> None:
    assert module_level.told(QUIET[name].encode(), "utils.py") == []


def test_a_line_is_named() -> None:
    assert module_level.told(b"import os\n\nos.system('id')\n", "x.py") == [(3, "os.system begins a program")]


def test_only_a_script_may_fetch() -> None:
    text = b"import requests\nrequests.get('http://203.0.113.7/')\n"
    assert module_level.told(text, "modeling_acme.py")
    assert not module_level.told(text, "example.py")


@pytest.mark.parametrize(
    "text", [b"\0", b"(" * 100_000, b"-" * 100_000 + b"1", b"x = " + b"[" * 5000, b"\xff\xfe", b"a." * 50_000 + b"b"]
)
def test_text_that_can_not_be_parsed_is_none(text: bytes) -> None:
    assert module_level.told(text, "x.py") == []


METHOD = "class Net(Module):\n  def forward(self: __torch__.Net,\n    x: Tensor) -> Tensor:\n    {}\n    return x\n"


@pytest.mark.parametrize(
    "act",
    [
        'torch.save(x, "/tmp/x")',
        'ops.aten.save(x, "/tmp/x")',
        'torch . save(x, "/tmp/x")',
        '(x).save("/tmp/x")',
        'x.T.save("/tmp/x")',
        't = torch\n    t.save(x, "/tmp/x")',
        "f = torch.save",
        'getattr(x, "save")("/tmp/x")',
        'getattr(x, "s\\141ve")("/tmp/x")',
        'torch.from_file("/etc/passwd", None, 8)',
        'ops.prim.rpc_async("a", "b", ())',
        'ops.image.write_file("a", x)',
        'ops.acme.run_system("id")',
        'y = "\n    torch.save(x, "/tmp/x")',
    ],
)
def test_a_script_that_acts_is_told(act: str) -> None:
    assert {where for _, where in script_code.told(METHOD.format(act))} == {"Net.forward"}


@pytest.mark.parametrize(
    "act",
    [
        "y = torch.relu(x)",
        "y = ops.torchvision.nms(x, x, 0.5)",
        "y = ops.acme.fused(x)",
        'y = "torch.save(x)"',
        "y = x  # torch.save(x)",
        "self.save = True",
        "y = (self.save).forward(x)",
        'y = getattr(self, "0")',
    ],
)
def test_a_script_that_computes_is_not_told(act: str) -> None:
    assert script_code.told(METHOD.format(act)) == []
