import json
import statistics
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from milkyway_cnn import cube
from milkyway_cnn.comparison.scores import (
    against_color_excess,
    against_truth,
    errors,
    held_out,
    listed,
    save_scores,
    where_no_dust_is,
)
from milkyway_cnn.sightlines import Grid, distance_edges


def values(scores: dict) -> dict[str, float]:
    return {name: score["value"] for name, score in scores.items()}


def test_integral_is_judged_by_relative_error_bias_and_rmse(noisy: xr.Dataset, carina: xr.Dataset) -> None:
    scores = values(against_truth(noisy, carina))
    for distance in (2, 4, 6, 8):
        predicted = noisy["delta_A_V"].values[..., : distance * 10].sum(axis=-1, dtype=float).ravel()
        true = carina["delta_A_V"].values[..., : distance * 10].sum(axis=-1, dtype=float).ravel()
        seen = ~np.isnan(predicted)
        excess = (predicted - true)[seen]
        relative = [abs(a - b) / b for a, b in zip(predicted[seen], true[seen], strict=True)]
        assert scores[f"relative_error_{distance}kpc"] == pytest.approx(statistics.median(relative))
        assert scores[f"bias_{distance}kpc"] == pytest.approx(excess.mean(), abs=1e-9)
        assert scores[f"rmse_{distance}kpc"] == pytest.approx(np.sqrt((excess**2).mean()))
    assert (scores["cells"], scores["cells_left_out"]) == (458, 2)


def test_course_is_judged_by_correlation_in_steps(noisy: xr.Dataset, carina: xr.Dataset) -> None:
    scores = values(against_truth(noisy, carina))
    steps = [
        each["delta_A_V"].values[..., :50].reshape(-1, 10, 5).sum(axis=-1, dtype=float) for each in (noisy, carina)
    ]
    predicted, true = (each[~np.isnan(steps[0]).any(axis=1)] for each in steps)
    assert scores["correlation_500pc"] == pytest.approx(np.corrcoef(predicted.ravel(), true.ravel())[0, 1])
    alone = [np.corrcoef(one, two)[0, 1] for one, two in zip(predicted, true, strict=True)]
    assert scores["correlation_500pc_sightline"] == pytest.approx(np.median(alone))


def test_the_truth_itself_has_no_error(carina: xr.Dataset) -> None:
    scores = values(against_truth(carina, carina))
    assert {score for name, score in scores.items() if "error" in name or "bias" in name or "rmse" in name} == {0.0}
    assert scores["correlation_500pc"] == scores["correlation_500pc_sightline"] == pytest.approx(1)


def test_errors_span_the_cells(noisy: xr.Dataset, carina: xr.Dataset) -> None:
    table = errors(noisy, carina, [1.0, 9.0])
    assert table.sizes == {"to": 2}
    assert np.all(table["relative_error_low"] < table["relative_error"])
    assert np.all(table["relative_error"] < table["relative_error_high"])


def test_a_sky_without_dust_has_no_relative_error(tmp_path: Path) -> None:
    empty = cube.build(np.zeros((2, 2, 100)), Grid(0, 2, 0, 2, 1), distance_edges(100))
    scores = against_truth(empty, empty)
    assert values(scores)["relative_error_2kpc"] is None and values(scores)["correlation_500pc"] is None
    assert values(scores)["rmse_8kpc"] == 0
    save_scores(scores, tmp_path / "scores.json")
    assert json.loads((tmp_path / "scores.json").read_text()) == scores
    assert all(set(score) == {"value", "unit", "meaning"} for score in scores.values())


def test_a_short_cube_is_judged_as_far_as_it_goes(orion: xr.Dataset) -> None:
    scores = values(against_truth(orion, orion))
    assert "rmse_2kpc" in scores and "rmse_4kpc" not in scores
    assert scores["correlation_500pc"] == pytest.approx(1)


def test_cubes_of_other_cells_are_refused(orion: xr.Dataset, carina: xr.Dataset) -> None:
    with pytest.raises(ValueError, match="align"):
        against_truth(orion, carina)


@pytest.fixture
def excess(orion: xr.Dataset) -> xr.Dataset:
    """Color excess that follows the cube's rank, but not its scale, and misses two cells."""
    A_V = cube.integrate(orion, 2.0) ** 2 + 0.5
    A_V[0, :2] = np.nan
    return A_V.to_dataset(name="A_V")


def test_color_excess_is_compared_cell_by_cell(orion: xr.Dataset, excess: xr.Dataset) -> None:
    scores = values(against_color_excess(orion, excess, to=2.0))
    reddened, predicted = excess["A_V"].values.ravel()[2:], cube.integrate(orion, 2.0).values.ravel()[2:]
    ranks = [np.argsort(np.argsort(each)) for each in (reddened, predicted)]
    assert scores["excess_spearman"] == pytest.approx(np.corrcoef(*ranks)[0, 1]) == pytest.approx(1)
    assert scores["excess_slope"] == pytest.approx(np.cov(reddened, predicted)[0, 1] / reddened.var(ddof=1))
    assert scores["excess_difference"] == pytest.approx((predicted - reddened).mean())
    assert (scores["excess_cells"], scores["excess_cells_left_out"]) == (88, 2)


def test_strongest_bin_is_that_of_the_dustiest_third(orion: xr.Dataset, excess: xr.Dataset) -> None:
    moved = orion.copy(deep=True)
    dusty = (excess["A_V"] > excess["A_V"].quantile(2 / 3)).values
    moved["delta_A_V"].values[~dusty] = 0.0
    moved["delta_A_V"].values[~dusty, 30] = 5.0  # elsewhere the strongest bin is another
    assert values(against_color_excess(moved, excess))["dusty_third_distance"] == pytest.approx(0.425)
    assert values(against_color_excess(orion, excess))["dusty_third_distance"] == pytest.approx(0.425)


def test_without_cells_in_common_scores_are_undefined(orion: xr.Dataset, excess: xr.Dataset) -> None:
    scores = values(against_color_excess(orion, excess * np.nan))
    undefined = {name for name, value in scores.items() if value is None}
    assert undefined == {"excess_spearman", "excess_slope", "excess_difference", "dusty_third_distance"}
    assert scores["excess_cells_left_out"] == 90


def test_control_field_is_judged_by_its_mean(noisy: xr.Dataset) -> None:
    scores = values(where_no_dust_is(noisy, 2.0))
    assert scores["control_mean"] == pytest.approx(np.nanmean(noisy["A_V"].values[..., 19]), rel=1e-5)
    assert scores["control_cells"] == 458


def test_a_held_out_sample_is_scored_as_a_map(noisy: xr.Dataset, carina: xr.Dataset) -> None:
    profiles = [each["delta_A_V"].values.reshape(-1, each.sizes["distance"]) for each in (noisy, carina)]
    held, scores = values(held_out(*profiles, carina["distance_edges"].values)), values(against_truth(noisy, carina))
    assert (held["examples"], held["examples_left_out"]) == (scores["cells"], scores["cells_left_out"])
    assert {name: held[name] for name in scores if "cells" not in name} == {
        name: value for name, value in scores.items() if "cells" not in name
    }


def test_scores_are_listed_one_on_a_line(noisy: xr.Dataset, carina: xr.Dataset) -> None:
    scores = against_truth(noisy, carina) | {"none": {"value": None, "unit": "1", "meaning": "nothing"}}
    lines = listed(scores).splitlines()
    assert len(lines) == len(scores) and lines[-1].split() == ["none", "undefined", "1", "nothing"]
    assert lines[0].startswith("relative_error_2kpc") and "median over cells" in lines[0]
