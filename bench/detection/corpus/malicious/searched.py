"""Functions that act on their arguments, found by a search of sources; clients that act as soon as they are made."""

from __future__ import annotations

from bench.detection.build.pickled import caught, made
from bench.detection.sample import Sample
from tests.malicious.pickles import call, named

_SEARCH = "a search of torch's, numpy's and Python's sources for functions that act on their arguments"
_CLIENTS = "the packages' own documents: their objects reach out, start or load as soon as they are made"
_FILE = "/tmp/of-nobody-203.0.113.7"
_HOST = "sandbox-load-trap.invalid"

_ROWS = (
    ("search_dotted", "torch imports a dotted name", _SEARCH, call("torch._utils", "_import_dotted_name", "os.system")),
    (
        "search_attention",
        "torch imports a kernel's module",
        _SEARCH,
        call("torch.nn.attention._fa3", "_fa3_import_module", "antigravity"),
    ),
    (
        "search_flames",
        "torch writes a picture of memory",
        _SEARCH,
        call("torch.cuda._memory_viz", "format_flamegraph", "x", _FILE),
    ),
    (
        "search_attributes",
        "torch sets the attributes of what it is given",
        _SEARCH,
        call("torch._utils", "_set_obj_state", named("torch.nn", "Module"), {"__call__": None}),
    ),
    (
        "search_values",
        "optparse imports a module for its options",
        _SEARCH,
        call("optparse", "Values.read_module", made(named("optparse", "Values")), "antigravity"),
    ),
    ("search_codec", "registers a search for codecs", _SEARCH, call("_codecs", "register", named("builtins", "print"))),
    ("search_statistics", "profile's figures from a marshalled file", _SEARCH, call("pstats", "Stats", _FILE)),
    (
        "search_vendored",
        "torch's copy of a compiler",
        _SEARCH,
        call("torch._vendor.quack.autotuner", "FileCacheManager", "x"),
    ),
    ("client_shell", "a shell on another machine", _CLIENTS, call("pysftp", "Connection", _HOST)),
    ("client_queue", "a client of a queue", _CLIENTS, call("kafka", "KafkaProducer", _HOST)),
    ("client_office", "a program by its registered name", _CLIENTS, call("win32com.client", "Dispatch", "WScript")),
    ("client_browser", "starts a browser", _CLIENTS, call("selenium.webdriver", "Chrome")),
    ("client_lua", "another language's interpreter", _CLIENTS, call("lupa", "LuaRuntime")),
    ("client_java", "a class of Java", _CLIENTS, call("jpype", "JClass", "runtime")),
    ("client_lazy", "imports when it is looked at", _CLIENTS, call("lazy_loader", "load", "antigravity")),
    ("client_model", "downloads a model and runs its code", _CLIENTS, call("vllm", "LLM", "nobody")),
    ("client_index", "reads an index of another file", _CLIENTS, call("faiss", "read_index", _FILE)),
    ("client_corpora", "starts a program of Java", _CLIENTS, call("nltk.internals", "java", ["id"])),
    (
        "client_graph",
        "an operation that writes a file",
        _CLIENTS,
        call("tensorflow.python.ops.io_ops", "write_file", _FILE, "x"),
    ),
    (
        "client_formula",
        "a formula whose text sympy evaluates",
        _CLIENTS,
        made(named("sympy.core.containers", "Tuple"), "open('x')"),
    ),
    (
        "client_elements",
        "a function handed to each element of a tensor",
        _CLIENTS,
        call("torch", "Tensor.apply_", call("torch", "tensor", [1]), named("webbrowser", "open")),
    ),
)

_CAUGHT = (
    ("global.dangerous.named", "", "client_formula"),
    ("global.applier.called global.dangerous.passed", "", "client_elements"),
)

SAMPLES: tuple[Sample, ...] = caught(_ROWS, _CAUGHT)
