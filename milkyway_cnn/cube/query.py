"""Ask a cube for extinction at coordinates, with the calls of the package `dustmaps`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from milkyway_cnn.cube.files import load
from milkyway_cnn.errors import InputError
from milkyway_cnn.extinction.law import DEFAULT, ratio
from milkyway_cnn.sightlines import Grid

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from astropy.units import Quantity

__all__ = ["CubeQuery"]


class CubeQuery:
    """A cube that is queried as `dustmaps.bayestar.BayestarQuery` is.

    Parameters
    ----------
    cube : xarray.Dataset
        As `cube.build` and `cube.load` return it.
    band : str
        In which extinction is given: V, or a band of `extinction.law.WAVELENGTH`.
    law, R_V : str, float
        Extinction law for other bands than V.

    Raises
    ------
    InputError
        When band, law or R_V are not known or do not fit.

    Examples
    --------
    >>> dust = CubeQuery.read("runs/demo/cube/cube.zarr", band="Ks")
    >>> dust(SkyCoord(285 * u.deg, 0.5 * u.deg, distance=3 * u.kpc, frame="galactic"))
    >>> dust.distance(SkyCoord(285 * u.deg, 0.5 * u.deg, frame="galactic"), 1.0)
    """

    def __init__(self, cube: xr.Dataset, band: str = "V", law: str = DEFAULT, R_V: float = 3.1):
        self.cube = cube
        self._factor = 1.0 if band == "V" else ratio(band, law, R_V)
        self._edges = cube["distance_edges"].values
        half = cube.attrs["cell_deg"] / 2
        l, b = cube["l"].values, cube["b"].values
        self._grid = Grid(l[0] - half, l[-1] + half, b[0] - half, b[-1] + half, 2 * half)
        # From the Sun to each edge; the last sightline, NaN, stands for those outside the cube.
        steps = cube["delta_A_V"].transpose("b", "l", "distance").values.reshape(-1, len(self._edges) - 1)
        self._total = np.full((len(steps) + 1, len(self._edges)), np.nan)
        self._total[:-1, 0] = np.where(np.isnan(steps[:, 0]), np.nan, 0.0)
        self._total[:-1, 1:] = np.cumsum(steps, axis=-1, dtype=np.float64)

    @classmethod
    def read(cls, path: str | os.PathLike[str], **options: Any) -> CubeQuery:
        """Query the cube that `cube.save` has written at `path`; the options are those of the class."""
        return cls(load(path), **options)

    @property
    def distances(self) -> Quantity:
        """Far edges of the distance bins (kpc): where a query without distances gives values."""
        from astropy import units as u

        return self._edges[1:] * u.kpc

    def query(
        self, coords: SkyCoord, mode: str = "mean", return_flags: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Extinction (mag) from the Sun to coordinates of any frame.

        Parameters
        ----------
        coords : astropy.coordinates.SkyCoord
            Scalar or array. Between the edges of bins extinction grows linearly; a sightline is that of the cell.
        mode : str
            "mean": a cube holds one value a bin.
        return_flags : bool
            Return flags as well, a structured array: `converged`, whether there is a prediction for the cell, and
            `reliable_dist`, whether the distance lies within the cube; without distances `min_reliable_distmod` and
            `max_reliable_distmod` (mag) in its place.

        Returns
        -------
        numpy.ndarray
            float32 of the shape of `coords`, or, without distances, of that and of `distances`. Cells outside the
            cube or without prediction are NaN. Beyond the last edge it is the value at that edge, a lower limit.

        Raises
        ------
        InputError
            For another mode.
        """
        if mode != "mean":
            msg = f"mode = {mode!r} needs draws of the map, and a cube holds their mean alone; choose 'mean'"
            raise InputError(msg)
        cell, distance = self._places(coords)
        if distance is None:
            values = self._total[cell, 1:].reshape(*coords.shape, -1)
        else:
            inner = np.clip(distance, 0.0, self._edges[-1])
            bin_ = np.clip(np.searchsorted(self._edges, inner, side="right") - 1, 0, len(self._edges) - 2)
            part = (inner - self._edges[bin_]) / (self._edges[bin_ + 1] - self._edges[bin_])
            values = (1.0 - part) * self._total[cell, bin_] + part * self._total[cell, bin_ + 1]
            values = values.reshape(coords.shape)
        values = (self._factor * values).astype(np.float32)
        return (values, self._flags(cell, distance, coords.shape)) if return_flags else values

    __call__ = query

    def distance(self, coords: SkyCoord, extinction: np.ndarray | float) -> Quantity:
        """Distance at which extinction first reaches a value.

        Parameters
        ----------
        coords : astropy.coordinates.SkyCoord
            Directions; distances are not looked at.
        extinction : float or array that broadcasts with `coords`
            In the band of the map (mag), from 0 up.

        Returns
        -------
        astropy.units.Quantity
            kpc, inf where extinction stays below the value in all the cube, NaN where the cube has no prediction.
        """
        from astropy import units as u

        wanted = np.asarray(extinction, dtype=np.float64)
        if not np.all(wanted >= 0):
            msg = f"extinction = {np.min(wanted):g} mag is not reached anywhere; ask for 0 or more"
            raise InputError(msg)
        shape = np.broadcast_shapes(coords.shape, wanted.shape)
        cell = np.broadcast_to(self._places(coords)[0].reshape(coords.shape), shape).ravel()
        wanted = np.broadcast_to(wanted / self._factor, shape).ravel()
        first, last = np.ones(len(cell), int), np.full(len(cell), len(self._edges) - 1)
        while np.any(first < last):  # by halves, to the first edge at which it is reached
            middle = (first + last) // 2
            below = (self._total[cell, middle] < wanted) & (middle < last)
            first, last = np.where(below, middle + 1, first), np.where(below, last, middle)
        low, high = self._total[cell, first - 1], self._total[cell, first]
        near, far = self._edges[first - 1], self._edges[first]
        part = np.divide(wanted - low, high - low, out=np.zeros_like(low), where=high > low)
        found = np.where(high < wanted, np.inf, near + np.maximum(part, 0.0) * (far - near))
        found[np.isnan(high)] = np.nan
        return found.reshape(shape) * u.kpc

    def _places(self, coords: SkyCoord) -> tuple[np.ndarray, np.ndarray | None]:
        """Find the sightline of each position, the last outside the cube, and distances (kpc) if `coords` has some."""
        from astropy import units as u

        galactic = coords.galactic
        cell = self._grid.cell_index(*(np.atleast_1d(angle.deg).ravel() for angle in (galactic.l, galactic.b)))
        if coords.distance.unit == u.dimensionless_unscaled:
            return cell, None
        return cell, np.atleast_1d(coords.distance.to_value(u.kpc)).ravel()

    def _flags(self, cell: np.ndarray, distance: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray:
        """Flags as `dustmaps` has them."""
        known = ~np.isnan(self._total[cell, -1])
        names = ("min_reliable_distmod", "max_reliable_distmod") if distance is None else ("reliable_dist",)
        flags = np.zeros(
            len(cell), [("converged", "?"), *((name, "f4" if distance is None else "?") for name in names)]
        )
        flags["converged"] = known
        if distance is None:
            with np.errstate(divide="ignore"):  # a cube that begins at the Sun is reliable from a modulus of -inf
                for name, edge in zip(names, self._edges[[0, -1]], strict=True):
                    flags[name] = 5.0 * np.log10(edge) + 10.0
        else:
            flags["reliable_dist"] = known & (distance >= self._edges[0]) & (distance <= self._edges[-1])
        return flags.reshape(shape)
