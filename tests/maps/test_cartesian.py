import re

import numpy as np
import pytest
import xarray as xr

from milkyway_cnn import cube
from milkyway_cnn.constants import R_SUN, Z_SUN
from milkyway_cnn.errors import InputError
from milkyway_cnn.maps import three_sides, to_cartesian
from milkyway_cnn.sightlines import Grid, distance_edges


def shells(dust: xr.Dataset) -> np.ndarray:
    """Volume of each bin of each cell (kpc3)."""
    edges, half = dust["distance_edges"].values, dust.attrs["cell_deg"] / 2
    b = dust["b"].values
    solid = np.radians(2 * half) * (np.sin(np.radians(b + half)) - np.sin(np.radians(b - half)))
    return solid[:, None, None] * np.ones((1, dust.sizes["l"], 1)) * (edges[1:] ** 3 - edges[:-1] ** 3) / 3


@pytest.mark.parametrize("voxel", [0.2, 0.37])
def test_integral_is_kept_whatever_the_voxel(noisy: xr.Dataset, voxel: float) -> None:
    made = to_cartesian(noisy, voxel, to=4.0)
    near = cube.within(noisy, 4.0)
    density = near["delta_A_V"].values / np.diff(near["distance_edges"].values)
    expected = np.nansum(density.astype(float) * shells(near))
    found = (made["density"].astype(float) * made["volume"].astype(float)).sum()
    assert float(found) == pytest.approx(expected, rel=1e-6)
    known = np.isfinite(density[..., 0])
    assert float(made["volume"].astype(float).sum()) == pytest.approx(shells(near)[known].sum(), rel=1e-6)
    assert (
        np.nanmin(density) - 1e-6
        <= float(made["density"].min())
        <= float(made["density"].max())
        <= np.nanmax(density) + 1e-6
    )


def test_a_cloud_is_where_it_is_in_either_frame(carina: xr.Dataset) -> None:
    near = cube.within(carina, 4.0)
    heliocentric, galactocentric = (
        to_cartesian(near, 0.15, frame=frame) for frame in ("heliocentric", "galactocentric")
    )
    at = heliocentric["density"].where(heliocentric["volume"] > 1e-3)
    place = {axis: float(value) for axis, value in at[at.argmax(...)].coords.items()}
    l, b = np.radians(284.5), np.radians(0.5)
    expected = 2.35 * np.array([np.cos(b) * np.cos(l), np.cos(b) * np.sin(l), np.sin(b)])
    np.testing.assert_allclose([place[axis] for axis in "xyz"], expected, atol=0.17)
    np.testing.assert_allclose(galactocentric["x"], heliocentric["x"] - R_SUN, atol=1e-9)
    np.testing.assert_allclose(galactocentric["z"], heliocentric["z"] + Z_SUN, atol=1e-9)
    assert heliocentric["density"].attrs["units"] == "mag kpc-1" and heliocentric["x"].attrs["units"] == "kpc"


def test_all_longitudes_and_the_horizon() -> None:
    grid = Grid(0, 360, -30, 30, 30.0)
    dust = cube.build(np.full((2, 12, 4), 0.1, np.float32), grid, distance_edges(4, 0.25))
    horizon = xr.DataArray(np.where(dust["l"] < 180, 0.5, 9.0) * np.ones((2, 1)), dims=("b", "l"))
    made = to_cartesian(dust.assign(horizon=horizon), 0.1)
    assert made.sizes == {"z": 10, "y": 20, "x": 20}
    far = np.hypot(made["x"], made["y"]).broadcast_like(made["density"]) > 0.62
    here = made["beyond_horizon"].where(far & (made["volume"] > 0))
    assert float(here.where(made["y"] > 0).mean()) > 0.98 and float(here.where(made["y"] < 0).max()) == 0
    figure = three_sides(made)
    figure.draw_without_rendering()
    above = figure.axes[0].collections[0].get_array()
    np.testing.assert_allclose(above, (made["density"].sum("z") * 0.1).where(made["volume"].sum("z") > 0), rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frame": "equatorial"}, "no frame 'equatorial'; choose one of heliocentric, galactocentric"),
        ({"voxel": 0.0}, "voxel (=0 kpc) must be positive"),
        ({"voxel": 1e-4}, "voxels of 0.0001 kpc are"),
    ],
)
def test_what_cannot_be_made_is_refused(carina: xr.Dataset, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        to_cartesian(carina, **options)
