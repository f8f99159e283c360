"""Numbers of two maps beside each other, on fields whose structure is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy.ndimage import gaussian_filter

from milkyway_cnn import cube
from milkyway_cnn.comparison import tracers
from milkyway_cnn.comparison.agreement import agreement, by_latitude
from milkyway_cnn.comparison.clouds import against_distances, cloud_catalog
from milkyway_cnn.comparison.pages import compare
from milkyway_cnn.comparison.structure import correlation_lengths, finger_index, structure_function, tile_power
from milkyway_cnn.comparison.tracers.table import make
from milkyway_cnn.errors import InputError
from milkyway_cnn.sightlines import Grid, distance_edges

GRID, EDGES = Grid(257, 303, -5, 5, 0.5), distance_edges(100)


def clumpy(smooth: tuple[float, float, float]) -> xr.Dataset:
    """Log-normal dust smoothed over so many cells in b, l and bins in distance."""
    noise = gaussian_filter(np.random.default_rng(3).normal(size=(*GRID.shape, 100)), smooth, mode="wrap")
    return cube.build(np.exp(0.5 * noise / noise.std()).astype(np.float32) / 10, GRID, EDGES)


def test_a_map_that_is_a_line_of_another(carina: xr.Dataset) -> None:
    grid, edges = Grid(257, 303, -5, 5, 1.0), carina["distance_edges"].values
    ours = carina["delta_A_V"].values * 0.8
    ours[..., 0] += 0.02 * np.abs(carina["b"].values)[:, None]
    scores = agreement(cube.build(ours, grid, edges), carina, 4.0)
    assert scores["compared_cells"]["value"] == 460
    plane = cube.integrate(carina, 4.0).values.ravel()
    line = np.polyfit(plane, 0.8 * plane + 0.02 * np.repeat(np.abs(carina["b"].values), 46), 1)
    assert scores["slope"]["value"] == pytest.approx(line[0], rel=1e-3)
    assert scores["spearman"]["value"] > 0.9
    same = agreement(carina, carina, 4.0)
    assert (same["slope"]["value"], same["spearman"]["value"]) == pytest.approx((1, 1))
    assert same["scatter"]["value"] == pytest.approx(0, abs=1e-6)
    only_latitude = cube.build(carina["delta_A_V"].values + ours * 0, grid, edges)
    tilted = only_latitude.copy(deep=True)
    tilted["delta_A_V"][..., 0] += 0.1 * abs(carina["b"])
    assert agreement(tilted, carina, 4.0)["latitude_trend"]["value"] == pytest.approx(0.1, rel=1e-3)
    rows = by_latitude(tilted, carina, 4.0)
    np.testing.assert_allclose(rows["difference"], 0.1 * np.abs(rows["b"]), atol=1e-5)


def test_a_map_of_the_sky_alone_can_be_compared(carina: xr.Dataset) -> None:
    plane = cube.integrate(carina, 10.0).to_dataset(name="A_V").assign_attrs(cell_deg=1.0)
    scores = agreement(carina, plane, 20.0)
    assert scores["slope"]["value"] == pytest.approx(1) and "other_fingers" not in scores
    with pytest.raises(InputError, match="share 0 cells with a value"):
        agreement(carina, plane * np.nan)


def test_fingers_are_longer_than_they_are_wide() -> None:
    # A Gaussian kernel of s gives correlations that fall to a half at s sqrt(4 ln 2)
    round_, finger = clumpy((3, 3, 3)), clumpy((1, 1, 8))
    radial, transverse = correlation_lengths(round_)
    assert radial == pytest.approx(3 * np.sqrt(4 * np.log(2)) * 0.1, rel=0.15)
    typical = np.radians(0.5) * 5.0  # width of a cell at the middle distance
    assert transverse == pytest.approx(3 * np.sqrt(4 * np.log(2)) * typical, rel=0.2)
    assert finger_index(finger) > 5 * finger_index(round_)


def test_seams_between_tiles_are_found() -> None:
    smooth = cube.integrate(clumpy((3, 3, 3)), 5.0)
    assert abs(tile_power(smooth, 4)) < 0.2
    tiles = (np.arange(20)[:, None] // 4 + np.arange(92) // 4) % 2
    assert tile_power(smooth + tiles, 4) > 1.0
    assert np.isnan(tile_power(smooth * 0, 4))


def test_the_structure_function_of_noise_is_flat_and_of_a_ramp_a_square() -> None:
    noise = xr.DataArray(np.random.default_rng(1).normal(size=GRID.shape), {"b": GRID.b, "l": GRID.l}, ("b", "l"))
    np.testing.assert_allclose(structure_function(noise), 2.0, rtol=0.15)
    ramp = (noise * 0 + noise["l"] + noise["b"]).transpose("b", "l")
    np.testing.assert_allclose(structure_function(ramp), structure_function(ramp)["lag"] ** 2, rtol=1e-9)


def test_clouds_are_cataloged_with_their_distances(carina: xr.Dataset) -> None:
    pytest.importorskip("astrodendro")
    found = cloud_catalog(carina, least=2.0, contrast=1.0)
    assert len(found) == 1
    cloud = found[0]
    assert (cloud["l"], cloud["b"], cloud["distance"]) == pytest.approx((284.5, 0.5, 2.35), abs=0.1)
    assert found["distance"].unit == "kpc" and cloud["A_V"] > 2
    published = make(["here", "far away"], [284.9, 100.0], [0.3, 0.0], [2.5, 1.0], "cloud")
    scores = against_distances(found, published)
    assert scores["cloud_pairs"]["value"] == 1
    assert scores["cloud_distance_ratio"]["value"] == pytest.approx(2.35 / 2.5, abs=0.03)
    assert len(cloud_catalog(carina, least=1e3)) == 0
    assert against_distances(cloud_catalog(carina, least=1e3), published)["cloud_distance_ratio"]["value"] is None
    assert tracers.within(published, (280, 290, -5, 5))["name"].tolist() == ["here"]


def test_a_comparison_is_one_page(noisy: xr.Dataset, carina: xr.Dataset, tmp_path: Path) -> None:
    scores = compare(noisy, carina, tmp_path / "page.html", names=("map", "truth"), tile=5)
    text = (tmp_path / "page.html").read_text()
    assert text.startswith("<!doctype html>") and "data:image/png;base64" in text and "://" not in text
    assert all(name in text for name in scores) and {"map_tiling", "other_fingers"} <= set(scores)
