import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milkyway_cnn.errors import InputError
from milkyway_cnn.surveys.tiles import Tile, parse_region, polygon, tiles

REGIONS = st.builds(
    lambda l, width, b, height: (l, l + width, b, min(b + height, 90.0)),
    st.floats(-360, 359, allow_subnormal=False),
    st.floats(0.01, 360),
    st.floats(-90, 89.9, allow_subnormal=False),
    st.floats(0.01, 180),
)


def directions(lon, lat) -> np.ndarray:
    lon, lat = np.radians(lon), np.radians(lat)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


@given(REGIONS, st.sampled_from([0.5, 1.0, 7.0]), st.integers(0, 2**32))
def test_each_place_of_a_region_lies_in_one_tile(region, side: float, seed: int) -> None:
    l_min, l_max, b_min, b_max = region
    side = max(side, (l_max - l_min) / 20, (b_max - b_min) / 20)  # not too many
    draw = np.random.default_rng(seed)
    l = draw.uniform(l_min - 5, l_max + 5, 200)
    b = np.append(draw.uniform(max(b_min - 5, -90), min(b_max + 5, 90), 198), [-90, 90])
    turned = l - 360 * np.floor((l - l_min) / 360)
    inside = (turned < l_max) & (b >= b_min) & ((b < b_max) | (b_max == 90))
    cut = list(tiles(region, side))
    times = sum(tile.contains(l % 360, b).astype(int) for tile in cut)
    np.testing.assert_array_equal(times, inside)
    area = (l_max - l_min) * np.degrees(np.sin(np.radians(b_max)) - np.sin(np.radians(b_min)))
    assert sum(tile.area for tile in cut) == pytest.approx(area)


@settings(max_examples=30)
@given(REGIONS, st.sampled_from([0.5, 1.0, 10.0]))
def test_the_polygon_holds_its_tile_and_little_more(region, side: float) -> None:
    from astropy.coordinates import SkyCoord

    side = max(side, (region[1] - region[0]) / 3, (region[3] - region[2]) / 3)
    for tile in list(tiles(region, side))[:3]:
        corners = np.array(polygon(tile))
        along = np.linspace(0, 1, 7)
        l, b = np.meshgrid(
            tile.l_min + along * (tile.l_max - tile.l_min), tile.b_min + along * (tile.b_max - tile.b_min)
        )
        at = SkyCoord(l.ravel(), b.ravel(), unit="deg", frame="galactic").icrs
        edges = directions(*corners.T)
        normals = np.cross(edges, np.roll(edges, -1, axis=0))
        side_of = directions(at.ra.deg, at.dec.deg) @ normals.T * np.sign(normals @ edges.mean(axis=0))
        assert side_of.min() > -1e-12


def test_tiles_of_one_grid_are_shared_and_quarters_are_a_whole() -> None:
    whole, part = set(tiles((10, 14, -2, 1), 1.0)), set(tiles((11.5, 14, -2, 0.5), 1.0))
    assert len(whole) == 12 and len(whole & part) == 4
    assert {tile.l_max - tile.l_min for tile in tiles((0, 360, 80, 81), 1.0)} == {4.0}
    tile = Tile(10, 12, -2, 1)
    assert sum(quarter.area for quarter in tile.quarters()) == pytest.approx(tile.area)
    assert str(tile) == "l 10 to 12, b -2 to 1 deg"


@pytest.mark.parametrize(
    "text", ["", "1,2,3", "1,2,3,4,5", "a,2,3,4", "2,1,0,1", "0,361,0,1", "0,1,-91,0", "nan,1,0,1"]
)
def test_what_is_no_region_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="must be l_min,l_max,b_min,b_max in degrees, such as 257,303,-5,5"):
        parse_region(text)


def test_a_region_is_read() -> None:
    assert parse_region("-10, 10,-5,5") == (-10, 10, -5, 5)
