"""A folder's own Python runs as far as it goes, and what isn't installed stands aside."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
RUN = """
import sys
sys.path[:0] = ["images", "sandbox/untrusted"]
from pathlib import Path
from guest.load import code, unpickler
root = Path(sys.argv[1])
code.run([(str(path), str(path.relative_to(root))) for path in sorted(root.rglob("*"))])
print(sorted(unpickler.absent))
"""


def run(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", RUN, root], cwd=ROOT, capture_output=True, text=True, check=True)


def test_files_import_each_other_and_what_is_not_installed(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "modeling.py").write_text(
        "from nobodys_package import Base, decorated\n"
        "from nobodys_package.utils import logging\n"
        "import nobodys_other.deep as deep\n"
        "from .sub.layers import SIZE\n"
        "logger = logging.get_logger(__name__)\n"
        "@decorated('x')\n"
        "class Model(Base):\n"
        "    size = SIZE\n"
        "print('ran', __name__, SIZE)\n"
        "try:\n"
        "    import json.nothing\n"
        "except ImportError:\n"
        "    print('an installed package has no such module')\n"
    )
    (tmp_path / "sub" / "layers.py").write_text("SIZE = 3\nprint('ran', __name__)\n")
    ended = run(tmp_path)
    assert ended.stdout.splitlines() == [
        "ran repository.sub.layers",
        "ran repository.modeling 3",
        "an installed package has no such module",
        "['nobodys_package.Base', 'nobodys_package.decorated', 'nobodys_package.utils.logging']",
    ]
    assert not ended.stderr


def test_one_that_ends_early_keeps_no_other_from_running(tmp_path: Path) -> None:
    for name, source in (("a", "raise SystemExit(3)"), ("b", "syntax error"), ("c", "print('c ran')")):
        (tmp_path / f"{name}.py").write_text(source)
    ended = run(tmp_path)
    assert "c ran" in ended.stdout
    assert "a.py: SystemExit: 3" in ended.stderr
    assert "b.py: SyntaxError: " in ended.stderr
