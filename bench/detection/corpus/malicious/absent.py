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
    (
        "pandas_apply",
        "a frame's apply calls",
        _PUBLIC,
        _method("pandas.core.frame", "DataFrame.apply", named("posix", "system")),
    ),
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
    ("keras_load", "Keras loads a model", _KERAS, call("keras.models", "load_model", "/tmp/x.h5")),
    ("tensorflow_load", "TensorFlow loads a model", _PUBLIC, call("tensorflow.saved_model", "load", "/tmp/x")),
    (
        "tensorflow_read",
        "TensorFlow reads a file",
        _PUBLIC,
        call("tensorflow.python.ops.io_ops", "read_file", "/etc/passwd"),
    ),
    (
        "tensorflow_call",
        "TensorFlow's py_func",
        _PUBLIC,
        call("tensorflow.python.ops.script_ops", "py_func", named("posix", "system"), ["id"]),
    ),
    (
        "tensorflow_context",
        "TensorFlow's gadget",
        _ADVISORIES,
        call("tensorflow.python.framework.load_library", "load_op_library", "/tmp/x.so"),
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
    (
        "remote_model",
        "transformers' model with remote code",
        _PUBLIC,
        call("transformers.models.auto.modeling_auto", "AutoModel.from_pretrained", "y/z"),
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
    ("langchain_load", "langchain loads an object", _PUBLIC, call("langchain_core.load.load", "loads", "{}")),
    ("index_query", "llama_index evaluates", _PUBLIC, call("llama_index.core.exec_utils", "safe_exec", _SOURCE)),
    (
        "streamlit_run",
        "streamlit runs a script",
        _PUBLIC,
        call("streamlit.web.bootstrap", "run", "/tmp/x.py", "", [], {}),
    ),
    ("gradio_load", "gradio loads an application", _PUBLIC, call("gradio.external", "load", "x/y")),
    (
        "ray_remote",
        "ray runs a function",
        _PUBLIC,
        call("ray.remote_function", "RemoteFunction._remote", None, named("posix", "system")),
    ),
    ("dask_get", "dask calls", _PUBLIC, call("dask.local", "get_sync", {"x": (named("posix", "system"), "id")}, "x")),
    ("dask_loads", "dask's loads", _PUBLIC, call("distributed.protocol.pickle", "loads", b"N.")),
    ("mlflow_load", "mlflow loads a model", _PUBLIC, call("mlflow.pyfunc", "load_model", "/tmp/x")),
    ("boto", "boto3's client", _PUBLIC, call("boto3", "client", "s3")),
    ("ssh", "paramiko's proxy command", _PUBLIC, call("paramiko.proxy", "ProxyCommand", "id")),
    ("fabric", "fabric runs a command", _PUBLIC, call("fabric.operations", "local", "id")),
    ("invoke", "invoke runs a command", _PUBLIC, call("invoke", "run", "id")),
    ("sh_command", "sh runs a command", _PUBLIC, call("sh", "Command", "id")),
    ("terminal_spawn", "pexpect runs a command", _PUBLIC, call("pexpect", "run", "id")),
    ("ipython_system", "IPython runs a shell line", _PUBLIC, call("IPython.utils.process", "system", "id")),
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
    ("mako_template", "mako's template", _PUBLIC, called(call("mako.template", "Template", "x"), "x")),
    (
        "requests_get",
        "requests fetches",
        _PUBLIC,
        call("requests.sessions", "Session.get", None, "http://203.0.113.7/"),
    ),
    ("aiohttp_get", "aiohttp fetches", _PUBLIC, call("aiohttp.client", "request", "GET", "http://203.0.113.7/")),
    (
        "hub_file",
        "huggingface_hub fetches",
        _PUBLIC,
        call("huggingface_hub.file_download", "hf_hub_download", "x/y", "z"),
    ),
    ("nltk_load", "nltk loads a pickle", _PUBLIC, call("nltk.data", "load", "/tmp/x.pickle")),
    ("spacy_load", "spacy loads a package", _PUBLIC, call("spacy.util", "load_model", "/tmp/x")),
    (
        "hydra_instantiate",
        "hydra makes any object",
        _PUBLIC,
        call("hydra._internal.instantiate._instantiate2", "instantiate", {"_target_": "os.system"}),
    ),
    ("fire_cli", "fire calls", _PUBLIC, call("fire.core", "Fire", named("posix", "system"), "id")),
    ("celery_task", "celery calls", _PUBLIC, call("celery.app.task", "Task.apply", None)),
    ("twisted_reflect", "twisted imports a name", _PUBLIC, call("twisted.python.reflect", "namedAny", "os.system")),
    ("gevent_program", "gevent's Popen", _PUBLIC, call("gevent.subprocess", "Popen", ["id"])),
    ("git_clone", "GitPython runs git", _PUBLIC, call("git.cmd", "Git.execute", None, ["id"])),
    (
        "plumbum_command",
        "plumbum runs a command",
        _PUBLIC,
        call("plumbum.machines.local", "LocalMachine.get", None, "id"),
    ),
    (
        "numba_compile",
        "numba compiles and calls",
        _PUBLIC,
        called(call("numba.core.decorators", "jit", named("posix", "system")), "id"),
    ),
    ("cupy_kernel", "a kernel of source text", _PUBLIC, call("cupy._core.raw", "RawKernel", "x", "y")),
    ("theano_function", "theano compiles", _PUBLIC, call("theano.gof.cmodule", "GCC_compiler.compile_str", "x", "y")),
    (
        "onnx_session",
        "onnxruntime loads a library",
        _PUBLIC,
        call("onnxruntime", "SessionOptions.register_custom_ops_library", None, "/tmp/x.so"),
    ),
    ("booster_file", "xgboost reads a file", _PUBLIC, call("xgboost.core", "Booster.load_model", None, "/tmp/x")),
    ("excel", "pandas fetches", _PUBLIC, call("pandas", "read_csv", "http://203.0.113.7/x.csv")),
    ("keyring_secret", "reads a password", _PUBLIC, call("keyring.core", "get_password", "x", "y")),
    ("key_log", "reads the keyboard", _PUBLIC, call("pynput.keyboard", "Listener", named("posix", "system"))),
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

_CAUGHT: dict[str, tuple[str, str]] = {}

SAMPLES: tuple[Sample, ...] = caught(_ROWS, _CAUGHT)
