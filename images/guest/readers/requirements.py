"""What pip is told by a list of requirements: packages by names, or from places that are nobody's index."""

from __future__ import annotations

import re
from collections.abc import Iterator

_MOST_LINES = 10_000
_NAME = re.compile(r"(?:[\w.-]*[-_.])?requirements?(?:[-_.][\w.-]*)?\.(?:txt|in)", re.IGNORECASE)
_INDEX = re.compile(r"\s*(?:--index-url|--extra-index-url|--find-links|-i|-f)(?:[ \t=]+|(?=http))(\S+)", re.IGNORECASE)
_TRUSTED = re.compile(r"\s*--trusted-host\b")
_URL = re.compile(r"(?:^|[\s@])(?:(?:git|hg|svn|bzr)\+)?((?:https?|ftp|git|ssh)://\S+)", re.IGNORECASE)
_HOST = re.compile(r"(\w+)://(?:[^/@\s]*@)?(\[[^\]]*\]|[^/:\s]+)", re.IGNORECASE)
_NUMBERS = re.compile(r"[\d.]+|0x[\da-f]+|\[.*", re.IGNORECASE)
# Whose indices and packages honest lists name.
_KNOWN = re.compile(
    r"(?:[\w-]+\.)*(?:(?:pypi|pytorch|pyg|python|apache|gitlab|jax)\.(?:org|com)|github\.com|githubusercontent\.com"
    r"|github\.io|huggingface\.co|hf\.co|nvidia\.com|googleapis\.com|google\.com|pkg\.dev|azure\.com|amazonaws\.com"
    r"|intel\.com|amd\.com|paddlepaddle\.org\.cn|baidu\.com|aliyun\.com|tencent\.com|huaweicloud\.com|edu\.cn"
    r"|openmmlab\.com|dgl\.ai|bitbucket\.org|gitee\.com|modelscope\.cn|flashinfer\.ai|vllm\.ai)",
    re.IGNORECASE,
)


def concerns(name: str) -> bool:
    """Whether a file of that name is such a list."""
    return _NAME.fullmatch(name) is not None


def foreign(text: str) -> Iterator[str]:
    """Lines by which what is installed comes from a strange index, or unprotected."""
    for whole in text.splitlines()[:_MOST_LINES]:
        line = whole.partition(" #")[0].strip()
        if line.startswith("#"):
            continue
        index, url = _INDEX.match(line), _URL.search(line)
        if _TRUSTED.match(line) or (index and _is_foreign(index[1])) or (url and _is_open(url[1])):
            yield line


def _is_foreign(url: str) -> bool:
    """Whether an index there may serve anything under any name."""
    found = _HOST.match(url)
    return found is not None and (_is_open(url) or _KNOWN.fullmatch(found[2]) is None)


def _is_open(url: str) -> bool:
    """Whether anybody on the way may answer, or nobody's name stands for it."""
    found = _HOST.match(url)
    return found is not None and (
        found[1].lower() in ("http", "ftp", "git") or _NUMBERS.fullmatch(found[2]) is not None
    )
