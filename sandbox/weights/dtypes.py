"""Every dtype that safetensors has, by its own name, and how many bits one element takes."""

from __future__ import annotations

from math import prod

BITS = {
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "U8": 8,
    "I8": 8,
    "F8_E5M2": 8,
    "F8_E4M3": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "C64": 64,
    "F64": 64,
    "I64": 64,
    "U64": 64,
}

# Readers of safetensors multiply the dimensions in 64 bits before they look at anything else.
MAX_ELEMENTS = (1 << 63) - 1


def itemsize(dtype: str) -> int:
    """Bytes that an element is aligned to; 1 for those smaller than a byte."""
    return max(1, BITS[dtype] // 8)


def size_of(dtype: str, shape: tuple[int, ...]) -> int:
    """Bytes of a contiguous tensor. Raises ValueError, with a sentence, when there is no such size."""
    if dtype not in BITS:
        raise ValueError("its dtype is not one that safetensors has")
    # Zeros are left out: another reader may multiply the rest first, and overflow before it meets them.
    if prod(dimension for dimension in shape if dimension) > MAX_ELEMENTS:
        raise ValueError("its shape has more elements than 64 bits can count")
    bits = prod(shape) * BITS[dtype]
    if bits % 8:
        raise ValueError("its elements do not fill whole bytes")
    return bits // 8
