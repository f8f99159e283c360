"""Quality cuts: which flags of a survey mask a measurement or drop a row. Each is a line that can be changed.

A cut looks at one column of flags. Where a flag is missing, nothing is cut: its absence says nothing of the star.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from milkyway_cnn.surveys.columns import BANDS

__all__ = ["CUTS", "Cut"]


@dataclass(frozen=True)
class Cut:
    """Rows whose flag is not accepted lose some measurements, or are dropped.

    Parameters
    ----------
    flag
        Key of the column (see `columns.NAMES`).
    masks
        Measurements that become NaN where the flag is not accepted; where empty, the row is dropped.
    accepted, place
        For flags of letters: those accepted at the place (0 for the first letter).
    low, high
        For numbers: the accepted range, limits included.
    """

    flag: str
    masks: tuple[str, ...] = ()
    accepted: str = ""
    place: int = 0
    low: float = -np.inf
    high: float = np.inf

    @property
    def reason(self) -> str:
        """Name of the cut in reports."""
        if self.accepted:
            return f"{self.flag} not {self.accepted}"
        limits = [f"below {self.low:g}"] * (self.low > -np.inf) + [f"above {self.high:g}"] * (self.high < np.inf)
        return f"{self.flag} {' or '.join(limits)}"

    def fails(self, flag: np.ndarray) -> np.ndarray:
        """Where the flag is not accepted; texts for flags of letters, else numbers: (n,) bool."""
        if not self.accepted:
            return (flag < self.low) | (flag > self.high)
        codes = np.ascontiguousarray(flag, f"U{self.place + 1}").view(np.uint32).reshape(len(flag), self.place + 1)
        letter = codes[:, self.place]  # 0 where the text is shorter
        return (letter != 0) & ~np.isin(letter, [ord(accepted) for accepted in self.accepted])


def _letters(flag: str, accepted: str) -> tuple[Cut, ...]:
    return tuple(Cut(flag, (band,), accepted, place) for place, band in enumerate(BANDS["2mass"]))


#: The cuts that readers make unless told otherwise.
#:
#: 2MASS (Explanatory Supplement, section 2.2a). Qflg: A to D are signal-to-noise ratios from 10 down, E a poor
#: fit; U is an upper limit, X and F have no valid brightness or error. Rflg: 1, 2 and 3 "generally indicate the
#: best quality", 0, 4, 6 and 9 are no detections or poor. Cflg: persistence (p), diffraction spikes (d) and
#: stripes (s) of bright stars are masked, confusion (c, b) is not, which the model has as well [OC]. Aflg: known
#: minor planets are dropped. Xflg is not cut by default: `Cut("Xflg", high=0)` leaves out extended sources.
#:
#: Gaia. Parallaxes count where the astrometric solution has at least five parameters (31 in the archive's code)
#: and RUWE is at most 1.4 (Lindegren 2018, technical note GAIA-C3-TN-LU-LL-124); magnitudes are kept.
#:
#: Pan-STARRS: sources seen once in all filters are mostly false and are dropped [OC]. `Cut("quality", ...)` is open.
CUTS: dict[str, tuple[Cut, ...]] = {
    "2mass": (
        *_letters("Qflg", "ABCDE"),
        *_letters("Rflg", "123"),
        *_letters("Cflg", "0cb"),
        Cut("Aflg", high=0),
    ),
    "gaia": (
        Cut("solution", ("parallax",), low=31),
        Cut("ruwe", ("parallax",), high=1.4),
    ),
    "panstarrs": (Cut("detections", low=2),),
}
