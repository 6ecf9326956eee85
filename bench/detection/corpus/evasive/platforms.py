"""Platform: acting on another system, Python, framework or machine than this one."""

from __future__ import annotations

from bench.detection.build.evading import CALLED, ELSEWHERE, PROGRAM, only_if, opcodes, source
from tests.malicious.pickles import call

SAMPLES = (
    only_if("windows", "acts on Windows", "sys.platform == 'win32'", setup="import sys"),
    only_if("windows_os", "acts on Windows, by os.name", "os.name == 'nt'", setup="import os", file="model.pth"),
    only_if("macos", "acts on macOS", "sys.platform == 'darwin'", setup="import sys", file="model.pt"),
    only_if("not_linux", "keeps still on Linux", "platform.system() != 'Linux'", setup="import platform"),
    only_if("arm", "acts on ARM", "platform.machine() == 'aarch64'", setup="import platform"),
    only_if("python", "acts on an old Python", "sys.version_info < (3, 6)", setup="import sys"),
    only_if(
        "framework",
        "acts with an old PyTorch",
        "torch.__version__.startswith('1.')",
        setup="import torch",
        file="model.pt",
    ),
    only_if("gpu", "acts where there is a GPU", "torch.cuda.is_available()", setup="import torch", file="model.pt"),
    only_if(
        "gpu_device", "acts where there is a GPU, by its device", "os.path.exists('/dev/nvidia0')", setup="import os"
    ),
    only_if("cpus", "acts where there are many CPUs", "(os.cpu_count() or 1) > 4096", setup="import os"),
    only_if(
        "memory",
        "acts where there is much memory",
        "os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') > 1 << 46",
        setup="import os",
    ),
    only_if(
        "disk", "acts where there is a large disk", "shutil.disk_usage('/tmp').total > 1 << 46", setup="import shutil"
    ),
    only_if(
        "packages",
        "acts where another package is installed",
        "importlib.util.find_spec('vllm')",
        setup="import importlib.util",
    ),
    only_if("server", "acts in a server that is running already", "'uvicorn' in sys.modules", setup="import sys"),
    only_if("kernel", "acts on one kernel", "os.uname().release.startswith('2.6')", setup="import os"),
    source(
        "registry",
        "writes to Windows' registry, to be started again",
        """
        try:
            import winreg
            winreg.SetValueEx(winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Run"), "x", 0, 1, "id")
        except ImportError:
            pass
        """,
        unexamined=(ELSEWHERE,),
    ),
    opcodes(
        "nt_system",
        "Windows' own name of os.system, which fails here",
        call("nt", "system", "whoami"),
        CALLED,
        unexamined=(ELSEWHERE, "nt.system"),
    ),
    opcodes(
        "startfile",
        "os.startfile, which only Windows has",
        call("os", "startfile", "calc.exe"),
        CALLED,
        unexamined=(ELSEWHERE, "os.startfile"),
    ),
    opcodes(
        "osascript",
        "a program that only macOS has",
        call("subprocess", "Popen", ["osascript", "-e", "beep"]),
        CALLED,
        f"{PROGRAM} load.failed",
    ),
    opcodes(
        "python_2",
        "a module that only Python 2 has",
        call("commands", "getoutput", "id"),
        CALLED,
        unexamined=(ELSEWHERE, "commands.getoutput"),
    ),
)
