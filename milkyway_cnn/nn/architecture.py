"""The architecture string, as the field writes it: ``C5x5.12-P2-D3072-D128``.

=============  ==========================================================================
``C5x5.12/2``  convolution, kernel rows x columns (odd, 'same' padding), filters, [stride]
``P2``         maximum over windows of 2 x 2
``D3072``      dense; the last one is the linear output
=============  ==========================================================================
"""

from __future__ import annotations

import re

from milkyway_cnn.errors import InputError
from milkyway_cnn.nn.convolution import Convolution
from milkyway_cnn.nn.dense import Dense
from milkyway_cnn.nn.dropout import Dropout
from milkyway_cnn.nn.layer import Layer
from milkyway_cnn.nn.pooling import MaxPooling

__all__ = ["layers"]

_CONVOLUTION = re.compile(r"C(\d+)x(\d+)\.(\d+)(?:/(\d+))?")
_POOLING = re.compile(r"P(\d+)")
_DENSE = re.compile(r"D(\d+)")


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
            rows, columns, filters, stride = (int(number or 1) for number in match.groups())
            numbers = [rows, columns, filters, stride]
            made.append(Convolution(filters, (rows, columns), stride, slope=slope))
            if rows % 2 == 0 or columns % 2 == 0:
                msg = f"the kernel of {part!r} has an even side; choose odd ones, such as 3x3 or 5x5"
                raise InputError(msg)
        elif match := _POOLING.fullmatch(part):
            numbers = [int(match[1])]
            if made and isinstance(made[-1], Convolution) and made[-1].pool == 1 and numbers[0] < 16:
                made[-1].pool = numbers[0]
            else:
                made.append(MaxPooling(numbers[0]))
        elif match := _DENSE.fullmatch(part):
            numbers = [int(match[1])]
            made.append(Dense(numbers[0], slope))
            if dropout:
                made.append(Dropout(dropout))
        else:
            msg = f"{part!r} in the architecture {architecture!r} is no layer; write C5x5.12, C5x5.12/2, P2 or D3072"
            raise InputError(msg)
        if min(numbers) < 1:
            msg = f"{part!r} in the architecture {architecture!r} has a zero; every size is at least 1"
            raise InputError(msg)
    if not parts[-1].startswith("D"):
        msg = f"the architecture {architecture!r} ends with {parts[-1]!r}; end it with the outputs, such as D128"
        raise InputError(msg)
    return [*made[: -2 if dropout else -1], Dense(numbers[0], 1.0)]
