"""A star list, and what is known of its stars: magnitudes in any band, atmospheres, ages, masses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from milkyway_cnn.extinction.law import DEFAULT, extinction
from milkyway_cnn.galaxy.photometry import absolute_magnitudes
from milkyway_cnn.surveys.registry import BANDS, usable_bands

if TYPE_CHECKING:
    from astropy.table import QTable

__all__ = ["NEAR_INFRARED", "Stars", "StateTable", "combined_magnitudes"]

#: The bands that every star list holds; all others follow from its states when they are asked for.
NEAR_INFRARED = ("J", "H", "Ks")
_COLUMNS = ("distance", "J", "H", "Ks", "component", "state", "dex")
#: Largest change of a magnitude or color with [Fe/H] that is believed (mag / dex) [OC].
STEEPEST = 2.0


def combined_magnitudes(atmosphere: np.ndarray, bands: Iterable[str]) -> np.ndarray:
    """Absolute magnitudes of both stars of a binary together: (..., bands, states).

    Parameters
    ----------
    atmosphere
        log10 luminosity (solar), log10 Teff (K), log g (cgs) and [Fe/H] of the primary and, where there is room for
        it, its companion, whose luminosity is -inf where there is none: (..., stars, 4, states).
    bands
        See `milkyway_cnn.galaxy.photometry.absolute_magnitudes`.
    """
    log_l, log_teff, log_g, metallicity = np.moveaxis(atmosphere, -2, 0)
    shines = np.isfinite(log_l)
    of_stars = absolute_magnitudes(log_l[shines], 10.0 ** log_teff[shines], log_g[shines], metallicity[shines], bands)
    magnitudes = np.full((len(of_stars), *log_l.shape), np.inf)
    magnitudes[:, shines] = of_stars
    primary = magnitudes[..., 0, :]
    for companion in range(1, log_l.shape[-2]):
        fainter = magnitudes[..., companion, :] - primary
        primary = primary - 2.5 * np.log10(1.0 + 10.0 ** (-0.4 * fainter))
    return np.moveaxis(primary, 0, -2)


@dataclass(frozen=True, eq=False)
class StateTable:
    """The states that stars of a model can be in; stars refer to them by number.

    Parameters
    ----------
    atmosphere
        As for `combined_magnitudes`, at [Fe/H] less `step`, as it is, and plus `step`; or only as it is: (3 or 1,
        2 or 1, 4, states).
    step
        dex.
    mass, age
        Present mass of the primary (Msun) and age (Gyr; NaN where unknown): (states,).
    luminosity_class
        1 supergiant, 2 bright giant, 3 giant, 4 subgiant, 5 dwarf: (states,) uint8.
    """

    atmosphere: np.ndarray
    step: float
    mass: np.ndarray
    age: np.ndarray
    luminosity_class: np.ndarray

    @cached_property
    def _colors(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Every band less Ks, and change per dex, of each state; made when one is first asked for."""
        magnitudes = combined_magnitudes(self.atmosphere, BANDS)
        colors = np.swapaxes(magnitudes - magnitudes[:, BANDS.index("Ks"), None], 0, 1)
        slopes = [np.clip(self._slope(color), -STEEPEST, STEEPEST) for color in colors]
        as_it_is = colors[:, len(magnitudes) // 2]
        pairs = ((a.astype(np.float32), b.astype(np.float32)) for a, b in zip(as_it_is, slopes, strict=True))
        return dict(zip(BANDS, pairs, strict=True))

    def color(self, band: str) -> tuple[np.ndarray, np.ndarray]:
        """Color band - Ks of each state and its change per dex of [Fe/H] (mag): two arrays (states,) float32."""
        return self._colors[band]

    def _slope(self, values: np.ndarray) -> np.ndarray:
        return (values[-1] - values[0]) / (2.0 * self.step)

    def atmosphere_at(self, state: np.ndarray, dex: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Teff (K), log g (cgs) and [Fe/H] of the primaries of stars, `dex` richer in metals than their states."""
        primary = self.atmosphere[:, 0, 1:]
        log_teff, log_g, metallicity = primary[len(primary) // 2][:, state] + dex * self._slope(primary)[:, state]
        return tuple(a.astype(np.float32) for a in (10.0**log_teff, log_g, metallicity))


@dataclass(frozen=True)
class Stars:
    """A star list: one row a star, ordered by distance step and component, not at random.

    Parameters
    ----------
    distance
        From the Sun (kpc): (stars,) float32.
    J, H, Ks
        Apparent magnitudes without extinction: (stars,) float32.
    component
        1 to 7 for the age classes of the thin disc, 8 thick disc, 9 spheroid, 10 bulge: (stars,) uint8.
    state
        Row of each star in `states`: (stars,) int32.
    dex
        How much richer in metals each star is than its state: (stars,) float32.
    states
        What the stars can be.
    """

    distance: np.ndarray
    J: np.ndarray
    H: np.ndarray
    Ks: np.ndarray
    component: np.ndarray
    state: np.ndarray
    dex: np.ndarray
    states: StateTable

    def __len__(self) -> int:
        return self.distance.size

    def __getitem__(self, rows: slice | np.ndarray) -> Stars:
        """Star list of some rows."""
        return Stars(**{name: getattr(self, name)[rows] for name in _COLUMNS}, states=self.states)

    @classmethod
    def concatenate(cls, parts: list[Stars]) -> Stars:
        """One star list of several of the same model."""
        columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS}
        return cls(**columns, states=parts[0].states)

    def magnitude(self, band: str) -> np.ndarray:
        """Apparent magnitudes in a band without extinction: (stars,) float32.

        Raises
        ------
        InputError
            When the band is unknown.
        """
        if band in NEAR_INFRARED:
            return getattr(self, band)
        usable_bands(band)
        color, slope = self.states.color(band)
        return self.Ks + (color[self.state] + self.dex * slope[self.state])

    def array(self, bands: Iterable[str] = NEAR_INFRARED) -> np.ndarray:
        """Distance (kpc) and magnitudes without extinction, as kernels want them: (stars, 1 + bands) float32."""
        return np.stack([self.distance, *(self.magnitude(band) for band in bands)], axis=1)

    def parallax(self) -> np.ndarray:
        """True parallaxes (mas): (stars,) float32."""
        return np.float32(1.0) / self.distance

    def behind(self, edges: np.ndarray, delta_A_V: np.ndarray, beam: float = 0.0, seed: int = 0) -> np.ndarray:
        """A_V (mag) in front of each star, of a profile: linear inside the bins, constant beyond: (stars,) float32.

        Parameters
        ----------
        edges
            Distance bin edges (kpc): (bins + 1,).
        delta_A_V
            Extinction that each bin adds (mag): (bins,).
        beam
            Standard deviation of ln(A_V) from star to star at one distance, for dust that varies inside the beam; the
            mean over the stars stays that of the profile.
        seed
            Of these variations.
        """
        A_V = np.interp(self.distance, edges, np.concatenate(([0.0], np.cumsum(delta_A_V)))).astype(np.float32)
        if beam:
            spread = beam * np.random.default_rng(seed).standard_normal(len(self), np.float32)
            A_V *= np.exp(spread - np.float32(0.5 * beam**2))
        return A_V

    def reddened(self, band: str, A_V: np.ndarray, law: str = DEFAULT, R_V: float = 3.1) -> np.ndarray:
        """Apparent magnitudes in a band behind A_V (mag), see `milkyway_cnn.extinction.law`: (stars,) float32.

        Raises
        ------
        InputError
            When the band or the law is unknown, or they do not fit each other.
        """
        bp_rp = None if band in NEAR_INFRARED else self.magnitude("BP") - self.magnitude("RP")
        return self.magnitude(band) + extinction(band, A_V, law, R_V, bp_rp=bp_rp).astype(np.float32)

    def table(
        self,
        bands: Iterable[str] = NEAR_INFRARED,
        *,
        A_V: np.ndarray | None = None,
        law: str = DEFAULT,
        R_V: float = 3.1,
    ) -> QTable:
        """Return all that is known of the stars, as an astropy table with units.

        Columns: distance, parallax; apparent magnitudes in `bands`; component, age (NaN where unknown), metallicity
        ([Fe/H]), effective temperature Teff, log_g, luminosity_class and mass, the last five of the primary where the
        star is an unresolved binary. Given A_V (mag, as from `behind`), the magnitudes are those behind it, A_V has a
        column, and so has each band without extinction, its name ending in _0; `meta` has law and R_V.
        """
        from astropy import units as u
        from astropy.table import QTable

        bands = usable_bands(bands)
        teff, log_g, metallicity = self.states.atmosphere_at(self.state, self.dex)
        magnitudes = {band: self.magnitude(band) for band in bands}
        if A_V is not None:
            bare = {f"{band}_0": magnitude for band, magnitude in magnitudes.items()}
            magnitudes = {"A_V": A_V} | {band: self.reddened(band, A_V, law, R_V) for band in bands} | bare
        return QTable(
            {
                "distance": self.distance * u.kpc,
                "parallax": self.parallax() * u.mas,
                **{name: values * u.mag for name, values in magnitudes.items()},
                "component": self.component,
                "age": self.states.age[self.state] * u.Gyr,
                "metallicity": metallicity * u.dex,
                "Teff": teff * u.K,
                "log_g": log_g * u.dex(u.cm / u.s**2),
                "luminosity_class": self.states.luminosity_class[self.state],
                "mass": self.states.mass[self.state] * u.Msun,
            },
            meta={} if A_V is None else {"law": law, "R_V": R_V},
        )
