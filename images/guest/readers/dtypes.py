"""Element types by the names that torch and numpy give them. safetensors has no word for some: they are left out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DType:
    """`name` is safetensors' own; "" when it has none, and `what` says which type it is."""

    name: str
    itemsize: int
    swap: int  # width of what a change of byte order reverses: complex numbers are two halves
    what: str


def _plain(name: str, size: int) -> DType:
    return DType(name, size, size, name)


def _missing(what: str, size: int) -> DType:
    return DType("", size, size, what)


_KNOWN = {
    name: _plain(name, size)
    for size, names in {
        1: "BOOL U8 I8 F8_E5M2 F8_E4M3 F8_E8M0 F8_E4M3FNUZ F8_E5M2FNUZ",
        2: "I16 U16 F16 BF16",
        4: "I32 U32 F32",
        8: "F64 I64 U64",
    }.items()
    for name in names.split()
}
C64 = DType("C64", 8, 4, "C64")
U8 = _KNOWN["U8"]
COMPLEX128 = DType("", 16, 8, "complex128")
COMPLEX32 = DType("", 4, 2, "complex32")
# Complex types that safetensors has no word for, and the type of their two halves.
HALVES = {COMPLEX128: _KNOWN["F64"], COMPLEX32: _KNOWN["F16"]}
# Quantized types by what their values are stored as; those of less than a byte are not among them.
QUANTIZED = {"qint8": _KNOWN["I8"], "quint8": U8, "qint32": _KNOWN["I32"]}
FLOATS = frozenset({"F16", "BF16", "F32", "F64"})

# torch picks a storage's type by the class's name alone, whatever its module.
STORAGES = {
    "DoubleStorage": _KNOWN["F64"],
    "FloatStorage": _KNOWN["F32"],
    "HalfStorage": _KNOWN["F16"],
    "LongStorage": _KNOWN["I64"],
    "IntStorage": _KNOWN["I32"],
    "ShortStorage": _KNOWN["I16"],
    "CharStorage": _KNOWN["I8"],
    "ByteStorage": U8,
    "BoolStorage": _KNOWN["BOOL"],
    "BFloat16Storage": _KNOWN["BF16"],
    "ComplexFloatStorage": C64,
    "ComplexDoubleStorage": COMPLEX128,
    "QInt8Storage": _missing("qint8", 1),
    "QInt32Storage": _missing("qint32", 4),
    "QUInt8Storage": _missing("quint8", 1),
    "QUInt4x2Storage": _missing("quint4x2", 1),
    "QUInt2x4Storage": _missing("quint2x4", 1),
    "UntypedStorage": U8,
}

TORCH = {
    "float64": _KNOWN["F64"],
    "double": _KNOWN["F64"],
    "float32": _KNOWN["F32"],
    "float": _KNOWN["F32"],
    "float16": _KNOWN["F16"],
    "half": _KNOWN["F16"],
    "bfloat16": _KNOWN["BF16"],
    "int64": _KNOWN["I64"],
    "long": _KNOWN["I64"],
    "int32": _KNOWN["I32"],
    "int": _KNOWN["I32"],
    "int16": _KNOWN["I16"],
    "short": _KNOWN["I16"],
    "int8": _KNOWN["I8"],
    "uint8": U8,
    "uint16": _KNOWN["U16"],
    "uint32": _KNOWN["U32"],
    "uint64": _KNOWN["U64"],
    "bool": _KNOWN["BOOL"],
    "complex64": C64,
    "cfloat": C64,
    "float8_e5m2": _KNOWN["F8_E5M2"],
    "float8_e4m3fn": _KNOWN["F8_E4M3"],
    "float8_e8m0fnu": _KNOWN["F8_E8M0"],
    "float8_e4m3fnuz": _KNOWN["F8_E4M3FNUZ"],
    "float8_e5m2fnuz": _KNOWN["F8_E5M2FNUZ"],
    "complex128": COMPLEX128,
    "cdouble": COMPLEX128,
    "complex32": COMPLEX32,
    "chalf": COMPLEX32,
    "float4_e2m1fn_x2": _missing("float4_e2m1fn_x2", 1),
    "bits8": _missing("bits8", 1),
    "bits16": _missing("bits16", 2),
    "bits1x8": _missing("bits1x8", 1),
    "bits2x4": _missing("bits2x4", 1),
    "bits4x2": _missing("bits4x2", 1),
    "qint8": _missing("qint8", 1),
    "qint32": _missing("qint32", 4),
    "quint8": _missing("quint8", 1),
    "quint4x2": _missing("quint4x2", 1),
    "quint2x4": _missing("quint2x4", 1),
}

# numpy's kind and size, as its pickles spell them.
NUMPY = {
    "b1": _KNOWN["BOOL"],
    "i1": _KNOWN["I8"],
    "i2": _KNOWN["I16"],
    "i4": _KNOWN["I32"],
    "i8": _KNOWN["I64"],
    "u1": U8,
    "u2": _KNOWN["U16"],
    "u4": _KNOWN["U32"],
    "u8": _KNOWN["U64"],
    "f2": _KNOWN["F16"],
    "f4": _KNOWN["F32"],
    "f8": _KNOWN["F64"],
    "c8": C64,
    "c16": COMPLEX128,
}

# The one-letter codes that old pickles use for the same.
NUMPY_CODES = {
    "?": "b1",
    "b": "i1",
    "h": "i2",
    "i": "i4",
    "l": "i8",
    "q": "i8",
    "B": "u1",
    "H": "u2",
    "I": "u4",
    "L": "u8",
    "Q": "u8",
    "e": "f2",
    "f": "f4",
    "d": "f8",
    "F": "c8",
    "D": "c16",
    "bool": "b1",
    "int8": "i1",
    "int16": "i2",
    "int32": "i4",
    "int64": "i8",
    "uint8": "u1",
    "uint16": "u2",
    "uint32": "u4",
    "uint64": "u8",
    "float16": "f2",
    "float32": "f4",
    "float64": "f8",
    "complex64": "c8",
    "complex128": "c16",
}
