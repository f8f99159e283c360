from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy.stats import spearmanr

from milkyway_cnn.comparison.color_excess import FEWEST, bare_control, color_excess
from milkyway_cnn.errors import InputError
from milkyway_cnn.extinction.law import A_H, A_J, A_KS
from milkyway_cnn.sightlines import Grid
from milkyway_cnn.surveys.read import read_catalog

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "2mass"
GRID = Grid(207, 210, -20, -18, 1.0)


def stars(number: int, seed: int) -> tuple[np.ndarray, ...]:
    """J, H, Ks of stars without dust: colors of giants and dwarfs, correlated, some undetected."""
    random = np.random.default_rng(seed)
    Ks = random.uniform(9, 15, number)
    first = random.normal(0.45, 0.15, number)
    H = Ks + 0.25 * first + random.normal(0, 0.05, number)
    J = H + first
    H[random.random(number) < 0.05] = np.nan
    return J.astype(np.float32), H.astype(np.float32), Ks.astype(np.float32)


@pytest.fixture(scope="module")
def field() -> tuple[np.ndarray, ...]:
    """l, b, J, H, Ks of stars behind 1 mag at the lower and 6 mag at the higher longitudes."""
    random = np.random.default_rng(7)
    l, b = random.uniform(206.5, 210, 4000), random.uniform(-20.5, -18, 4000)
    J, H, Ks = stars(4000, 1)
    A_V = np.where(l < 208, 1.0, 6.0)
    return l, b, J + A_J * A_V, H + A_H * A_V, Ks + A_KS * A_V


@pytest.mark.parametrize("statistic", ["mean", "median"])
@pytest.mark.parametrize("method", ["nice", "nicer"])
def test_extinction_is_found_within_its_error(field: tuple[np.ndarray, ...], method: str, statistic: str) -> None:
    excess = color_excess(*field, GRID, stars(4000, 2), method=method, statistic=statistic)
    truth = xr.where(excess["l"] < 208, 1.0, 6.0)
    assert float((abs(excess["A_V"] - truth) / excess["A_V_error"]).max()) < 4
    assert float(excess["A_V_error"].max()) < 0.3
    assert excess["A_V"].units == excess["A_V_error"].units == "mag"
    assert (excess.attrs["method"], excess.attrs["statistic"]) == (method, statistic)


def test_another_law_scales_the_extinction(field: tuple[np.ndarray, ...]) -> None:
    default, other = (color_excess(*field, GRID, stars(4000, 2), law=law) for law in ("RL85", "F19"))
    ratio = (A_J - A_KS) / (0.2899 - 0.1177)
    np.testing.assert_allclose(other["A_V"], default["A_V"] * ratio, rtol=1e-3)


@pytest.mark.parametrize("statistic", ["mean", "median"])
def test_excess_in_J_Ks_is_that_of_an_obvious_loop(field: tuple[np.ndarray, ...], statistic: str) -> None:
    control = stars(300, 3)
    excess = color_excess(*field, GRID, control, statistic=statistic)
    l, b, J, H, Ks = field
    take = {"mean": np.mean, "median": np.median}[statistic]

    def safe(J: np.ndarray, H: np.ndarray, Ks: np.ndarray) -> np.ndarray:
        return (J < 15.8) & (Ks < 14.3) & np.isfinite(H)

    bare = (control[0] - control[2])[safe(*control)]
    for row in range(2):
        for column in range(3):
            inside = (l >= 207 + column) & (l < 208 + column) & (b >= -20 + row) & (b < -19 + row) & safe(J, H, Ks)
            color = (J - Ks)[inside]
            assert excess["stars"].values[row, column] == inside.sum()
            found = excess["A_V"].values[row, column]
            assert found == pytest.approx((take(color) - take(bare)) / 0.17, abs=1e-4)
            if statistic == "mean":
                error = np.sqrt(color.var(ddof=1) / len(color) + bare.var(ddof=1) / len(bare)) / 0.17
                assert excess["A_V_error"].values[row, column] == pytest.approx(error, rel=1e-4)


def test_nicer_has_the_least_variance() -> None:
    control = stars(100_000, 4)
    J, H, Ks = stars(100_000, 5)
    errors = {}
    for method in ("nice", "nicer"):
        excess = color_excess(np.full(J.size, 208.5), np.full(J.size, -19.5), J, H, Ks, GRID, control, method=method)
        errors[method] = float(excess["A_V_error"].sel(l=208.5, b=-19.5))
    assert errors["nicer"] < errors["nice"]


def test_cells_and_control_fields_with_too_few_stars_do_not_count(field: tuple[np.ndarray, ...]) -> None:
    few = [column[: FEWEST - 1] for column in field]
    few[0] = np.full(FEWEST - 1, 208.5)
    excess = color_excess(*few, GRID, stars(100, 6))
    assert excess["A_V"].isnull().all() and excess["A_V_error"].isnull().all()
    bright = tuple(np.full(5, magnitude, dtype=np.float32) for magnitude in (12.0, 11.5, 11.0))
    with pytest.raises(InputError, match=r"only 5 control stars pass J < 15\.8 and Ks < 14\.3; give at least 10"):
        color_excess(*field, GRID, bright)


@pytest.mark.parametrize("name", ["pnicer_Orion_A_2mass.fits", "pnicer_CF_2mass.fits"])
def test_real_orion_is_dusty_and_its_control_field_is_not(name: str) -> None:
    if not (SHARED / name).exists():
        pytest.skip(f"{SHARED / name} is not here")
    catalog, bare = read_catalog(SHARED / name), read_catalog(SHARED / "pnicer_CF_2mass.fits")
    grid = Grid(207, 216, -20.5, -18, 0.5) if "Orion" in name else Grid(232, 234.5, -20.5, -18.5, 0.5)
    positions_and_magnitudes = (catalog.l, catalog.b, *(catalog[band] for band in ("J", "H", "Ks")))
    reference = tuple(bare[band] for band in ("J", "H", "Ks"))
    maps = {
        (method, statistic): color_excess(
            *positions_and_magnitudes, grid, reference, method=method, statistic=statistic
        )["A_V"]
        for method in ("nice", "nicer")
        for statistic in ("mean", "median")
    }
    plain = maps["nice", "mean"]
    if "Orion" not in name:
        assert abs(float(plain.mean())) < 0.03 and float(plain.std()) < 0.2
        return
    assert int(plain.notnull().sum()) == 84
    assert float(plain.max()) == pytest.approx(6.7, abs=0.1) and float(plain.min()) > 0.4
    assert float(plain.median()) == pytest.approx(1.95, abs=0.1)
    seen = plain.notnull().values
    for other in maps.values():
        assert spearmanr(plain.values[seen], other.values[seen]).statistic > 0.98


def test_modeled_bare_stars_stand_for_a_control_field():
    J, H, Ks = bare_control(215.0, -19.0, seed=1, solid_angle=0.5)
    assert J.shape == H.shape == Ks.shape
    safe = (J < 15.8) & (Ks < 14.3)
    assert 0.4 < np.mean((J - Ks)[safe]) < 0.8
