"""Tables of benign samples: what is in the file, and how it is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.detection.build import spelled
from bench.detection.build.repeatable import repeatable
from bench.detection.sample import Part, Sample

Make = Callable[[], Any]


@dataclass
class Honest:
    """Samples of one family. Each function gives what its file holds."""

    source: str
    samples: list[Sample] = field(default_factory=list)

    def written(self, name: str, file: str, technique: str = "") -> Callable[[Callable[[Path], Any]], Any]:
        """A file that its function writes itself."""

        def add(build: Callable[[Path], Any]) -> Any:
            def seeded(path: Path) -> None:
                with repeatable():
                    build(path)

            what = technique or (build.__doc__ or name.replace("_", " ")).strip().rstrip(".")
            self.samples.append(Sample(f"benign_{name}", Part.BENIGN, what, self.source, file, seeded))
            return build

        return add

    def saved(self, name: str, file: str = "model.pt", **options: Any) -> Callable[[Make], Make]:
        """By torch.save."""

        def add(make: Make) -> Make:
            self.written(name, file, _technique(make, name))(lambda path: spelled.save(make(), path, **options))
            return make

        return add

    def pickled(self, name: str, file: str = "model.pkl", **options: Any) -> Callable[[Make], Make]:
        """By pickle.dump."""

        def add(make: Make) -> Make:
            self.written(name, file, _technique(make, name))(
                lambda path: path.write_bytes(spelled.dumps(make(), **options))
            )
            return make

        return add

    def dumped(self, name: str, file: str = "model.joblib") -> Callable[[Make], Make]:
        """By joblib.dump."""

        def add(make: Make) -> Make:
            self.written(name, file, _technique(make, name))(lambda path: spelled.save_joblib(make(), path))
            return make

        return add


def _technique(make: Make, name: str) -> str:
    return (make.__doc__ or name.replace("_", " ")).strip().rstrip(".")
