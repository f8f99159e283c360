"""The embedded Galaxy against real 2MASS stars in a field of little dust; skipped where the catalog is absent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from milkyway_cnn.extinction.law import A_H, A_J, A_KS
from milkyway_cnn.galaxy.synthesis import synthesize
from milkyway_cnn.surveys.twomass import SAFE, magnitude_error

CATALOG = Path(__file__).parents[2].parent / "shared/data/2mass/pnicer_CF_2mass.fits"
#: Area of the catalog's footprint, the convex hull of its stars (square degrees), and its own dust (mag of A_V).
AREA, A_V = 3.69, 0.25

pytestmark = pytest.mark.skipif(not CATALOG.exists(), reason=f"{CATALOG.name} is not beside the repository")


@pytest.fixture(scope="module")
def observed():
    from astropy.table import Table

    rows = Table.read(CATALOG)
    detected = np.all([rows[f"e_{band}mag"] < 9 for band in "JHK"], axis=0)
    J, H, Ks = (np.asarray(rows[f"{band}mag"][detected], dtype=float) for band in "JHK")
    safe = (J < SAFE.J) & (Ks < SAFE.Ks)
    return J[safe], H[safe], Ks[safe]


@pytest.fixture(scope="module")
def modeled():
    stars = synthesize(233.2, -19.4, 10 * AREA, seed=1)
    generator = np.random.default_rng(1)
    bands = []
    for band, per_A_V in (("J", A_J), ("H", A_H), ("Ks", A_KS)):
        m = getattr(stars, band) + per_A_V * A_V
        bands.append(m + magnitude_error(m, band) * generator.standard_normal(m.size))
    J, H, Ks = bands
    safe = (J < SAFE.J) & (Ks < SAFE.Ks)
    return J[safe], H[safe], Ks[safe]


def test_counts(observed, modeled):
    assert modeled[2].size / 10 == pytest.approx(observed[2].size, rel=0.10)
    edges = np.array([8.0, 10.0, 11.0, 12.0, 13.0, 13.5, 14.0])
    real = np.histogram(observed[2], edges)[0]
    ratio = np.histogram(modeled[2], edges)[0] / 10 / real
    assert (np.abs(ratio - 1) < 0.10 + 2 / np.sqrt(real)).all(), ratio


@pytest.mark.parametrize("left", [11.0, 12.0, 12.5, 13.0, 13.5])
def test_median_color(observed, modeled, left):
    medians = []
    for J, _, Ks in (observed, modeled):
        chosen = (Ks >= left) & (Ks < left + (1.0 if left == 11.0 else 0.5))
        medians.append(np.median((J - Ks)[chosen]))
    assert medians[1] == pytest.approx(medians[0], abs=0.03)
