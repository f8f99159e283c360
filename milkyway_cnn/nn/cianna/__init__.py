"""Networks of CIANNA V-1.0 (Cornu; github.com/Deyht/CIANNA): its files read, run, trained and written.

What its networks do differently is reproduced by layers of their own (`layers`), for its files only; ours inherit
none of it. `file` reads and writes its binary and text formats.
"""

from milkyway_cnn.nn.cianna.file import load, save
from milkyway_cnn.nn.cianna.layers import Quadratic

__all__ = ["Quadratic", "load", "save"]
