"""Known gadgets of packages that the jail doesn't have: what a file asks for doesn't depend on where it is opened."""

from __future__ import annotations

from bench.detection.build.pickled import built, caught, made
from bench.detection.sample import Sample
from tests.malicious.pickles import Opcodes, call, called, named

_ADVISORIES = "picklescan's and fickling's advisories"
_PUBLIC = "public lists of gadgets in third-party packages"
_KERAS = "Keras's Lambda layers (CVE-2024-3660)"
_SOURCE = "import os; os.system('id')"


def _method(module: str, name: str, *args: object) -> Opcodes:
    return call(module, name, built(made(named(module, name.partition(".")[0])), {}), *args)


_ROWS = (
    ("pandas_eval", "pandas evaluates", _PUBLIC, call("pandas.core.computation.eval", "eval", _SOURCE)),
    ("pandas_query", "a frame's query evaluates", _PUBLIC, _method("pandas.core.frame", "DataFrame.query", "@pd.x")),
    ("numexpr", "numexpr evaluates", _PUBLIC, call("numexpr.necompiler", "evaluate", _SOURCE)),
    ("lambda_layer", "a Lambda layer of Keras", _KERAS, call("keras.layers.core.lambda_layer", "Lambda", _SOURCE)),
    (
        "lambda_layer_new",
        "a Lambda layer of Keras 3",
        _KERAS,
        call("keras.src.layers.core.lambda_layer", "Lambda", _SOURCE),
    ),
    (
        "keras_deserialize",
        "Keras makes any object",
        _KERAS,
        call("keras.src.saving.serialization_lib", "deserialize_keras_object", {"module": "os"}),
    ),
    (
        "keras_lambda_loads",
        "Keras unmarshals a function",
        _KERAS,
        call("keras.src.utils.python_utils", "func_load", "abc"),
    ),
    (
        "tensorflow_read",
        "TensorFlow reads a file",
        _PUBLIC,
        call("tensorflow.python.ops.io_ops", "read_file", "/etc/passwd"),
    ),
    (
        "pipeline",
        "transformers' pipeline with remote code",
        _PUBLIC,
        call("transformers.pipelines", "pipeline", "x", "y/z"),
    ),
    (
        "dynamic_module",
        "transformers' remote classes",
        _PUBLIC,
        call("transformers.dynamic_module_utils", "get_class_from_dynamic_module", "x.Y", "y/z"),
    ),
    ("agent_tool", "transformers' tools", _PUBLIC, call("transformers.tools.python_interpreter", "evaluate", _SOURCE)),
    (
        "agent_code",
        "smolagents' interpreter",
        _PUBLIC,
        call("smolagents.local_python_executor", "evaluate_python_code", _SOURCE),
    ),
    (
        "python_tool",
        "langchain's Python",
        _PUBLIC,
        call("langchain_experimental.utilities.python", "PythonREPL.run", None, _SOURCE),
    ),
    (
        "streamlit_run",
        "streamlit runs a script",
        _PUBLIC,
        call("streamlit.web.bootstrap", "run", "/tmp/x.py", "", [], {}),
    ),
    ("dask_get", "dask calls", _PUBLIC, call("dask.local", "get_sync", {"x": (named("posix", "system"), "id")}, "x")),
    ("mlflow_load", "mlflow loads a model", _PUBLIC, call("mlflow.pyfunc", "load_model", "/tmp/x")),
    ("ssh", "paramiko's proxy command", _PUBLIC, call("paramiko.proxy", "ProxyCommand", "id")),
    ("invoke", "invoke runs a command", _PUBLIC, call("invoke", "run", "id")),
    (
        "ipython_cell",
        "IPython runs a cell",
        _PUBLIC,
        call("IPython.core.interactiveshell", "InteractiveShell.run_cell", None, _SOURCE),
    ),
    (
        "yaml_load",
        "yaml makes any object",
        _PUBLIC,
        call("yaml", "unsafe_load", "!!python/object/apply:os.system [id]"),
    ),
    ("json_pickle", "jsonpickle makes any object", _PUBLIC, call("jsonpickle.unpickler", "decode", "{}")),
    (
        "requests_get",
        "requests fetches",
        _PUBLIC,
        call("requests.sessions", "Session.get", None, "http://203.0.113.7/"),
    ),
    (
        "hub_file",
        "huggingface_hub fetches",
        _PUBLIC,
        call("huggingface_hub.file_download", "hf_hub_download", "x/y", "z"),
    ),
    (
        "hydra_instantiate",
        "hydra makes any object",
        _PUBLIC,
        call("hydra._internal.instantiate._instantiate2", "instantiate", {"_target_": "os.system"}),
    ),
    ("fire_cli", "fire calls", _PUBLIC, call("fire.core", "Fire", named("posix", "system"), "id")),
    ("twisted_reflect", "twisted imports a name", _PUBLIC, call("twisted.python.reflect", "namedAny", "os.system")),
    ("gevent_program", "gevent's Popen", _PUBLIC, call("gevent.subprocess", "Popen", ["id"])),
    ("git_clone", "GitPython runs git", _PUBLIC, call("git.cmd", "Git.execute", None, ["id"])),
    (
        "numba_compile",
        "numba compiles and calls",
        _PUBLIC,
        called(call("numba.core.decorators", "jit", named("posix", "system")), "id"),
    ),
    ("cupy_kernel", "a kernel of source text", _PUBLIC, call("cupy._core.raw", "RawKernel", "x", "y")),
    (
        "onnx_session",
        "onnxruntime loads a library",
        _PUBLIC,
        call("onnxruntime", "SessionOptions.register_custom_ops_library", None, "/tmp/x.so"),
    ),
    ("excel", "pandas fetches", _PUBLIC, call("pandas", "read_csv", "http://203.0.113.7/x.csv")),
    (
        "torch_lightning",
        "Lightning loads a checkpoint",
        _PUBLIC,
        call("pytorch_lightning.core.saving", "load_from_checkpoint", "/tmp/x"),
    ),
    (
        "own_module",
        "a function of a module beside the file",
        "public lists of malicious models",
        call("evil_module", "run", "x"),
    ),
    (
        "script_function",
        "a function of the user's own script",
        "public lists of malicious models",
        call("__main__", "run", "id"),
    ),
)

_CAUGHT = (
    ("global.dangerous.called global.dangerous.named", "", "dask_get fire_cli numba_compile"),
    ("global.dangerous.called", "load.failed", "pandas_eval pandas_query"),
    ("global.unknown.called", "", "own_module script_function"),
    ("global.dangerous.called", "event.connect event.socket load.failed", "excel"),
)

SAMPLES: tuple[Sample, ...] = caught(_ROWS, _CAUGHT)
