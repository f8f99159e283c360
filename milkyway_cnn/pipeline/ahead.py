"""What later chapters need compiled, compiled beside the first ones: ``python -m milkyway_cnn.pipeline.ahead JSON``.

The first run in a clone finds nothing compiled. Half a minute of that is for the loops that make examples, which wait
for no star: what Numba keeps of them on disk while the mock sky is made, the chapters behind it find.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .parameters import Parameters
from .sources import PACKAGE

__all__ = ["compiling"]


@contextmanager
def compiling(parameters: Parameters) -> Iterator[None]:
    """Compile the loops that make examples in a process that ends with the block, where none are compiled yet."""
    if any((PACKAGE / "kernels" / "__pycache__").glob("examples.*.nbi")):
        yield
        return
    command, quiet = [sys.executable, "-m", "milkyway_cnn.pipeline.ahead"], subprocess.DEVNULL
    with subprocess.Popen([*command, parameters.model_dump_json()], stdout=quiet, stderr=quiet) as process:
        try:
            yield
        finally:
            process.kill()


def _compile(parameters: Parameters) -> None:
    from ..extinction.profiles import MockProfiles
    from ..extinction.statistics import profile_statistics
    from ..sightlines import distance_edges
    from .sample import stream_of

    # Profiles first: the stars' loops the mock sky compiles at the same time.
    edges = distance_edges(parameters.bins, parameters.bin_width)
    profile_statistics(MockProfiles([(0.0, 0.0)], edges), seed=0, count=2)
    stream_of(parameters).examples(0, 1)


if __name__ == "__main__":
    _compile(Parameters.model_validate_json(sys.argv[1]))
