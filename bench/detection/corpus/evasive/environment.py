"""Environment: acting for one user, on one machine, in one place."""

from __future__ import annotations

from bench.detection.build.evading import ACT, PROGRAM, only_if, source

_ENVIRON = "import os"

SAMPLES = (
    only_if("home", "acts in one user's home", "os.environ.get('HOME') == '/home/alice'", setup=_ENVIRON),
    only_if(
        "home_any", "acts in anybody's home", "os.environ.get('HOME', '').startswith('/home')", PROGRAM, setup=_ENVIRON
    ),
    only_if("user", "acts for one user", "os.environ.get('USER') == 'alice'", setup=_ENVIRON),
    only_if("ci", "acts on build machines", "os.environ.get('CI')", setup=_ENVIRON),
    only_if("not_ci", "keeps still on build machines", "not os.environ.get('CI')", PROGRAM, setup=_ENVIRON),
    only_if("aws", "acts where there are a cloud's keys", "'AWS_ACCESS_KEY_ID' in os.environ", PROGRAM, setup=_ENVIRON),
    only_if(
        "hub", "acts where there is a hub's token", "'HF_TOKEN' in os.environ", PROGRAM, setup=_ENVIRON, file="model.pt"
    ),
    only_if("display", "acts where somebody sits at a screen", "os.environ.get('DISPLAY')", setup=_ENVIRON),
    only_if("ssh", "acts in a session from afar", "os.environ.get('SSH_CONNECTION')", setup=_ENVIRON),
    only_if(
        "proxy",
        "acts behind one company's proxy",
        "'corp.example' in os.environ.get('HTTPS_PROXY', '')",
        setup=_ENVIRON,
    ),
    only_if("cwd", "acts in one project's folder", "os.getcwd().endswith('/prod')", setup=_ENVIRON),
    only_if("argv", "acts in one program", "'serve' in ' '.join(sys.argv)", setup="import sys"),
    only_if("terminal", "acts at a terminal", "sys.stdin and sys.stdin.isatty()", setup="import sys"),
    only_if("hostname", "acts on one machine", "socket.gethostname() == 'prod-gpu-1'", setup="import socket"),
    only_if("root", "acts for root", "os.getuid() == 0", setup=_ENVIRON),
    only_if(
        "locale",
        "keeps still where one language is spoken",
        "os.environ.get('LANG', '').startswith('ru')",
        setup=_ENVIRON,
    ),
    only_if("timezone", "acts in one time zone", "time.tzname[0] == 'JST'", setup="import time"),
    only_if(
        "keyboard",
        "looks for the keyboard's layout",
        "keyboard.find('ru') > 0",
        setup="""
            try:
                keyboard = open('/etc/default/keyboard').read()
            except OSError:
                keyboard = ''
        """,
    ),
    only_if(
        "hashed_key",
        "acts where a hash of the environment fits: nobody can tell where that is",
        "hashlib.sha256(os.environ.get('LOGNAME', '').encode()).hexdigest().startswith('00000000')",
        setup="import hashlib, os",
    ),
    source(
        "environment_key",
        "a payload that only one machine's name decrypts",
        """
        import hashlib, socket
        key = hashlib.sha256(socket.gethostname().encode()).digest()
        text = bytes(a ^ b for a, b in zip(bytes(range(32)), key))
        try:
            exec(text.decode("ascii"))
        except (UnicodeDecodeError, SyntaxError, ValueError):
            pass
        """,
        unexamined=("on another system",),
    ),
    source(
        "parent_process",
        "looks who started it",
        f"""
        import os
        try:
            parent = open("/proc/%d/cmdline" % os.getppid()).read()
        except OSError:
            parent = ""
        if "jupyter" in parent:
            {ACT.replace(chr(10), "; ")}
        """,
        "event.read.sandbox",
        unexamined=("on another system",),
    ),
)
