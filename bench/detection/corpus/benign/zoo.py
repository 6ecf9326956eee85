"""Every layout of the conversion zoo."""

from __future__ import annotations

from pathlib import Path

from bench.conversion.layout import Layout
from bench.conversion.zoo import ZOO
from bench.detection.build.repeatable import repeatable
from bench.detection.sample import Part, Sample

# What travels with its own code can't be told from an attack: these are suspicious, and so no ordinary files.
_WITH_CODE = {"cloudpickle_instance"}
# torch numbers the classes of all programs of a process, and orders what recurrent modules refer to by its address.
_NUMBERED = {"traced", "traced_constant", "recurrent_module"}


def _sample(layout: Layout) -> Sample:
    def build(path: Path) -> None:
        with repeatable():
            layout.make(path.parent)

    what = f"{layout.family}: {layout.name.replace('_', ' ')}"
    return Sample(f"benign_zoo_{layout.name}", Part.BENIGN, what, "bench/conversion/zoo", layout.file, build)


SAMPLES = tuple(_sample(layout) for layout in ZOO.values() if layout.name not in _WITH_CODE | _NUMBERED)
