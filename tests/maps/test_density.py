import numpy as np
import pytest
import xarray as xr

from milkyway_cnn.errors import InputError
from milkyway_cnn.maps.density import plane_density, titled_densities


def test_density_is_the_weighted_mean_per_kpc_of_the_cells_near_the_plane(noisy: xr.Dataset) -> None:
    whole, near = plane_density(noisy), plane_density(noisy, b_max=1)
    delta, b = noisy["delta_A_V"].values, noisy["b"].values
    weight = np.cos(np.radians(b))[:, None, None] * np.isfinite(delta)
    np.testing.assert_allclose(whole, np.nansum(delta * weight, axis=0) / weight.sum(axis=0) / 0.1, rtol=1e-5)
    np.testing.assert_allclose(near, delta[[4, 5]].mean(axis=0) / 0.1, rtol=1e-5)
    assert whole.dims == ("l", "distance") and whole.units == "mag / kpc"
    assert float(near["b"]) == pytest.approx(0)


def test_titles_name_the_map_and_the_latitudes(carina: xr.Dataset) -> None:
    assert list(titled_densities(carina, None, ("a", "b"), None, None)) == [""]
    two = titled_densities(carina, carina, ("a", "b"), 2.0, 5.0)
    assert list(two) == ["a, |$b$| ≤ 2°", "b, |$b$| ≤ 2°"]
    assert all(density.sizes["distance"] == 50 for density in two.values())


def test_a_cube_away_from_the_plane_is_refused(orion: xr.Dataset) -> None:
    with pytest.raises(InputError, match=r"no cell lies within 5 deg of the plane; the closest is 18\.25 deg away"):
        plane_density(orion, b_max=5)
