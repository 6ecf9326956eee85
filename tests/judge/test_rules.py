"""Every row of the rules has evidence that triggers it, and near misses that don't."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox.facts import Evidence, FormatFact, Hint, Input, TextFact, Verdict
from sandbox.judge import judge
from tests.judge.rows import (
    CLEAN,
    DYNAMIC,
    ENDED,
    READ_ONLY,
    RULES,
    SECRET,
    TORCH,
    absent,
    compared,
    dynamic,
    event,
    events,
    host,
    oddities,
    static,
    string,
    strings,
    use,
    uses,
)

ONNX = FormatFact("onnx", supported=False, primary=True, by="content")
UNIX = {"family": "AF_UNIX"}


def opened(files: int) -> Evidence:
    """So many of the home's files were opened, each once."""
    return events(*(event("home.read", "inotify", path=f"/home/user/Documents/{at}.odt") for at in range(files)))


def beside(text: TextFact) -> Evidence:
    """With something dangerous that is called."""
    return static(texts=(text,), globals=(use("posix.system"),))


# rule: (evidence that triggers it, near misses)
ROWS: dict[str, tuple[Evidence, tuple[Evidence, ...]]] = {
    "event.program": (
        events(event("process.exec", "execve", path="/bin/sh", argv="sh -c id")),
        (events(event("process.fork", "vfork", flags="vfork")),),
    ),
    "event.connect.engine": (
        events(event("net.connect", "connect", path="/var/run/docker.sock", **UNIX)),
        (events(event("net.connect", "connect", path="/run/nscd/socket", **UNIX)),),
    ),
    "event.connect.names": (
        events(event("net.connect", "connect", path="/var/run/nscd/socket", **UNIX)),
        (events(event("net.connect", "connect", path="/var/run/nscd/socket.evil", **UNIX)),),
    ),
    "event.connect.local": (
        events(event("net.connect", "connect", path="/tmp/.X11-unix/X0", **UNIX)),
        (events(event("net.connect", "connect", address="203.0.113.7", port="1", family="AF_INET")),),
    ),
    "event.connect.metadata": (
        events(event("net.connect", "connect", address="169.254.169.254", port="80", family="AF_INET")),
        (events(event("net.connect", "connect", address="169.254.169.25", port="80", family="AF_INET")),),
    ),
    "event.connect.resolver": (
        events(event("net.connect", "connect", address="198.51.100.53", port="53", family="AF_INET")),
        (events(event("net.connect", "connect", address="198.51.100.53", port="5353", family="AF_INET")),),
    ),
    "event.connect": (
        events(event("net.connect", "connect", address="203.0.113.7", port="4444", family="AF_INET")),
        (events(event("net.socket", "socket", family="AF_INET")),),
    ),
    "event.send": (
        events(event("net.send", "sendto", value="x")),
        (events(event("net.dns", "sendto", name="x.invalid")),),
    ),
    "event.dns": (
        events(event("net.dns", "sendto", name="x.invalid")),
        (events(event("net.send", "sendto", value="x")),),
    ),
    "event.tool": (
        events(event("net.connect", "connect", answer="faked", address="192.0.2.1", port="9")),
        (events(event("net.connect", "connect", address="192.0.2.1", port="80")),),
    ),
    "event.led": (
        events(event("net.led", "sendto", answer="continued")),
        (events(event("net.send", "sendto", value="x")),),
    ),
    "event.copy": (
        events(event("net.copy", "sendfile", answer="continued")),
        (events(event("other.denied", "sendfile")),),
    ),
    "event.finder": (
        events(event("finder.gap", "finder", answer="continued", value="there was no time left")),
        (events(event("decoy.sent", "finder", name="AWS credentials", address="203.0.113.9", port="80")),),
    ),
    "event.listen": (events(event("net.listen", "bind")), (events(event("net.socket", "socket", family="AF_INET")),)),
    "event.socket.raw": (
        events(event("net.socket", "socket", family="AF_VSOCK")),
        (events(event("net.socket", "socket", family="AF_INET6")),),
    ),
    "event.socket": (
        events(event("net.socket", "socket", family="AF_INET")),
        (events(event("net.socket", "socket", family="AF_UNIX")),),
    ),
    "event.socket.local": (
        events(event("net.socket", "socket", family="AF_UNIX")),
        (events(event("net.socket", "socket", family="AF_INET")),),
    ),
    "event.socket.other": (
        events(event("net.socket", "socket", family="AF_NETLINK")),
        (events(event("net.socket", "socket", family="AF_UNIX")),),
    ),
    "event.decoy": (
        events(event("decoy.read", "inotify", name="AWS credentials", path="/home/user/.aws/credentials")),
        (events(event("file.read", "openat", path="/usr/lib/libm.so.6")),),
    ),
    "event.exfiltration": (
        events(event("decoy.sent", "search", name="AWS credentials", address="203.0.113.9", port="80", value="base64")),
        (events(event("decoy.read", "inotify", name="AWS credentials", path="/home/user/.aws/credentials")),),
    ),
    "event.exfiltration.collected": (
        events(event("decoy.written", "search", name="AWS credentials", path="/tmp/x", value="plain")),
        (events(event("decoy.read", "inotify", name="AWS credentials", path="/home/user/.aws/credentials")),),
    ),
    "event.exfiltration.passed": (
        events(event("decoy.passed", "finder", name="AWS credentials", path="curl", value="gzip, base64")),
        (events(event("process.exec", "execve", argv="curl")),),
    ),
    "event.home.sweep": (
        opened(10),
        (opened(9), events(event("home.read", "inotify", path="/home/user/notes.txt", count=99))),
    ),
    "event.home.read": (opened(1), (opened(10),)),
    "event.home.list": (events(event("home.list", "inotify", path="/home/user")), (opened(1),)),
    "event.home.rewrite": (
        events(*(event("file.write", "openat", path=f"/home/user/Documents/{at}.odt") for at in range(10))),
        (
            events(*(event("file.write", "openat", path=f"/home/user/Documents/{at}.odt") for at in range(9))),
            events(*(event("file.write", "openat", path=f"/home/user/.cache/fonts/{at}") for at in range(10))),
            events(*(event("file.write", "openat", path=f"/tmp/{at}") for at in range(10))),
            opened(10),
        ),
    ),
    "event.persistence": (
        events(event("file.write", "openat", path="/home/user/.ssh/authorized_keys")),
        (
            events(event("file.write", "openat", path="/tmp/x")),
            events(event("file.read", "openat", path="/home/user/.ssh/authorized_keys")),
        ),
    ),
    "event.persistence.target": (
        events(event("file.rename", "rename", path="/tmp/x", target="/home/user/.bashrc")),
        (events(event("file.rename", "rename", path="/tmp/x", target="/tmp/y")),),
    ),
    "event.destroy": (
        events(event("file.delete", "unlink", path="/home/user/thesis.tex")),
        (events(event("file.delete", "unlink", path="/tmp/x")),),
    ),
    "event.write.own": (
        events(event("file.write", "openat", path="/dev/null")),
        (events(event("file.write", "openat", path="/dev/nullx")),),
    ),
    "event.write": (
        events(event("file.write", "openat", path="/tmp/x")),
        (events(event("file.write", "openat", path="/dev/null")),),
    ),
    "event.read.secret": (
        events(event("file.read", "openat", path="/etc/shadow")),
        (events(event("file.read", "openat", path="/etc/localtime")),),
    ),
    "event.read.sandbox": (
        events(event("file.probe", "stat", path="/.dockerenv")),
        (events(event("file.probe", "stat", path="/usr/lib")),),
    ),
    "event.read": (
        events(event("file.read", "openat", path="/usr/lib/libm.so.6")),
        (events(event("file.read", "openat", path="/etc/shadow")),),
    ),
    "event.library": (events(event("memory.library", "mmap")), (events(event("memory.exec", "mmap")),)),
    "event.fork": (events(event("process.fork", "clone")), (events(event("memory.library", "mmap")),)),
    "event.process": (
        events(event("process.exit", "exit", value="0"), event("process.image", "openat", parent="7", argv="sh")),
        (events(event("process.fork", "clone")), events(event("process.exec", "execve", argv="sh"))),
    ),
    "event.signal": (events(event("signal.send", "kill", target="1")), (events(event("process.fork", "clone")),)),
    "event.escape": (events(event("escape.io_uring", "io_uring_setup")), (events(event("other.denied", "uname")),)),
    "event.foreign": (events(event("abi.foreign", "foreign", value="20")), (events(event("other.denied", "uname")),)),
    "event.tamper": (events(event("watch.tamper", "prctl")), (events(event("other.denied", "prctl")),)),
    "event.privilege": (events(event("privilege", "setuid")), (events(event("other.denied", "getuid")),)),
    "event.memory.file": (events(event("memory.memfd", "memfd_create")), (events(event("memory.exec", "mmap")),)),
    "event.memory.code": (events(event("memory.exec", "mmap")), (events(event("memory.library", "mmap")),)),
    "event.sleep.long": (
        events(event("time.sleep", "nanosleep", value="0.2", count=6)),
        (events(event("time.sleep", "nanosleep", value="0.2", count=4)),),
    ),
    "event.sleep.often": (
        events(event("time.sleep", "nanosleep", value="0.0001", count=2000)),
        (events(event("time.sleep", "nanosleep", value="0.0001", count=999)),),
    ),
    "event.sleep": (
        events(event("time.sleep", "nanosleep", value="0.2")),
        (events(event("time.sleep", "nanosleep", value="2")),),
    ),
    "event.limit.processes": (events(event("limit.processes")), (events(event("limit.memory")),)),
    "event.limit.time": (events(event("limit.time", value="60")), (events(event("limit.memory")),)),
    "event.limit.memory": (events(event("limit.memory", size="60")), (events(event("limit.time")),)),
    "event.limit": (events(event("limit.other", value="60")), (events(event("limit.processes")),)),
    "event.cpu.after": (
        events(event("cpu.after_load", "sample", value="1.93")),
        (events(event("cpu.after_load", "sample", value="0.99")),),
    ),
    "event.cpu.after.some": (
        events(event("cpu.after_load", "sample", value="0.40")),
        (
            events(event("cpu.after_load", "sample", value="0.39")),
            events(event("cpu.after_load", "sample", value="1.00")),
        ),
    ),
    "event.cpu.after.little": (
        events(event("cpu.after_load", "sample", value="0.12")),
        (events(event("cpu.after_load", "sample", value="0.40")), CLEAN),
    ),
    "event.cpu.load": (events(event("cpu.load", "sample", value="31.50")), (CLEAN,)),
    "event.leftover": (events(event("leftover", "exit", value="1")), (events(event("limit.time")),)),
    "event.home.root": (
        events(event("file.read", "openat", path="/home/user")),
        (events(event("file.probe", "stat", path="/home/user")), events(event("file.read", path="/home/user/x"))),
    ),
    "event.read.processes": (
        events(event("file.read", "openat", path="/proc")),
        (
            events(event("file.probe", "stat", path="/proc")),
            events(event("file.read", "openat", path="/proc/self/maps")),
        ),
    ),
    "event.trace.self": (
        events(event("process.trace", "ptrace", value="0x0", target="0x0")),
        (events(event("process.trace", "ptrace", value="0x10", target="0x1")),),
    ),
    "event.watch.asked": (
        events(event("watch.tamper", "prctl", value="0x15")),
        (events(event("watch.tamper", "prctl", value="0x16")), events(event("watch.tamper", "seccomp", value="0x15"))),
    ),
    "event.alarm": (
        events(event("other.denied", "setitimer")),
        (events(event("other.denied", "timer_gettime")),),
    ),
    "event.other.harmless": (events(event("other.denied", "uname")), (events(event("other.denied", "vhangup")),)),
    "event.other": (events(event("other.denied", "vhangup")), (events(event("other.denied", "uname")),)),
    "event.unknown": (events(event("new.kind")), (events(event("file.read", path="/usr/lib")),)),
    "global.table.changed": (
        uses(use("os.environ", "change", "")),
        (
            uses(use("os.environ", "reference", "")),
            uses(use("collections.OrderedDict", "change", "")),
            uses(use("pkg.table", "change", "")),
        ),
    ),
    "global.dangerous.changed": (
        uses(use("io.FileIO", "change", "")),
        (uses(use("io.FileIO", "build", "")), uses(use("pkg.Table", "change", ""))),
    ),
    "global.dangerous.imported": (
        uses(use("antigravity.geohash", "reference", "")),
        (uses(use("pkg.antigravity", "reference", "")),),
    ),
    "global.dangerous.new": (
        uses(use("numpy.memmap", "newobj", "('/etc/passwd',)")),
        (uses(use("numpy.memmap", "newobj", "()")), uses(use("numpy.memmap", "subtype", "((0,), b'b')"))),
    ),
    "global.framework.made": (
        uses(use("torch.distributed._mesh_layout._MeshLayout", "newobj", "()")),
        (
            uses(use("torch.distributed._mesh_layout._MeshLayout", arguments="((2,), (1,))")),
            uses(use("torch.distributed.elastic.multiprocessing.api.PContext", "newobj", "()")),
            uses(use("torch.distributed.fsdp._fully_shard._fsdp_api.AllGather", "build", "{}")),
            uses(use("torch.nn.parameter._ParameterMeta", "newobj", "('X', (), {})")),
            uses(use("torch.distributed.tensor.debug", "build", "{}")),
        ),
    ),
    "global.dangerous.reader": (
        uses(use("torchvision.datasets.folder.default_loader", "reference", "")),
        (
            uses(use("torchvision.datasets.folder.default_loader", arguments="('/home/user/.ssh/id_rsa',)")),
            uses(use("torchvision.datasets.utils.download_url", "reference", "")),
            uses(use("numpy.load", "reference", "")),
        ),
    ),
    "global.dangerous.expression": (
        uses(use("sympy.functions.elementary.trigonometric.sin", "newobj", "(sympy.core.symbol.Symbol('x',),)")),
        (
            uses(use("sympy.polys.matrices.domainmatrix.DomainMatrix", arguments="({0: {0: 'open(1)'}}, (1, 1))")),
            uses(use("sympy.matrices.dense.MutableDenseMatrix", "build", "{'rows': pkg.run}")),
            uses(use("sympy.functions.elementary.trigonometric.sin", "newobj", "('open(1)',)")),
            uses(use("sympy.core.containers.Tuple", "newobj", "(1, ...)")),
            uses(use("sympy.core.containers.Tuple", "newobj", "([...],)")),
            uses(use("sympy.core.sympify.sympify", arguments="('x',)")),
            uses(use("sympy.utilities.lambdify.lambdify", arguments="('x',)")),
        ),
    ),
    "global.dangerous.made": (
        uses(use("redis.client.Redis", "newobj", "('redis://203.0.113.7/',)")),
        (uses(use("redis.client.Redis", "newobj", "()")), uses(use("subprocess.Popen", "newobj", "(['id'],)"))),
    ),
    "global.dangerous.class": (
        uses(use("langchain_core.documents.base.Document", "newobj", "()")),
        (
            uses(use("langchain_core.documents.base.Document", arguments="('x',)")),
            uses(use("langchain_core.documents.base.load", "reference", "")),
            uses(use("s3fs.core.S3File", "build", "")),
            uses(use("docker.client.DockerClient", "newobj", "()")),
            uses(use("subprocess.Popen", "newobj", "()")),
            uses(use("vendored.subprocess.STARTUPINFO", "newobj", "()")),
            uses(use("gymnasium.wrappers.array_conversion.ArrayConversion", "build", "")),
        ),
    ),
    "global.dangerous.called": (
        uses(use("posix.system", arguments="('id',)")),
        (uses(use("posix.system", "reference", "")), uses(use("posix.stat_result", arguments="((),)"))),
    ),
    "global.dangerous.mapped": (
        uses(use("numpy.memmap", "subtype", "((0,), b'b')"), use("functools.partial", arguments="(pkg.f,)")),
        (
            uses(use("numpy.memmap", "newobj", "('/etc/passwd',)")),
            uses(use("numpy.memmap", arguments="((0,), b'b')")),
            uses(use("posix.system", "subtype", "((0,), b'b')")),
        ),
    ),
    "global.dangerous.kept": (
        uses(use("posix.system", "kept", "('id',)")),
        (uses(use("wandb.sdk.data_types.table.Table", "kept")), uses(use("numpy.zeros", "kept", "(4,)"))),
    ),
    "global.dangerous.passed": (
        uses(use("os.system", "reference", ""), use("functools.partial", arguments="(os.system, 'id')")),
        (
            uses(use("os.system", "reference", "")),
            uses(use("os.system", "reference", ""), use("pkg.Runner", arguments="(os.system,)")),
            uses(use("os.system", "reference", ""), use("pkg.Runner", arguments="('os.system', 'id')")),
            uses(use("builtins.getattr", arguments="(inspect._ParameterKind, 'POSITIONAL_ONLY')")),
        ),
    ),
    "global.dangerous.named": (
        uses(use("os.system", "reference", "")),
        (uses(use("torch.nn.init.constant_", "reference", "")),),
    ),
    "global.inside.called": (
        uses(use("pkg.thing.__globals__.get", arguments="('x',)")),
        (uses(use("__main__.Net", "newobj")),),
    ),
    "global.inside.named": (uses(use("pkg.__dict__", "reference", "")), (uses(use("__main__.Net", "reference", "")),)),
    "global.code.name": (
        uses(use("dill._dill._load_type", arguments="('IntType',)")),
        (
            uses(use("dill._dill._load_type", arguments="('CodeType',)")),
            uses(use("dill._dill._load_type", arguments="('FunctionType',)")),
            uses(use("dill._dill._load_type", arguments="('IntType',)", indirect=True)),
        ),
    ),
    "global.code.types": (
        uses(use("cloudpickle.cloudpickle._builtin_type", arguments="('CodeType',)")),
        (uses(use("cloudpickle.cloudpickle._fill_function", arguments="({},)")),),
    ),
    "global.code.called": (
        uses(use("cloudpickle.cloudpickle._make_function", indirect=True)),
        (uses(use("cloudpickle.cloudpickle._make_function")),),
    ),
    "global.code.carried": (
        uses(use("cloudpickle.cloudpickle._fill_function", arguments="({},)")),
        (uses(use("collections.OrderedDict")),),
    ),
    "global.resolver.bound": (
        uses(
            use("builtins.getattr", arguments="(re._compile('run', 32), 'sub')"),
            use("builtins.getattr", arguments="({'a': 1}, '__getitem__')"),
            use("builtins.getattr", arguments="(itertools.count(3,), '__next__')"),
            use("builtins.getattr", arguments="(numpy.logical_or, 'reduce')"),
        ),
        (
            uses(use("builtins.getattr", arguments="({'a': 1}, '__class__')")),
            uses(use("builtins.getattr", arguments="(re._compile('run', 32), '__getstate__')")),
            uses(use("builtins.getattr", arguments="(re, 'sub')")),
            uses(use("builtins.getattr", arguments="(numpy.f2py, 'os')")),
            uses(use("builtins.getattr", arguments="(numpy.frompyfunc(pkg.run, 1, 1), 'reduce')")),
            uses(use("builtins.getattr", arguments="(builtins.map(pkg.run, ['x']), '__next__')")),
            uses(use("builtins.getattr", arguments="(itertools.count(pkg.Step(),), '__next__')")),
            uses(use("builtins.getattr", arguments="({'a': 1}, 'get')", indirect=True)),
        ),
    ),
    "global.resolver.machinery": (
        uses(use("builtins.getattr", arguments="(pkg, 'system')")),
        (uses(use("builtins.getattr", arguments="(pkg.Kind, 'EPOCH')")),),
    ),
    "global.resolver.member": (
        uses(use("builtins.getattr", arguments="(pkg.Kind, 'EPOCH')")),
        (
            uses(use("builtins.getattr", arguments="(pkg.Kind, 'method')")),
            uses(use("builtins.getattr", arguments="(pkg.Kind, 'EPOCH')", indirect=True)),
        ),
    ),
    "global.resolver.annotation": (
        uses(use("operator.getitem", arguments="(typing.Union, (builtins.int, builtins.type(None,)))")),
        (
            uses(use("operator.getitem", arguments="(pkg.Table, 'a')")),
            uses(use("builtins.type", arguments="('X', (), {})")),
            uses(use("builtins.type", arguments="(pkg.Net(),)")),
        ),
    ),
    "global.resolver.method": (
        uses(use("builtins.getattr", arguments="(pkg.Image, 'create')")),
        (
            uses(use("builtins.getattr", arguments="(numpy.ndarray, 'tofile')")),
            uses(use("builtins.getattr", arguments="(pkg.image, 'create')")),
            uses(use("builtins.getattr", arguments="(pkg.Image, '__subclasses__')")),
            uses(use("builtins.getattr", arguments="(pkg.Image, 'open')")),
            uses(use("builtins.getattr", arguments="(pkg.Image, 'create')", indirect=True)),
            uses(use("builtins.getattr", arguments="(builtins.getattr(pkg.Image, 'a'), 'create')")),
        ),
    ),
    "global.resolver.kept": (
        uses(use("operator.itemgetter", arguments="(0, 2)")),
        (
            uses(use("operator.itemgetter", arguments="(0, 2)", indirect=True)),
            uses(use("operator.attrgetter", arguments="('os.path',)")),
            uses(use("operator.methodcaller", arguments="('feed', 'rm -rf /')")),
        ),
    ),
    "global.resolver.operator": (
        uses(use("builtins.getattr", arguments="(torch._C._VariableFunctionsClass, 'relu')")),
        (
            uses(use("builtins.getattr", arguments="(torch._C._VariableFunctionsClass, 'from_file')")),
            uses(use("numpy.core._ufunc_reconstruct", arguments="('antigravity', 'sys')")),
        ),
    ),
    "global.resolver.called": (
        uses(use("operator.attrgetter", arguments="(pkg.f,)")),
        (uses(use("builtins.getattr", arguments="(pkg.Kind, 'EPOCH')")),),
    ),
    "global.rebuilder.random": (
        uses(use("numpy.random._pickle.__randomstate_ctor", arguments="('MT19937',)")),
        (uses(use("numpy.random._pickle.__randomstate_ctor", arguments="('id', pkg.run)")),),
    ),
    "global.applier.ordinary": (
        uses(use("functools.reduce", arguments="(operator.or_, (builtins.int, builtins.type...))")),
        (
            uses(use("functools.reduce", arguments="(pkg.run, ('id',))")),
            uses(use("functools.reduce", arguments="(operator.or_, ('id', 'x'))")),
            uses(use("builtins.iter", arguments="(pkg.Stream(...),)")),
            uses(use("builtins.iter", arguments="(pkg.run, None)")),
            uses(use("itertools.cycle", arguments="(builtins.iter(...,),)")),
            uses(use("builtins.map", arguments="(pkg.run, <iterator>)")),
        ),
    ),
    "global.applier.made": (
        uses(use("builtins.map", "newobj", "(pkg.f, [1])")),
        (uses(use("contextlib.ExitStack", "newobj", "()")),),
    ),
    "global.applier.called": (uses(use("builtins.map", arguments="(pkg.f, [1])")), (uses(use("functools.partial")),)),
    "global.rebuilder.ordinary": (
        uses(use("copy_reg._reconstructor", arguments="(model.Net, __builtin__.object, None)", count=9)),
        (
            uses(use("copy_reg._reconstructor", arguments="(model.Net, model.Net, 'x')")),
            uses(use("copy_reg._reconstructor", arguments="<more than 64 different argument lists>")),
        ),
    ),
    "global.rebuilder.array": (
        uses(
            use(
                "jax._src.array._reconstruct_array",
                arguments="(numpy.core.multiarray._reconstruct, (numpy.ndarray, (0,)))",
            )
        ),
        (uses(use("jax._src.array._reconstruct_array", arguments="(pkg.run, (numpy.ndarray, (0,)))")),),
    ),
    "global.rebuilder.odd": (
        uses(use("copyreg._reconstructor", arguments="(pkg.Shell, pkg.Shell, 'x')")),
        (uses(use("copyreg._reconstructor", arguments="(pkg.Shell, builtins.dict, {})")),),
    ),
    "global.result.class": (
        uses(
            use(
                "torch_geometric.data.batch.DynamicInheritanceGetter",
                arguments="(torch_geometric.data.batch.Batch, torch_geometric.data.data.Data)",
                indirect=True,
            )
        ),
        tuple(
            uses(use("torch_geometric.data.batch.DynamicInheritanceGetter", arguments=given, indirect=True))
            for given in (
                "(subprocess.Popen, torch_geometric.data.data.Data)",
                "(torch_geometric.data.batch.Batch, subprocess.Popen)",
                "(torch_geometric.data.batch.Batch, tempfile.TemporaryDirectory)",
                "(torch_geometric.data.batch.Batch, pkg.run)",
                "(torch_geometric.data.batch.Batch, pkg.Data, 'id')",
            )
        ),
    ),
    "global.result.called": (
        uses(use("functools.partial", indirect=True)),
        (
            uses(use("functools.partial", arguments="(torch.nn.init.constant_,)")),
            uses(use("pkg.Net", "newobj", indirect=True)),
        ),
    ),
    "global.type.called": (
        uses(use("torch.optim.lr_scheduler.LambdaLR", arguments="(<call>, pkg.f)")),
        (
            uses(use("torch.optim.lr_scheduler.LambdaLR", "newobj", "()")),
            uses(use("transformers.X", arguments="('a',)")),
        ),
    ),
    "global.function.flags": (
        uses(use("operator.or_", arguments="(pkg.Flag(1,), pkg.Flag(2,))")),
        (
            uses(use("operator.or_", arguments="(builtins.getattr(pkg.Flag, 'run'), pkg.Flag(2,))")),
            uses(use("operator.or_", arguments="(pkg.Flag('id',), pkg.Flag(2,))")),
            uses(use("operator.or_", arguments="(pkg.run(1,), pkg.run(2,))")),
        ),
    ),
    "global.function.called": (
        uses(use("torch.nn.functional.relu", arguments="(<tensorview>,)")),
        (uses(use("torch.nn.functional.relu", "reference", "")),),
    ),
    "global.type.filled": (
        uses(use("torch.nn.modules.container.Sequential", "extend", "")),
        (uses(use("collections.deque", "extend", "")), uses(use("pkg.Dict", "extend", ""))),
    ),
    "global.constructor.copies": (
        uses(use("builtins.list", arguments="([pkg.Thing...], <calls>)")),
        (uses(use("builtins.list", arguments="(pkg.Thing(...), <calls>)")),),
    ),
    "global.constructor.maps": (
        uses(use("builtins.dict", arguments="({'held': pkg.Thing...}, <calls>)")),
        (
            uses(use("builtins.dict", arguments="(pkg.Thing(...), <calls>)")),
            uses(use("builtins.dict", arguments="([pkg.Thing...], <calls>)")),
        ),
    ),
    "global.resolver.caller": (
        uses(use("operator.methodcaller", arguments="('lower',)")),
        (uses(use("operator.methodcaller", arguments="('rename', 'x')")),),
    ),
    "global.constructor.walks": (
        uses(use("builtins.list", arguments="(pkg.Stream(...),)")),
        (
            uses(use("builtins.list", arguments="([pkg.Thing...],)")),
            uses(use("builtins.list", arguments="('f(x)',)")),
            uses(use("datetime.datetime", arguments="(b'', datetime.timezone(...))")),
            uses(use("builtins.ValueError", arguments="(pkg.Thing(...),)")),
            uses(use("torch._C.Generator", arguments="(torch.device('cpu',),)")),
        ),
    ),
    "global.applier.kept": (
        uses(use("builtins.map", "kept", "(pkg.run, ['x'])")),
        (uses(use("builtins.map", "reference", "")), uses(use("collections.defaultdict", "kept", "(builtins.list,)"))),
    ),
    "global.extension": (uses(use("extension.7", "extension", "")), (uses(use("pkg.Net", "extend", "")),)),
    "global.unknown.applied": (
        uses(use("pkg.run", "reference", ""), use("builtins.map", arguments="(pkg.run, ['x'])")),
        (
            uses(use("pkg.run", "reference", "")),
            uses(use("pkg.Net", "reference", ""), use("builtins.map", arguments="(pkg.run, ['x'])")),
        ),
    ),
    "global.unknown.member": (
        uses(use("pkg.utils.Activation", arguments="('relu',)")),
        (
            uses(use("pkg.utils.activation", arguments="('relu',)")),
            uses(use("pkg.utils.Activation", arguments="('rm -rf /',)")),
            uses(use("pkg.utils.Activation", arguments="('whoami',)")),
            uses(use("pkg.utils.Activation", arguments="('stage2.pkl',)")),
            uses(use("pkg.utils.Activation", arguments="<more than 64 different argument lists>", count=9)),
            uses(use("smtpd.Unlisted", arguments="('relu',)")),
            uses(use("statistics.Unlisted", arguments="('relu',)")),
        ),
    ),
    "global.unknown.bare": (
        uses(use("pkg.Backend")),
        (
            uses(use("pkg.Backend", arguments="('http://x',)")),
            uses(use("statistics.Unlisted")),
            uses(use("pytest.main")),
        ),
    ),
    "global.unknown.plain": (
        uses(use("pkg.Vocabulary", arguments="(['the', 'of'], 3)")),
        (
            uses(use("pkg.Runner", arguments="('id', 3)")),
            uses(use("pkg.Runner", arguments="(pkg.run, 3)")),
            uses(use("pkg.Runner", arguments="(1, 'curl http://x')")),
            uses(use("pkg.Vocabulary", arguments="({'the': 4, ...},)")),
            uses(use("pkg.vocabulary", arguments="({'the': 4},)")),
            uses(use("statistics.Vocabulary", arguments="({'the': 4},)")),
        ),
    ),
    "global.unknown.cython": (
        uses(use("pkg.fast.__pyx_unpickle_Net", arguments="(pkg.fast.Net, 12345, (1.0, 2))")),
        (
            uses(use("pkg.fast.__pyx_unpickle_Net", arguments="('id',)")),
            uses(use("pkg.fast.__pyx_unpickle_Net", arguments="(pkg.fast.Run, 12345, ('id',))")),
            uses(use("pkg.fast.__pyx_unpickle_Net", arguments="(pkg.fast.Net, <tensorview>, None)")),
            uses(use("pkg.fast.unpickle_Net", arguments="(pkg.fast.Net, 12345, None)")),
            uses(use("torch.fast.__pyx_unpickle_Net", arguments="(pkg.fast.Net, 12345, None)")),
        ),
    ),
    "global.constructor.cython": (
        uses(use("sklearn.neighbors._fast.__pyx_unpickle_Tree", arguments="('id',)")),
        (
            uses(use("sklearn.neighbors._fast.__pyx_unpickle_Tree", arguments="(pkg.Tree, 12345, None)")),
            uses(use("sklearn.neighbors._fast.__pyx_unpickle_Tree", arguments="(pkg.Tree, 1, (b'x', {}), <calls>)")),
        ),
    ),
    "global.unknown.rebuilt": (
        uses(use("pkg._rebuild", arguments="(pkg.Image, <tensorview>, 3)")),
        (
            uses(use("pkg.clip", arguments="(<tensorview>, -1)")),
            uses(use("pkg.rebuild_", arguments="(<tensorview>, -1)")),
            uses(use("pkg._rebuild", arguments="(pkg.run, <tensorview>, 3)")),
            uses(use("pkg._rebuild", arguments="('image', <tensorview>)")),
            uses(use("pkg._rebuild", arguments="(3,)")),
        ),
    ),
    "global.unknown.called": (
        uses(use("pkg.fetch", arguments="('http://x',)")),
        (uses(use("pkg.Net", "newobj", "('http://x',)")),),
    ),
    "global.unknown.factory": (
        uses(use("pkg.run", "kept", "('curl http://x',)")),
        (
            uses(use("pkg.run", "kept", "(4, {'fill': 0.5})")),
            uses(use("pkg.Meter", "kept", "('curl http://x',)")),
            uses(use("pkg.run", "reference", "('curl http://x',)")),
        ),
    ),
    "global.unknown.kept": (
        uses(use("pkg.first", "kept", "(4, 'train')")),
        (uses(use("pkg.Meter", "kept")), uses(use("pytest.main", "kept")), uses(use("numpy.log", "kept"))),
    ),
    "global.unknown.surveyed": (
        uses(use("wave.Wave_read", "build", "")),
        (uses(use("pkg.Wave_read", "build", "")), uses(use("torch.nn.functional.relu", "reference", ""))),
    ),
    "global.unknown.made": (
        uses(use("model.Net", "newobj")),
        (uses(use("torch.nn.modules.linear.Linear", "newobj")), uses(use("__torch__.model.Net", "newobj"))),
    ),
    "decoy.sent": (
        events(event("net.send", "sendto", value=f"key={SECRET}")),
        (events(event("net.send", "sendto", value=f"key={SECRET[:-1]}")),),
    ),
    "decoy.printed": (
        dynamic(printed=(("stdout", f"got {SECRET}", 99),)),
        (dynamic(printed=(("stdout", "got nothing", 11),)),),
    ),
    "weights.differ": (compared(agree=2, differ=("w",)), (compared(agree=2, missing=("w",)),)),
    "exercise.state": (
        dynamic(hints=(Hint("exercise.state_dict.changed", "1 tensor(s), such as w", "--exercise"),)),
        (dynamic(hints=(Hint("exercise.changed", "1 tensor(s), such as w", "--exercise"),)),),
    ),
    "exercise.weights": (
        dynamic(hints=(Hint("exercise.changed", "1 tensor(s), such as w", "--exercise"),)),
        (dynamic(hints=(Hint("exercise.state_dict", "on 1 object(s)", "--exercise"),)),),
    ),
    "exercise.incomplete": (
        events(event("phase", "exercise", answer="continued")),
        (
            events(event("phase", "after", answer="continued")),
            dynamic(events=(event("phase", "exercise"),), hints=(Hint("exercise.done", "", "--exercise"),)),
        ),
    ),
    "event.phase": (events(event("phase", "after", answer="continued")), (CLEAN,)),
    "event.clock": (
        events(event("clock", "shift", answer="faked", value="+400d")),
        (events(event("clock", "shift", answer="continued", value="not shifted: there is no vDSO")),),
    ),
    "event.clock.kept": (
        events(event("clock", "shift", answer="continued", value="not shifted: there is no vDSO")),
        (events(event("clock", "shift", answer="faked", value="+400d")),),
    ),
    "weights.none": (compared(missing=("a", "b")), (compared(agree=1, missing=("b",)), compared())),
    "weights.missing": (compared(agree=1, missing=("b",)), (compared(agree=1, extra=("b",)),)),
    "witness.incomplete": (dynamic(testified=False, testimony_gap="too deep"), (CLEAN, dynamic(loaded=None))),
    "weights.extra": (compared(agree=1, extra=("b",)), (compared(agree=1),)),
    "format.unsupported": (
        static(formats=(ONNX,)),
        (static(formats=(TORCH, replace(ONNX, primary=False, by="extension"))),),
    ),
    "format.safetensors": (
        static(formats=(replace(ONNX, name="safetensors"),), complete=False),
        (static(formats=(ONNX,)),),
    ),
    "format.pointer": (static(formats=(replace(ONNX, name="git-lfs"),), complete=False), (static(formats=(ONNX,)),)),
    "format.none": (static(formats=()), (CLEAN,)),
    "folder.beyond": (
        replace(CLEAN, input=Input("repo", 1, "0" * 64, folder=True, beyond=("a.txt", "b.txt"))),
        (replace(CLEAN, input=Input("repo", 1, "0" * 64, folder=True)),),
    ),
    "reader.incomplete": (static(complete=False, reason="it is cut off"), (CLEAN,)),
    "reader.killed": (static(end=replace(ENDED, exit=-31)), (static(end=replace(ENDED, exit=-9)),)),
    "reader.leftover": (static(end=replace(ENDED, alive=("sh",))), (CLEAN,)),
    "watch.killed": (
        dynamic(ended=False),
        (
            replace(dynamic(ended=False), host=host(timed_out="120 s").host),
            replace(dynamic(ended=False), host=host(jail="out of memory").host),
            dynamic(ended=False, armed=False),
        ),
    ),
    "watch.lost": (dynamic(observer_outlived_loader=False), (CLEAN,)),
    "watch.dropped": (dynamic(dropped=1), (CLEAN,)),
    "watch.unreadable": (dynamic(unreadable=1), (CLEAN,)),
    "watch.decoys": (dynamic(decoy_overflow=1), (CLEAN,)),
    "load.unarmed": (dynamic(armed=False), (READ_ONLY,)),
    "load.failed": (dynamic(loaded=False, load_error="AttributeError: no Net"), (CLEAN,)),
    "load.vanished": (dynamic(loaded=None), (dynamic(loaded=None, end=replace(ENDED, exit=-9)),)),
    "load.killed": (dynamic(loaded=None, end=replace(ENDED, exit=-9)), (dynamic(loaded=None),)),
    "load.silent": (dynamic(loaded=None, end=None), (CLEAN,)),
    "load.leftover": (
        dynamic(end=replace(ENDED, alive=("python3",))),
        (dynamic(loaded=None, end=replace(ENDED, alive=("python3",))),),
    ),
    "guest.forged": (host(wire="a frame out of order"), (replace(READ_ONLY, host=host(wire="x").host),)),
    "guest.garbled": (
        replace(CLEAN, dynamic=replace(DYNAMIC, armed=False), host=host(wire="x").host),
        (host(wire="a frame out of order"),),
    ),
    "host.ranges": (host(ranges="other digests"), (CLEAN,)),
    "host.plan": (host(plan="4 TB of output"), (CLEAN,)),
    "host.input_changed": (host(input_changed="its size"), (CLEAN,)),
    "host.timed_out": (host(timed_out="60 s"), (CLEAN,)),
    "host.jail": (host(jail="killed"), (CLEAN,)),
    "absent": (absent("model.Net"), (CLEAN,)),
    "text.program": (strings(string("program")), (beside(string("program")), strings(string("url")))),
    "text.code": (strings(string("code")), (beside(string("code")), strings(string("python")))),
    "text.pickle.dangerous": (
        strings(string("pickle", "", "posix.system")),
        (strings(string("pickle", "", "collections.OrderedDict")), beside(string("pickle", "", "posix.system"))),
    ),
    "text.pickle.aside": (
        strings(string("pickle", "a comment", "acme.tools.run")),
        (
            strings(string("pickle", "the weights", "acme.tools.run")),
            strings(string("pickle", "an unread file", "acme.tools.run")),
            strings(string("pickle", "", "acme.tools.run")),
            beside(string("pickle", "a comment", "acme.tools.run")),
        ),
    ),
    "text.aside": (
        strings(string("shell.fetch", "the unused weights")),
        (
            strings(string("shell.fetch")),
            strings(string("shell.fetch", "base64")),
            strings(string("url", "a comment")),
            beside(string("shell.fetch", "a comment")),
        ),
    ),
    "text.script": (
        strings(string("shell", "the weights", text="#!/bin/sh")),
        (
            strings(string("shell", "the weights", text="bash -c id")),
            strings(string("shell", text="#!/bin/sh")),
            beside(string("shell", "the weights", text="#!/bin/sh")),
        ),
    ),
    "text.encoded": (
        strings(string("python.stage", "base64")),
        (
            strings(string("python.stage")),
            strings(string("python.run", "base64")),
            strings(string("url", "base64")),
            beside(string("python.stage", "base64")),
        ),
    ),
    "text.handed": (
        strings(string("shell.fetch", used=True)),
        (strings(string("shell.fetch")), strings(string("shell", used=True)), beside(string("shell.fetch", used=True))),
    ),
    "text.named.dangerous": (
        strings(string("named", "", "os.system")),
        (strings(string("named", "", "pathlib.Path")), beside(string("named", "", "os.system"))),
    ),
    "text.named": (strings(string("named", "", "pathlib.Path")), (strings(string("named", "", "os.system")),)),
    "text.template": (strings(string("template")), (strings(string("url")),)),
    "text.beside": (beside(string("code")), (strings(string("code")), beside(string("url")))),
    "text.pickle": (strings(string("pickle", "", "m.C")), (strings(string("pickle", "", "posix.system")),)),
    "text.shell": (strings(string("shell.reverse")), (strings(string("shell.reverse", "hex")),)),
    "text.python": (strings(string("python.run", "base64")), (strings(string("python.stage", "base64")),)),
    "text.path": (strings(string("path.secret")), (strings(string("url")),)),
    "text.url": (strings(string("url")), (strings(string("address")),)),
    "text.address": (strings(string("address")), (strings(string("url")),)),
    "text.unseen": (strings(string("beyond.unseen")), (strings(string("beyond")),)),
    "text.beyond": (strings(string("beyond")), (strings(string("url")),)),
    "oddity.source": (oddities("torch.source"), (oddities("zip.duplicate"),)),
    "oddity.nested": (oddities("pickle.nested"), (oddities("zip.duplicate"),)),
    "oddity.names": (oddities("name.collision"), (oddities("name.other"),)),
    "oddity.expression": (oddities("export.expression"), (oddities("export.other"),)),
    "oddity.state": (oddities("state.code"), (oddities("state.other"),)),
    "oddity.doubled": (oddities("module.doubled"), (oddities("kept.method"),)),
    "oddity.number": (oddities("number.bomb"), (oddities("zip.bomb"),)),
    "oddity.beside": (oddities("joblib.beside"), (oddities("joblib.several"),)),
    "oddity.name": (oddities("state.name"), (oddities("state.code"),)),
    "oddity.key": (oddities("key.kept"), (oddities("kept.hook"),)),
    "oddity.limit": (oddities("zip.bomb"), (oddities("zip.duplicate"),)),
    "oddity.bomb": (oddities("compressed.bomb"), (oddities("compressed.trailing"),)),
    "oddity.link": (oddities("archive.link"), (oddities("archive.device"),)),
    "format.polyglot": (oddities("format.polyglot"), (oddities("zip.duplicate"),)),
    "oddity.patch": (oddities("pickle.patch"), (oddities("pickle.target"),)),
    "oddity.handed": (oddities("pickle.handed"), (oddities("pickle.target"),)),
    "oddity.shadow": (oddities("pickle.shadow"), (oddities("kept.method"),)),
    "oddity.order": (oddities("pickle.order"), (oddities("pickle.dropped"),)),
    "oddity.kept": (oddities("kept.hook"), (oddities("kept.method"),)),
    "oddity.method": (oddities("kept.method"), (oddities("kept.hook"),)),
    "oddity.factory": (oddities("kept.factory"), (oddities("kept.method"),)),
    "oddity.template": (oddities("folder.template"), (oddities("folder.template.escape"),)),
    "oddity.template.escape": (oddities("folder.template.escape"), (oddities("folder.template"),)),
    "folder.code": (oddities("folder.code"), (oddities("folder.index"),)),
    "folder.code.acts": (oddities("folder.code.acts"), (oddities("folder.code"),)),
    "folder.code.named": (oddities("folder.code.named"), (oddities("folder.code"),)),
    "folder.requirements": (oddities("folder.requirements"), (oddities("folder.code"),)),
    "folder.program": (oddities("folder.program"), (oddities("folder.code"),)),
    "script.acts": (oddities("script.acts"), (oddities("script.other"),)),
    "folder.index": (oddities("folder.index"), (oddities("folder.code"),)),
    "format.disguised": (oddities("format.disguised"), (oddities("format.polyglot"),)),
    "oddity.duplicate": (oddities("zip.duplicate"), (oddities("zip.case"),)),
    "oddity.case": (oddities("zip.case"), (oddities("zip.case_collision"),)),
    "oddity.headers": (oddities("zip.local_size"), (oddities("zip.comment"),)),
    "oddity.checksum": (oddities("zip.crc"), (oddities("zip.local_size"),)),
    "oddity.unlisted": (oddities("zip.record_long"), (oddities("zip.record_short"),)),
    "oddity.several": (oddities("legacy.several"), (oddities("pickle.several"),)),
    "oddity.behind": (oddities("pickle.several"), (oddities("legacy.several"),)),
    "oddity.filled": (oddities("tar.filled"), (oddities("trailing.padding"),)),
    "oddity.padding": (oddities("trailing.padding"), (oddities("pickle.trailing"),)),
    "oddity.trailing": (oddities("pickle.trailing"), (oddities("trailing.padding"),)),
    "oddity.deflated": (oddities("zip.deflated_record"), (oddities("zip.record_short"),)),
    "oddity.note": (oddities("zip.comment"), (oddities("zip.comment_records"),)),
    "oddity.program": (oddities("zip.program"), (oddities("zip.note"),)),
    "oddity.stranger": (oddities("zip.extra"), (oddities("zip.note"),)),
    "oddity.path": (oddities("archive.path"), (oddities("archive.link"),)),
    "oddity.storage": (oddities("zip.record_short"), (oddities("zip.record_long"),)),
    "oddity.persistent": (oddities("pickle.persistent"), (oddities("pickle.extension"),)),
    "oddity.extension": (oddities("pickle.extension"), (oddities("pickle.persistent"),)),
    "oddity.callee": (oddities("pickle.target"), (oddities("pickle.patch"),)),
    "oddity.joblib": (oddities("joblib.opcodes"), (oddities("joblib.several"),)),
    "oddity.differential": (oddities("pickle.protocol"), (oddities("pickle.leftover"),)),
    "oddity.spliced": (oddities("pickle.dropped"), (oddities("pickle.protocol"),)),
    "oddity.structure": (oddities("what.is.new"), (oddities("zip.duplicate"), oddities("torch.source"))),
}


def _found(evidence: Evidence) -> set[str]:
    return {finding.rule for finding in judge(evidence, RULES).findings}


def test_every_rule_has_its_row() -> None:
    assert [rule.id for rule in RULES.rows if rule.id not in ROWS] == []
    assert ROWS.keys() <= {rule.id for rule in RULES.rows}


@pytest.mark.parametrize("rule", ROWS)
def test_rule(rule: str) -> None:
    trigger, near_misses = ROWS[rule]
    finding = next(finding for finding in judge(trigger, RULES).findings if finding.rule == rule)
    assert finding.evidence
    assert "{" not in finding.explanation.replace("{}", "")
    for near_miss in near_misses:
        assert rule not in _found(near_miss)


@pytest.mark.parametrize("rule", ROWS)
def test_no_finding_is_worse_than_the_verdict(rule: str) -> None:
    judgement = judge(ROWS[rule][0], RULES)
    row = next(row for row in RULES.rows if row.id == rule)
    if row.verdict is not Verdict.CLEAN:
        assert judgement.verdict in _at_least(row.verdict)


def _at_least(verdict: Verdict) -> tuple[Verdict, ...]:
    order = (Verdict.MALICIOUS, Verdict.SUSPICIOUS, Verdict.INCONCLUSIVE)
    return order[: order.index(verdict) + 1]


def found(path: str) -> set[str]:
    """What one look at that path leads to."""
    return {finding.rule for finding in judge(events(event("file.read", "openat", path=path)), RULES).findings}


@pytest.mark.parametrize(
    "path",
    [
        "/.dockerenv", "/run/.containerenv", "/run/systemd/container",
        "/proc/1/cgroup", "/proc/1/cmdline", "/proc/self/cgroup", "/proc/self/status", "/proc/self/mountinfo",
        "/proc/self/task/self/status", "/proc/7/task/9/sched", "/proc/self/net/dev", "/proc/version", "/proc/modules",
        "/etc/machine-id", "/etc/hostname", "/sys/class/dmi/id/product_name", "/sys/class/net", "/sys/hypervisor/type",
        "/proc/mounts", "/proc/net/route", "/proc/sys/kernel/hostname", "/dev/kmsg", "/sys/block/sda/device/vendor",
    ],
)  # fmt: skip
def test_a_look_that_tells_a_sandbox_is_a_finding(path: str) -> None:
    assert found(path) == {"event.read.sandbox"}


@pytest.mark.parametrize(
    "path",
    [
        "/proc/self/maps", "/proc/self/fd", "/proc/cpuinfo", "/proc/meminfo", "/proc/self/comm", "/etc/localtime",
        "/sys/devices/system/cpu/online", "/sys/fs/cgroup/cpu.max", "/etc/os-release", "/model/0123456789abcdef",
        "/proc/sys/vm/overcommit_memory", "/proc/stat", "/sys/kernel/mm/transparent_hugepage/enabled",
    ],
)  # fmt: skip
def test_a_look_that_libraries_take_is_none(path: str) -> None:
    assert found(path) == {"event.read"}
