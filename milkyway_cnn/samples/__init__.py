"""Training examples: the numbered stream that makes them, and stored samples of it."""

from milkyway_cnn.samples.stored import checksum, damaged, load, mend, reading, store
from milkyway_cnn.samples.stream import SPLITS, Examples, Randomization, Stream, numbers

__all__ = [
    "SPLITS",
    "Examples",
    "Randomization",
    "Stream",
    "checksum",
    "damaged",
    "load",
    "mend",
    "numbers",
    "reading",
    "store",
]
