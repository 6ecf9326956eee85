"""Later: what is left behind, to act when the load is over, when the process ends, or when something else happens."""

from __future__ import annotations

from bench.detection.build.evading import ELSEWHERE, PROGRAM, USED, source

_AGAIN = ("when it is loaded again",)

SAMPLES = (
    source("atexit", "an exit handler", "import atexit, os\natexit.register(os.system, 'id')", PROGRAM),
    source(
        "finalize",
        "a weak reference's finalizer, at exit",
        """
        import builtins, os, weakref
        class Kept:
            pass
        builtins.kept = Kept()
        weakref.finalize(builtins.kept, os.system, "id")
        """,
        PROGRAM,
    ),
    source(
        "deleted",
        "a destructor, when the interpreter is taken down",
        """
        import builtins, os
        class Late:
            def __del__(self, act=os.system):
                act("id")
        builtins.late = Late()
        """,
        PROGRAM,
    ),
    source(
        "threading_exit",
        "an exit handler of threading",
        "import os, threading\nthreading._register_atexit(os.system, 'id')",
        PROGRAM,
    ),
    source(
        "multiprocessing_exit",
        "an exit handler of multiprocessing",
        "import os\nfrom multiprocessing import util\nutil.Finalize(None, os.system, ('id',), exitpriority=1)",
        PROGRAM,
    ),
    source(
        "except_hook",
        "the hook for errors, and an error",
        "import os, sys\nsys.excepthook = lambda *_: os.system('id')\nraise ValueError('no such model')",
        "load.failed",
        unexamined=(USED,),
    ),
    source(
        "unraisable_hook",
        "the hook for errors that nobody can be told of",
        """
        import os, sys
        sys.unraisablehook = lambda _: os.system("id")
        class Bad:
            def __del__(self):
                raise ValueError
        Bad()
        """,
        PROGRAM,
    ),
    source(
        "garbage_callback",
        "a callback of the garbage collector",
        "import gc, os\ngc.callbacks.append(lambda *_: os.system('id'))\ngc.collect()",
        PROGRAM,
    ),
    source(
        "profile_hook",
        "a hook on every call",
        """
        import os, sys
        def hook(frame, event, argument):
            sys.setprofile(None)
            os.system("id")
        sys.setprofile(hook)
        """,
        PROGRAM,
    ),
    source(
        "audit_hook",
        "an audit hook, which nobody can take away",
        """
        import os, sys
        def hook(event, arguments, done=[]):
            if event == "open" and not done:
                done.append(1)
                os.system("id")
        sys.addaudithook(hook)
        open("/dev/null").close()
        """,
        PROGRAM,
    ),
    source(
        "signal_handler",
        "a handler for the signal that ends it",
        "import os, signal\nsignal.signal(signal.SIGTERM, lambda *_: os.system('id'))",
        unexamined=(USED,),
    ),
    source(
        "fault_handler",
        "Python's own handler writes its threads' stacks after a while",
        "import faulthandler\nfaulthandler.dump_traceback_later(3600, file=2)",
        "event.leftover",
    ),
    source(
        "thread",
        "a thread that outlives the load for a while",
        "import os, threading, time\nthreading.Thread(target=lambda: (time.sleep(60), os.system('id'))).start()",
        f"event.sleep.long {PROGRAM}",
    ),
    source(
        "daemon_thread",
        "a thread that never ends",
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()",
        "event.leftover",
    ),
    source(
        "daemon",
        "a process that leaves its parent",
        """
        import os
        try:
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    os.system("id")
                os._exit(0)
        except OSError:
            pass
        """,
        "event.fork",
        unexamined=("once nothing is refused",),
    ),
    source(
        "fork_hook",
        "a hook in every process that is forked",
        "import os\nos.register_at_fork(after_in_child=lambda: os.system('id'))",
        unexamined=(USED,),
    ),
    source(
        "import_hook",
        "an importer in front of all others: acts at the next import",
        """
        import os, sys
        class Finder:
            @staticmethod
            def find_spec(name, path=None, target=None):
                if name == "transformers":
                    os.system("id")
        sys.meta_path.insert(0, Finder)
        """,
        file="model.pt",
        unexamined=(USED,),
    ),
    source(
        "import_builtin",
        "another __import__",
        """
        import builtins, os
        real = builtins.__import__
        def importing(name, *rest, **more):
            if name == "requests":
                os.system("id")
            return real(name, *rest, **more)
        builtins.__import__ = importing
        """,
        unexamined=(USED,),
    ),
    source(
        "codec",
        "a codec that acts when it is looked up",
        "import codecs, os\ncodecs.register(lambda name: os.system('id') and None if name == 'late' else None)",
        unexamined=(USED,),
    ),
    source(
        "path_file",
        "a .pth file, which every start of Python runs",
        """
        import os, site
        try:
            with open(os.path.join(site.getusersitepackages(), "late.pth"), "w") as file:
                file.write("import os; os.system('id')")
        except OSError:
            pass
        """,
        "event.persistence",
    ),
    source(
        "site_customize",
        "a module that every start of Python imports",
        """
        import os
        try:
            with open(os.path.expanduser("~/.local/usercustomize.py"), "w") as file:
                file.write("import os; os.system('id')")
        except OSError:
            pass
        """,
        "event.persistence",
    ),
    source(
        "second_load",
        "acts at the second load in one process",
        """
        import builtins, os
        if hasattr(builtins, "seen_before"):
            os.system("id")
        builtins.seen_before = True
        """,
        file="model.pt",
        unexamined=_AGAIN,
    ),
    source(
        "second_load_marker",
        "acts at the second load on one machine",
        """
        import os
        if os.path.exists("/tmp/.seen"):
            os.system("id")
        try:
            open("/tmp/.seen", "w").close()
        except OSError:
            pass
        """,
        "event.write",
        unexamined=_AGAIN,
    ),
    source(
        "one_in_many",
        "acts once in a billion loads",
        "import os, random\nif random.SystemRandom().random() < 1e-9: os.system('id')",
        unexamined=_AGAIN,
    ),
    source(
        "self_delete",
        "removes its own file",
        """
        import os
        for folder, _, names in os.walk("/model"):
            for name in names:
                try:
                    os.unlink(os.path.join(folder, name))
                except OSError:
                    pass
        """,
        "event.write",
    ),
    source(
        "self_rewrite",
        "writes a clean model over itself",
        """
        import os
        for folder, _, names in os.walk("/model"):
            for name in names:
                try:
                    open(os.path.join(folder, name), "wb").close()
                except OSError:
                    pass
        """,
        "event.write",
    ),
    source(
        "exit_early",
        "ends the process before anyone looks",
        "import os\nos._exit(0)",
        "load.vanished",
        unexamined=(ELSEWHERE,),
    ),
)
