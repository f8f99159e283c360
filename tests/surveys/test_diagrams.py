"""The table of diagrams: what each counts of a catalog, against plain selections and histograms."""

from __future__ import annotations

import numpy as np
import pytest

from milkyway_cnn import diagrams
from milkyway_cnn.errors import InputError
from milkyway_cnn.sightlines import Cones, Grid, Healpix
from milkyway_cnn.surveys.catalog import Catalog
from milkyway_cnn.surveys.columns import BANDS, NAMES
from milkyway_cnn.surveys.diagrams import DIAGRAMS, diagram_named
from milkyway_cnn.surveys.registry import SURVEYS

GRID = Grid(280.0, 282.0, -1.0, 0.0, 0.5)


def sky(survey: str, n: int = 20_000, seed: int = 1) -> Catalog:
    rng = np.random.default_rng(seed)
    columns = {band: rng.uniform(5, 22, n).astype(np.float32) for band in BANDS[survey] if "-" not in band}
    if survey == "gaia":
        columns["parallax"] = rng.normal(0, 3, n).astype(np.float32)
    for values in columns.values():
        values[rng.integers(0, n, n // 20)] = np.nan
    columns |= {f"{name}_error": np.where(np.isnan(v), np.nan, np.float32(0.03)) for name, v in columns.items()}
    return Catalog(rng.uniform(279.5, 282.5, n), rng.uniform(-1.2, 0.4, n), columns)


def axis(stars: Catalog, name: str) -> np.ndarray:
    first, *second = name.split("-")
    return stars.columns[first] - stars.columns[second[0]] if second else stars.columns[first]


@pytest.mark.parametrize("name", [*DIAGRAMS, "H-Ks/J", "g-r/r-i", "parallax/RP"])
def test_it_counts_what_a_histogram_counts(name):
    diagram = diagram_named(name)
    stars = sky(diagram.survey)
    observed = diagrams.observe_cells(stars, GRID, [name])
    x, y = axis(stars, diagram.color), axis(stars, diagram.magnitude)
    good = np.isfinite(x) & np.isfinite(y) & (GRID.cell_index(stars.l, stars.b) >= 0)
    for band, limit in diagram.faintest:
        good &= stars[band] < limit
    for column in diagram.measured:
        good &= np.isfinite(stars[column])
    assert int(observed["stars"].sum() + observed["outside"].sum()) == good.sum() > 1000
    assert int(observed["faint"].sum()) == np.count_nonzero((GRID.cell_index(stars.l, stars.b) >= 0) & ~good)
    stretch = diagram.axes.stretch
    edges = np.linspace(*(np.arcsinh(np.array(diagram.axes.color) / stretch) if stretch else diagram.axes.color), 65)
    x = np.arcsinh(x / stretch) if stretch else x
    counts, _, _ = np.histogram2d(y[good], x[good], bins=[np.linspace(*diagram.axes.magnitude, 65), edges])
    # A star within rounding of an edge may fall on its other side.
    assert np.abs(observed["diagram"].sum(["b", "l"]).values - counts).sum() <= 6
    centers = observed["color"].values
    inner = (centers[0] - diagram.axes.color[0], diagram.axes.color[1] - centers[-1])
    assert min(inner) > 0 and (np.diff(centers) > 0).all() and observed["color"].units == diagram.color_unit


def test_the_table_is_whole():
    for name, diagram in DIAGRAMS.items():
        assert diagram.name == name and diagram.survey in NAMES
        assert set(diagram.columns) <= set(NAMES[diagram.survey])
        assert set(diagram.columns) - {"parallax"} <= set(SURVEYS[diagram.noise].bands)
        assert diagram_named(name) is diagram


def test_several_surveys_are_channels_without_cross_match():
    stars = [sky("gaia", 5000, 2), sky("2mass", 4000, 3), sky("panstarrs", 3000, 4)]
    names = ["2mass", "gaia-parallax", "panstarrs-gi"]
    together = diagrams.observe_cells(stars, GRID, names)
    assert together["diagram"].dims == ("b", "l", "channel", "magnitude", "color")
    assert list(together["channel"].values) == names == together.attrs["diagrams"]
    for name, catalog in zip(names, (stars[1], stars[0], stars[2]), strict=True):
        alone = diagrams.observe_cells(catalog, GRID, [name])
        for field in ("diagram", "stars", "outside", "faint", "coverage"):
            np.testing.assert_array_equal(together.sel(channel=name)[field], alone[field])
    assert diagrams.grid_of(together) == GRID


def test_parts_of_a_survey_add_up():
    stars = sky("gaia")
    parts = [stars.select(slice(0, 7000)), stars.select(slice(7000, None))]
    whole = diagrams.observe_cells(stars, GRID, ["gaia-color"])
    assert diagrams.observe_cells(parts, GRID, ["gaia-color"]).equals(whole)


@pytest.mark.parametrize("cells", [Cones(((280.5, -0.5), (281.5, -0.4)), 0.4), Healpix.within((280, 282, -1, 0), 128)])
def test_cones_and_pixels_hold_their_stars(cells, tmp_path):
    stars = sky("2mass")
    observed = diagrams.observe_cells(stars, cells)
    cell = cells.cell_index(stars.l, stars.b)
    every = observed["stars"] + observed["outside"] + observed["faint"]
    np.testing.assert_array_equal(every.values, np.bincount(cell[cell >= 0], minlength=len(cells.l)))
    assert (observed["coverage"].values == 1).all()
    diagrams.save(observed, tmp_path / "cells.zarr")
    assert diagrams.load(tmp_path / "cells.zarr").equals(observed)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("2mas", "there is no diagram '2mas'; choose from 2mass, "),
        ("J-Ks", "there is no diagram 'J-Ks'"),
        ("J-H-Ks/J", "there is no diagram"),
        ("J/", "there is no diagram"),
        ("parallax-G/G", "there is no diagram"),
        ("J-G/J", r"mixes surveys \(2mass, gaia\); give each a diagram of its own"),
        ("parallax/Ks", "mixes surveys"),
    ],
)
def test_what_is_no_diagram_is_refused(name, message):
    with pytest.raises(InputError, match=message):
        diagram_named(name)


def test_catalogs_that_cannot_be_counted_are_refused():
    with pytest.raises(InputError, match=r"diagram 2mass needs J-Ks, Ks, J, H, and the catalog lacks J-Ks, Ks, J, H; "):
        diagrams.observe_cells(sky("gaia"), GRID)
    stars = sky("2mass")
    plain = Catalog(stars.l, stars.b, {name: stars[name] for name in ("J", "H", "Ks")})
    with pytest.raises(InputError, match="no errors of Ks, J, H, without which upper limits hide among detections"):
        diagrams.observe_cells(plain, GRID)


def test_counts_of_other_diagrams_do_not_add():
    with pytest.raises(ValueError, match="cannot be added"):
        counts = diagrams.Counts(GRID)
        counts += diagrams.Counts(GRID, DIAGRAMS["2mass-JH"])
