import numpy as np
import pytest
import xarray as xr

from milkyway_cnn.errors import InputError
from milkyway_cnn.maps import projection as projections
from milkyway_cnn.maps.projection import PROJECTIONS, cells_of_map, pixel_places, project, sky_wcs
from milkyway_cnn.sightlines import Grid

REGIONS = {
    "field": Grid(257, 303, -5, 5, 2.0),
    "across l = 0": Grid(350, 370, -20, -10, 2.0),
    "plane": Grid(0, 360, -10, 10, 5.0),
    "sky": Grid(0, 360, -90, 90, 10.0),
}


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projections, "_PIXELS", 120)


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("projection", PROJECTIONS)
def test_places_turn_around_and_every_cell_is_seen_where_it_is(region: str, projection: str) -> None:
    cells = REGIONS[region]
    if (region in ("plane", "sky") and projection in ("TAN", "STG", "SIN")) or (region, projection) == ("sky", "MER"):
        with pytest.raises(InputError, match=f"{projection} (shows up to|does not show)"):
            sky_wcs(cells, projection)
        return
    wcs = sky_wcs(cells, projection)
    l, b = pixel_places(wcs)
    seen = np.isfinite(l)
    back = wcs.wcs_pix2world(*wcs.wcs_world2pix(l[seen], b[seen], 0), 0)
    turn = np.abs((back[0] - l[seen] + 180) % 360 - 180) * np.cos(np.radians(b[seen]))
    assert turn.max() < 1e-9 and np.abs(back[1] - b[seen]).max() < 1e-9
    if region != "sky":
        numbers = xr.DataArray(
            np.arange(cells.l.size * cells.b.size).reshape(cells.shape), {"b": cells.b, "l": cells.l}, ("b", "l")
        )
        image = project(numbers, wcs, cells.cell)
        assert np.array_equal(np.unique(image[np.isfinite(image)]), numbers.values.ravel())
        i, j = cells.shape[0] // 2, cells.shape[1] // 3
        there = wcs.wcs_world2pix(cells.l[j], cells.b[i], 0)
        assert image[round(float(there[1])), round(float(there[0]))] == numbers.values[i, j]
    # Longitude grows to the left.
    middle = wcs.array_shape[0] // 2
    along = np.unwrap(l[middle][np.isfinite(l[middle])], period=360)
    assert projection in ("ARC", "ZEA") or (np.diff(along) < 0).all()


def test_a_pixel_of_car_is_a_cell() -> None:
    cells = REGIONS["field"]
    values = np.random.default_rng(1).random(cells.shape)
    field = xr.DataArray(values, {"b": cells.b, "l": cells.l}, ("b", "l"))
    assert cells_of_map(field, 2.0) == cells
    np.testing.assert_array_equal(project(field, sky_wcs(cells, "CAR"), 2.0), values[:, ::-1])


def test_an_unknown_projection_is_refused() -> None:
    with pytest.raises(InputError, match="no projection 'XYZ'; choose one of CAR, CEA"):
        sky_wcs(REGIONS["field"], "XYZ")
