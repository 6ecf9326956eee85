"""Attacks without a call: tables that Python and torch go by are changed, or an object is made whose making acts."""

from __future__ import annotations

from bench.detection.build.pickled import built, caught, extended, made, made_with, stored
from bench.detection.sample import Sample
from tests.malicious.pickles import call, named

_SOURCE = "the opcodes that change what is on the stack, on names that a look-up puts there"
_NEW = "types whose __new__ acts, searched for in Python's library, numpy and torch"
_FILE = "/tmp/of-nobody-203.0.113.7"
_PRINT = named("builtins", "print")

_ROWS = (
    (
        "table_environment",
        "SETITEM on os.environ",
        _SOURCE,
        stored(named("os", "environ"), "LD_PRELOAD", f"{_FILE}.so"),
    ),
    ("table_modules", "SETITEM on sys.modules", _SOURCE, stored(named("sys", "modules"), "json", None)),
    ("table_path", "APPENDS on sys.path", _SOURCE, extended(named("sys", "path"), _FILE)),
    ("table_finders", "APPENDS on sys.meta_path", _SOURCE, extended(named("sys", "meta_path"), _PRINT)),
    ("table_collector", "APPENDS on gc.callbacks", _SOURCE, extended(named("gc", "callbacks"), _PRINT)),
    (
        "table_reducers",
        "SETITEM on copyreg.dispatch_table",
        _SOURCE,
        stored(named("copyreg", "dispatch_table"), named("builtins", "int"), _PRINT),
    ),
    (
        "table_module",
        "BUILD of a module",
        _SOURCE,
        built(named("torch", "serialization"), {"_get_restore_location": None}),
    ),
    (
        "table_registry",
        "APPENDS on torch.serialization's registry",
        _SOURCE,
        extended(named("torch.serialization", "_package_registry"), (1, _PRINT, _PRINT)),
    ),
    ("table_class", "BUILD of a class that opens files", _SOURCE, built(named("io", "FileIO"), {"close": None})),
    (
        "new_memmap",
        "NEWOBJ of numpy.memmap, which opens a file",
        _NEW,
        made(named("numpy", "memmap"), _FILE, "uint8", "w+"),
    ),
    (
        "new_memmap_options",
        "NEWOBJ_EX of numpy.memmap",
        _NEW,
        made_with(named("numpy", "memmap"), (_FILE,), {"mode": "w+", "shape": 16}),
    ),
    (
        "new_memmap_helper",
        "copyreg.__newobj__ of numpy.memmap",
        _NEW,
        call("copyreg", "__newobj__", named("numpy", "memmap"), _FILE),
    ),
    ("new_mmap", "NEWOBJ of mmap.mmap", _NEW, made(named("mmap", "mmap"), 0, 4096)),
    ("new_import", "a look-up in a module that acts when it is imported", _NEW, named("antigravity", "geohash")),
)

_CHANGED = "global.table.changed oddity.patch reader.incomplete"
_CAUGHT = (
    (
        "global.table.changed oddity.patch reader.incomplete",
        "",
        "table_environment table_modules table_path table_finders table_collector table_reducers table_module",
    ),
    ("global.table.changed oddity.patch reader.incomplete", "", "table_registry"),
    ("global.dangerous.new", "", "new_memmap new_memmap_options"),
    ("global.dangerous.changed oddity.patch reader.incomplete", "", "table_class"),
    ("global.dangerous.new oddity.handed", "", "new_memmap_helper"),
    ("global.dangerous.new", "load.failed", "new_mmap"),
    ("global.dangerous.imported", "", "new_import"),
)

SAMPLES: tuple[Sample, ...] = caught(_ROWS, _CAUGHT)
