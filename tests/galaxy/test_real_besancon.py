"""The embedded Galaxy against a catalog of the Besancon model itself; skipped where the catalog is absent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from milkyway_cnn.galaxy.models import BESANCON_2003
from milkyway_cnn.galaxy.synthesis import synthesize

#: Output of the model of 2003 towards (200, 59), of about one square degree.
CATALOG = Path(__file__).parents[2].parent / "shared/data/bgm/shanencross_bgm_l200_b59.csv"
WHITE_DWARF = 9

pytestmark = pytest.mark.skipif(not CATALOG.exists(), reason=f"{CATALOG.name} is not beside the repository")


@pytest.fixture(scope="module")
def catalog():
    """Class, distance and absolute K of the stars with 14 < K < 18."""
    from astropy.table import Table

    rows = Table.read(CATALOG)
    rows = rows[rows["Typ"] < WHITE_DWARF]
    k = rows["V"] - rows["V-K"]
    rows, k = rows[(k > 14) & (k < 18)], k[(k > 14) & (k < 18)]
    distance = np.asarray(rows["Dist"])
    return np.asarray(rows["Age"]).astype(int), distance, np.asarray(k) - 5 * np.log10(distance) - 10


@pytest.fixture(scope="module")
def ours():
    stars = synthesize(200, 59, 10.0, seed=1, faintest_J=99.0, faintest_Ks=18.0, model=BESANCON_2003)
    faint = stars.Ks > 14
    distance = stars.distance[faint]
    return stars.component[faint], distance, stars.Ks[faint] - 5 * np.log10(distance) - 10


# Class 7 is left out: here the catalog holds two thirds of the stars that its printed local density asks for.
@pytest.mark.parametrize("component", [5, 6, 8])
def test_numbers_distances_and_luminosities(catalog, ours, component):
    real, model = ([a[sample[0] == component] for a in sample[1:]] for sample in (catalog, ours))
    assert model[0].size / 10 == pytest.approx(real[0].size, rel=0.15)
    np.testing.assert_allclose(*(np.percentile(s[0], [25, 50, 75]) for s in (model, real)), rtol=0.12)
    np.testing.assert_allclose(*(np.percentile(s[1], [25, 50, 75]) for s in (model, real)), atol=0.35)
