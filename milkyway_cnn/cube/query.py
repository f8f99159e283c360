"""Ask a cube for extinction at coordinates, with the calls of the package `dustmaps`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from milkyway_cnn.cube.cells import cells
from milkyway_cnn.cube.curves import along, at_distance, bin_of, first_reach
from milkyway_cnn.cube.files import load
from milkyway_cnn.cube.modes import Curve, asked, percentiles
from milkyway_cnn.errors import InputError
from milkyway_cnn.extinction.law import DEFAULT, ratio

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from astropy.units import Quantity

__all__ = ["CubeQuery"]


class CubeQuery:
    """A cube that is queried as `dustmaps.bayestar.BayestarQuery` is.

    Parameters
    ----------
    cube : xarray.Dataset
        As `cube.build`, `cube.to_healpix` and `cube.load` return it. Of one that is opened lazily, what a query needs
        is read chunk by chunk.
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
        self._edges = cube["distance_edges"].values.astype(float)
        self._cells = cells(cube)

    @classmethod
    def read(cls, path: str | os.PathLike[str], **options: Any) -> CubeQuery:
        """Query a cube in a file, opened lazily where it can be; the options are those of the class."""
        return cls(load(path, lazy=True), **options)

    @property
    def distances(self) -> Quantity:
        """Far edges of the distance bins (kpc): where a query without distances gives values."""
        from astropy import units as u

        return self._edges[1:] * u.kpc

    @property
    def distmods(self) -> Quantity:
        """Distance moduli (mag) of `distances`."""
        from astropy import units as u

        return _distmod(self._edges[1:]) * u.mag

    def query(
        self,
        coords: SkyCoord,
        mode: str = "mean",
        return_flags: bool = False,
        pct: float | np.ndarray | None = None,
        seed: int = 0,
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Extinction (mag) from the Sun to coordinates of any frame.

        Parameters
        ----------
        coords : astropy.coordinates.SkyCoord
            Scalar or array of any shape. A sightline is that of the cell. At the far edges of bins values are those of
            the cube, and between edges they grow linearly, so that at the center of a bin they are their mean.
        mode : str
            "mean" and "best": the map; "std": its standard deviation; "median"; "percentile": as `pct` says;
            "samples": all draws; "random_sample": one draw, anew for each of the coordinates; "random_sample_per_pix":
            one draw for each cell.
        return_flags : bool
            Return flags as well.
        pct : float or array
            Percentiles, 0 to 100. Those between the quantiles of the cube are interpolated.
        seed : int
            Of the random choice of draws.

        Returns
        -------
        values : numpy.ndarray
            float32 of the shape of `coords`, or, without distances, of that and of `distances`; with several
            percentiles or all draws, these are the last axis. Cells outside the cube or without prediction are NaN.
            Beyond the last edge it is the value at that edge, a lower limit.
        flags : numpy.ndarray
            Structured, of the shape of `coords`: `converged`, whether there is a prediction for the cell, and
            `reliable_dist`, whether the distance lies within the cube, before the horizon, and not nearer than the
            field `nearest`; without distances
            `min_reliable_distmod` and `max_reliable_distmod` (mag) in its place. Beside these, which Bayestar has,
            `max_reliable_distance` (kpc), `std` (mag, NaN where the cube has none), and `flags`, the bits of
            `cube.fields.FLAGS` (0 where the cube has none); without distances one `std` and `flags` a bin.

        Raises
        ------
        InputError
            For another mode, percentiles out of range, or what the cube does not hold.
        """
        cell, distance = self._places(coords)
        values = self._factor * self._read(*asked(self.cube, mode, pct, cell, seed), cell, distance)
        values = values.reshape((*coords.shape, *values.shape[1:])).astype(np.float32)
        return (values, self._flags(cell, distance).reshape(coords.shape)) if return_flags else values

    __call__ = query

    def query_gal(self, l: Any, b: Any, d: Any = None, **options: Any) -> Any:
        """Query at Galactic longitude and latitude (deg or with unit) and distance (kpc or with unit)."""
        return self.query(_coordinates(l, b, d, "galactic"), **options)

    def query_equ(self, ra: Any, dec: Any, d: Any = None, frame: str = "icrs", **options: Any) -> Any:
        """Query at right ascension and declination (deg or with unit) and distance (kpc or with unit)."""
        if frame not in ("icrs", "fk4", "fk5", "fk4noeterms"):
            msg = f"frame = {frame!r} must be icrs, fk4, fk5 or fk4noeterms; give other ones as a SkyCoord"
            raise InputError(msg)
        return self.query(_coordinates(ra, dec, d, frame), **options)

    def distance(
        self,
        coords: SkyCoord,
        extinction: np.ndarray | float,
        return_flags: bool = False,
        pct: float | np.ndarray | None = None,
    ) -> Quantity | tuple[Quantity, np.ndarray]:
        """Distance at which extinction first reaches a value.

        Parameters
        ----------
        coords : astropy.coordinates.SkyCoord
            Directions; distances are not looked at.
        extinction : float or array that broadcasts with `coords`
            In the band of the map (mag), from 0 up.
        return_flags : bool
            Return flags at these distances as well, as `query` does.
        pct : float or array
            Percentiles of the distance; by default that of the mean map. The probability that extinction has reached
            the value before a distance is that of extinction there being higher, so the p-th percentile is where the
            (100 - p)-th of extinction reaches it.

        Returns
        -------
        astropy.units.Quantity
            kpc, inf where extinction stays below the value in all the cube, NaN where the cube has no prediction; with
            an array of percentiles, these are the last axis.

        Raises
        ------
        InputError
            For a value that is negative or no number, or percentiles that the cube does not hold.
        """
        from astropy import units as u

        wanted = np.asarray(extinction, dtype=np.float64)
        if not np.all(wanted >= 0):
            msg = f"extinction = {np.min(wanted):g} mag is not reached anywhere; ask for 0 or more"
            raise InputError(msg)
        shape = np.broadcast_shapes(coords.shape, wanted.shape)
        cell = np.broadcast_to(self._places(coords)[0].reshape(coords.shape), shape).ravel()
        wanted = np.broadcast_to(wanted / self._factor, shape).ravel()
        if pct is None:
            lead, (name, curve) = (), asked(self.cube, "mean", None, cell)
        else:
            of_extinction = 100.0 - percentiles(pct)
            lead, (name, curve) = np.shape(of_extinction), asked(self.cube, "percentile", of_extinction, cell)
        found = np.full((len(cell), *lead), np.nan)
        for places, values in self._along(name, cell):
            value = wanted[places].reshape(-1, *(1,) * len(lead))
            found[places] = first_reach(curve(values, places), self._edges, value)
        found[cell < 0] = np.nan
        result = found.reshape((*shape, *lead)) * u.kpc
        if not return_flags:
            return result
        return result, self._flags(np.repeat(cell, found[:1].size), found.ravel()).reshape(result.shape)

    def _along(self, name: str, cell: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Read a field along the sightlines of places; those outside have values of another cell."""
        return along(self.cube, name, np.maximum(cell, 0))

    def _read(self, name: str, curve: Curve, cell: np.ndarray, distance: np.ndarray | None) -> np.ndarray:
        """Values of places, (places, [bins], [percentiles or draws]) float64, NaN outside the cube."""
        if not len(cell):
            one = np.zeros(1, int)
            return self._read(name, curve, one, None if distance is None else np.zeros(1))[:0]
        found = np.empty(0)
        for places, curves in self._along(name, cell):
            values = curve(curves, places)
            values = (
                np.moveaxis(values, -1, 1) if distance is None else at_distance(values, self._edges, distance[places])
            )
            if not found.size:
                found = np.empty((len(cell), *values.shape[1:]))
            found[places] = values
        found[cell < 0] = np.nan
        return found

    def _places(self, coords: SkyCoord) -> tuple[np.ndarray, np.ndarray | None]:
        """Find the cell of each position, -1 outside the cube, and distances (kpc) if `coords` has some."""
        from astropy import units as u

        if not hasattr(coords, "galactic"):
            msg = f"coords must be a SkyCoord, not {type(coords).__name__}; query_gal(l, b, d) takes numbers"
            raise InputError(msg)
        galactic = coords.galactic
        cell = self._cells.cell_index(*(np.atleast_1d(angle.deg).ravel() for angle in (galactic.l, galactic.b)))
        if coords.distance.unit == u.dimensionless_unscaled:
            return cell, None
        return cell, np.atleast_1d(coords.distance.to_value(u.kpc)).ravel()

    def _flags(self, cell: np.ndarray, distance: np.ndarray | None) -> np.ndarray:
        """Flags as `dustmaps` has them, and ours, of places: (places,)."""
        bins = () if distance is not None else (len(self._edges) - 1,)
        bayestar: list[tuple[str, str]] = [("converged", "?"), ("reliable_dist", "?")]
        if distance is None:
            bayestar[1:] = [("min_reliable_distmod", "f4"), ("max_reliable_distmod", "f4")]
        flags = np.zeros(
            len(cell), [*bayestar, ("max_reliable_distance", "f4"), ("std", "f4", bins), ("flags", "u1", bins)]
        )
        last = self._plane("A_V", cell)
        known = np.isfinite(last)
        reach = np.minimum(self._plane("horizon", cell), self._edges[-1]) if "horizon" in self.cube else self._edges[-1]
        near = np.maximum(self._plane("nearest", cell), self._edges[0]) if "nearest" in self.cube else self._edges[0]
        flags["converged"] = known
        flags["max_reliable_distance"] = reach = np.where(known, reach, np.nan)
        if distance is None:
            flags["min_reliable_distmod"] = np.where(known, _distmod(near), np.nan)
            flags["max_reliable_distmod"] = _distmod(reach)
        else:
            flags["reliable_dist"] = known & (distance >= near) & (distance <= reach)
        if {"A_V_std", "A_V_samples"} & set(self.cube.variables):
            flags["std"] = self._factor * self._read(*asked(self.cube, "std", None, cell), cell, distance)
        else:
            flags["std"] = np.nan
        if "flags" in self.cube:
            for places, bits in self._along("flags", cell):
                row = np.arange(len(places))
                flags["flags"][places] = bits if distance is None else bits[row, bin_of(self._edges, distance[places])]
            flags["flags"][cell < 0] = 0
        return flags

    def _plane(self, name: str, cell: np.ndarray) -> np.ndarray:
        """Values of a field of the sky, or of one at its last distance, NaN outside the cube: (places,)."""
        values = np.full(len(cell), np.nan)
        for places, found in self._along(name, cell):
            values[places] = found if found.ndim == 1 else found[:, -1]
        values[cell < 0] = np.nan
        return values


def _coordinates(first: Any, second: Any, d: Any, frame: str) -> SkyCoord:
    from astropy import units as u
    from astropy.coordinates import SkyCoord

    place = {} if d is None else {"distance": u.Quantity(d, u.kpc)}
    return SkyCoord(u.Quantity(first, u.deg), u.Quantity(second, u.deg), frame=frame, **place)


def _distmod(distance: np.ndarray | float) -> np.ndarray:
    """Distance modulus (mag) of a distance (kpc), -inf at the Sun."""
    with np.errstate(divide="ignore"):
        return 5.0 * np.log10(distance) + 10.0
