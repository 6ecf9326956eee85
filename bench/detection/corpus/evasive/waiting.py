"""Time: acting from a day on, or only once whoever watches has gone."""

from __future__ import annotations

from bench.detection.build.evading import ACT, PROGRAM, only_if, source

_LATER = "4102444800"  # 2100-01-01

SAMPLES = (
    only_if("date_time", "acts from a day on, by time.time", f"time.time() > {_LATER}", setup="import time"),
    only_if(
        "date_datetime",
        "acts from a day on, by datetime",
        "datetime.datetime.now() > datetime.datetime(2100, 1, 1)",
        setup="import datetime",
    ),
    only_if(
        "date_clock",
        "acts from a day on, by clock_gettime itself",
        f"int.from_bytes(now[:8], 'little') > {_LATER}",
        setup="""
            import ctypes
            now = ctypes.create_string_buffer(16)
            ctypes.CDLL(None).clock_gettime(0, now)
        """,
    ),
    only_if(
        "date_of_a_file",
        "acts from a day on, by the times of files",
        f"max(os.stat(path).st_mtime for path in ('/tmp', '/proc', '/usr')) > {_LATER}",
        setup="import os",
    ),
    only_if("date_weekday", "acts on one day of one month", "time.gmtime()[1:3] == (2, 30)", setup="import time"),
    only_if(
        "uptime_clock",
        "acts on a machine that has been up for years",
        "time.clock_gettime(time.CLOCK_BOOTTIME) > 1e9",
        setup="import time",
    ),
    only_if(
        "uptime_file",
        "acts on a machine that has been up for years, by /proc",
        "float(open('/proc/uptime').read().split()[0]) > 1e9",
        "event.read.sandbox",
    ),
    only_if(
        "clock_skips",
        "acts where a sleep takes as long as it should, and not at once as in sandboxes",
        "time.monotonic() - before > 1.5",
        "event.sleep.long",
        setup="import time\nbefore = time.monotonic()\ntime.sleep(2)",
    ),
    source(
        "sleep_hour", "sleeps for an hour first", f"import time\ntime.sleep(3600)\n{ACT}", f"event.sleep.long {PROGRAM}"
    ),
    source(
        "sleep_loop",
        "sleeps a little, thousands of times",
        f"import time\nfor _ in range(3000): time.sleep(0.01)\n{ACT}",
        f"event.sleep.often {PROGRAM}",
    ),
    source(
        "sleep_until",
        "sleeps until an absolute time",
        f"""
        import ctypes, struct, time
        until = struct.pack("<qq", int(time.time()) + 86400, 0)
        ctypes.CDLL(None).syscall(230, 0, 1, until, None)
        {ACT.replace(chr(10), "; ")}
        """,
        f"event.sleep.long {PROGRAM}",
    ),
    source(
        "busy_loop",
        "computes for a while first",
        f"import time\nwhile time.process_time() < 1: pass\n{ACT}",
        PROGRAM,
    ),
    source("select_wait", "waits by select", f"import select\nselect.select([], [], [], 0.4)\n{ACT}", PROGRAM),
    source("poll_wait", "waits by poll", f"import select\nselect.poll().poll(400)\n{ACT}", PROGRAM),
    source("epoll_wait", "waits by epoll", f"import select\nselect.epoll().poll(0.4)\n{ACT}", PROGRAM),
    source(
        "futex_wait",
        "waits for a lock that nobody gives back",
        f"import threading\nthreading.Event().wait(0.4)\n{ACT}",
        PROGRAM,
    ),
    source(
        "sigtimedwait",
        "waits for a signal that nobody sends",
        f"import signal\nsignal.sigtimedwait({{signal.SIGUSR1}}, 0.4)\n{ACT}",
        PROGRAM,
    ),
    source(
        "timer_thread",
        "a timer's thread acts after the load",
        "import os, threading\nthreading.Timer(0.5, os.system, ('id',)).start()",
        PROGRAM,
    ),
    source(
        "timer_hour",
        "a timer's thread waits longer than anyone watches",
        "import os, threading\ntimer = threading.Timer(3600, os.system, ('id',))\ntimer.daemon = True\ntimer.start()",
        "event.leftover",
    ),
    source(
        "scheduler",
        "the standard library's scheduler",
        "import os, sched\nevents = sched.scheduler()\nevents.enter(1, 1, os.system, ('id',))\nevents.run()",
        f"event.sleep.long {PROGRAM}",
    ),
    source(
        "coroutine",
        "a coroutine sleeps first",
        """
        import asyncio, os
        async def late():
            await asyncio.sleep(0.4)
            os.system("id")
        asyncio.run(late())
        """,
        PROGRAM,
    ),
    source(
        "alarm",
        "an alarm's handler acts",
        "import os, signal\nsignal.signal(signal.SIGALRM, lambda *_: os.system('id'))\nsignal.alarm(1)",
        "event.alarm",
    ),
    source(
        "interval_timer",
        "an interval timer's handler acts",
        """
        import os, signal
        signal.signal(signal.SIGPROF, lambda *_: os.system("id"))
        try:
            signal.setitimer(signal.ITIMER_PROF, 0.2, 0.2)
        except OSError:
            pass
        """,
        "event.alarm",
    ),
    source(
        "marker_poll",
        "polls for a file that its master would make",
        f"""
        import os, time
        for _ in range(1500):
            if os.path.exists("/tmp/.go"):
                {ACT.replace(chr(10), "; ")}
            time.sleep(0.02)
        """,
        "event.sleep.often",
        unexamined=("on another system",),
    ),
    source(
        "slow_steps",
        "a little of it in each of many threads",
        """
        import os, threading, time
        def step(at):
            time.sleep(0.002 * at)
            if at == 40:
                os.system("id")
        for at in range(41):
            threading.Thread(target=step, args=(at,)).start()
        """,
        PROGRAM,
    ),
)
