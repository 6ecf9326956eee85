"""Runs while the image is built: byte-code for the packages, unless they came with it.

Unchecked, because nothing in the image ever changes. Files in the syntax of later versions fail; that is fine.
"""

import compileall
from pathlib import Path
from py_compile import PycInvalidationMode

ENVIRONMENT = Path("/env")

if not any(ENVIRONMENT.glob("*/__pycache__")):
    compileall.compile_dir(ENVIRONMENT, quiet=2, workers=0, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
Path(__file__).unlink()
