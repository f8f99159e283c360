"""The architecture string, as the field writes it: ``C5x5.12-P2-D3072-D128``.

=============  ====================================================================================
``C5x5.12/2``  convolution: kernel (odd, 'same' padding), filters, [stride]; one side means all
``P2``         maximum over windows of 2 x 2
``A2``         mean over windows of 2 x 2
``P3/2``       windows of 3 x 3 in steps of 2
``D3072``      dense; the last one is the linear output
=============  ====================================================================================

The number of sides is that of the input's dimensions: ``C5.12-P2`` does for spectra and for images.
"""

from __future__ import annotations

import math
import re

from milkyway_cnn.errors import InputError
from milkyway_cnn.nn.convolution import Convolution
from milkyway_cnn.nn.dense import Dense
from milkyway_cnn.nn.dropout import Dropout
from milkyway_cnn.nn.layer import Layer
from milkyway_cnn.nn.pooling import AveragePooling, MaxPooling

__all__ = ["layers"]

_SIDES = r"\d+(?:x\d+)*"
_CONVOLUTION = re.compile(rf"C({_SIDES})\.(\d+)(?:/({_SIDES}))?")
_POOLING = re.compile(rf"([PA])({_SIDES})(?:/({_SIDES}))?")
_DENSE = re.compile(r"D(\d+)")


def _sides(text: str | None) -> int | tuple[int, ...]:
    """Read ``5x3`` as (5, 3), ``5`` as 5 and nothing as 1."""
    numbers = tuple(int(number) for number in (text or "1").split("x"))
    return numbers if len(numbers) > 1 else numbers[0]


def layers(architecture: str, dropout: float = 0.0, slope: float = 0.01) -> list[Layer]:
    """Layers of an architecture string, the pooling after a convolution fused with it.

    Parameters
    ----------
    dropout : float
        Rate after each dense layer but the last.
    slope : float
        Of the leaky ReLU of all layers but the last, which is linear.

    Raises
    ------
    InputError
        If a part cannot be read, a number is zero, a kernel is even or the last part is not dense.
    """
    made: list[Layer] = []
    parts = architecture.split("-")
    for part in parts:
        if match := _CONVOLUTION.fullmatch(part):
            kernel, filters, stride = _sides(match[1]), int(match[2]), _sides(match[3])
            made.append(Convolution(filters, kernel, stride, slope=slope))
            if any(int(side) % 2 == 0 for side in match[1].split("x")):
                msg = f"the kernel of {part!r} has an even side; choose odd ones, such as 3x3 or 5x5"
                raise InputError(msg)
        elif match := _POOLING.fullmatch(part):
            size, step = _sides(match[2]), _sides(match[3]) if match[3] else None
            before = made[-1] if made else None
            plain = match[1] == "P" and step is None and _small(size)
            if plain and isinstance(before, Convolution) and before.pool == 1:
                before.pool = size
            else:
                made.append((MaxPooling if match[1] == "P" else AveragePooling)(size, step))
        elif match := _DENSE.fullmatch(part):
            made.append(Dense(int(match[1]), slope))
            if dropout:
                made.append(Dropout(dropout))
        else:
            msg = (
                f"{part!r} in the architecture {architecture!r} is no layer;"
                " write C5x5.12, C5x5.12/2, P2, A2, P3/2 or D3072"
            )
            raise InputError(msg)
        if "0" in re.split(r"\D", part):
            msg = f"{part!r} in the architecture {architecture!r} has a zero; every size is at least 1"
            raise InputError(msg)
    if not parts[-1].startswith("D"):
        msg = f"the architecture {architecture!r} ends with {parts[-1]!r}; end it with the outputs, such as D128"
        raise InputError(msg)
    return [*made[: -2 if dropout else -1], Dense(int(parts[-1][1:]), 1.0)]


def _small(size: int | tuple[int, ...]) -> bool:
    """Tell whether a convolution can do this pooling itself."""
    sides = (size, size) if isinstance(size, int) else size
    return math.prod(sides) <= 255 and (len(sides) < 3 or sides[0] == 1)
