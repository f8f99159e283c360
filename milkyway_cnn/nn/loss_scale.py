"""Loss scaling for float16: gradients are lifted so far that none is lost below its least number or above its largest.

Dynamic, as in Micikevicius et al. 2018 (arXiv:1710.03740), section 3.2: where any gradient is not finite the step is
left out and the lift halved; after many steps without that it is doubled. The card does all of it and nothing is waited
for: the lift and the count of good steps are two numbers in its memory, and to an update a factor that is not a number
says that there is none.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from milkyway_cnn.backend import HOST
from milkyway_cnn.kernels import lift

__all__ = ["LossScale", "scale_of"]


class LossScale:
    """The lift of one network's gradients.

    Parameters
    ----------
    place
        Backend of the network.
    first
        The lift of the first step, a power of two.

    Attributes
    ----------
    state
        Lift and steps since it changed, on the backend: (2,) float32.
    """

    def __init__(self, place: Any, first: float) -> None:
        self.place = place
        self.state = place.send(np.array([first, 0.0], np.float32))

    def raised(self, gradient: Any) -> None:
        """Lift the gradient of the outputs."""
        lift.raise_(self.state, gradient)

    def lowered(self, share: Any) -> Any:
        """Give what gradients of parameters are multiplied by, so that they are as if nothing was lifted."""
        out = self.place.empty((1,), np.float32)
        lift.lower(self.state, share, out)
        return out

    def settle(self, factor: Any) -> None:
        """Go on after a step whose update had this factor."""
        lift.settle(self.state, factor)


def scale_of(net: Any, numbers: int) -> LossScale | None:
    """Give the loss scale of a network that learns in float16; at first what a mean over so many numbers takes away."""
    if net.place is HOST or net.place.precision != "float16":
        return None
    if net.loss_scale is None:
        net.loss_scale = LossScale(net.place, 2.0 ** math.floor(math.log2(numbers)))
    return net.loss_scale
