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
