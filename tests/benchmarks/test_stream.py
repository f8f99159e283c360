"""The benchmark of the stream runs; the plain pipeline in it, slow and obvious, draws the same diagrams."""

import json

import numpy as np
import pytest
from scipy import stats

from benchmarks import readme, stream
from milkyway_cnn import samples, sightlines
from milkyway_cnn.diagrams import parents, star_density, survey_parameters
from milkyway_cnn.extinction.profiles import cumulative
from milkyway_cnn.galaxy.synthesis import synthesize


def test_runs_once_and_writes_results(tmp_path, capsys):
    path = tmp_path / "stream.json"
    small = ["--threads", "1", "--batch", "32", "--rounds", "1", "--pieces", "1", "--network", "C5x5.2/4-P2-D16-D128"]
    stream.main([*small, "--output", str(path)])
    result = json.loads(path.read_text())
    assert [row["pipeline"] for row in result["rows"]] == ["NumPy", "milkyway_cnn"]
    assert result["epoch"]["peak_mib"] >= result["epoch"]["stream_mib"] > 0
    assert "x NumPy" in capsys.readouterr().out


def test_the_readme_holds_the_table_of_the_stored_results():
    stored_result = json.loads((stream.RESULTS / "stream.json").read_text())
    assert readme.stored("benchmarks.stream") == stream.table(stored_result)


def test_the_stream_draws_what_the_plain_pipeline_draws(monkeypatch):
    l, b, area, n = 210.0, -19.0, 0.5, 2000
    edges = sightlines.distance_edges()
    made = samples.Stream([(l, b)], np.array([area]), edges, seed=1, randomization=samples.Randomization(0.0, 0.0, 0.0))
    examples = made.examples(0, n)
    modeled = synthesize(l, b, 20.0 * area, seed=1)
    stars, survey = parents(modeled), survey_parameters(np.array(star_density(modeled, 20.0 * area)))
    monkeypatch.setattr(stream, "STARS", len(stars) / 20.0)
    random = np.random.default_rng(2)
    plain = np.array([stream.plain(stars, edges, A_V, survey, random) for A_V in cumulative(examples.delta_A_V)])
    fast = examples.diagrams

    # Moments: mean and variance over examples of every pixel, within their chance.
    mean = np.array([fast.mean(axis=0), plain.mean(axis=0)])
    variance = np.array([fast.var(axis=0), plain.var(axis=0)])
    filled = mean.mean(axis=0) > 0.2
    chance = np.sqrt(variance.sum(axis=0)[filled] / n)
    # The same dust lies in front of both, so that their difference scatters less than either.
    assert np.mean(np.square((mean[0] - mean[1])[filled] / chance)) < 1.1
    assert np.corrcoef(variance[:, filled])[0, 1] > 0.97
    assert fast.sum() == pytest.approx(plain.sum(dtype=float), rel=0.005)
    # Distributions: of stars in each of the fullest pixels, and in all.
    for pixel in np.argsort(mean[0].ravel())[-20:]:
        pair = fast.reshape(n, -1)[:, pixel], plain.reshape(n, -1)[:, pixel]
        assert stats.ks_2samp(*pair).pvalue > 1e-4
    assert stats.ks_2samp(fast.sum(axis=(1, 2)), plain.sum(axis=(1, 2))).pvalue > 0.01
    # Power spectrum of the images.
    power = [np.mean(np.abs(np.fft.rfft2(images)) ** 2, axis=0) for images in (fast, plain)]
    scale = np.rint(np.hypot(*np.meshgrid(np.fft.rfftfreq(64) * 64, np.fft.fftfreq(64) * 64))).astype(int)
    radial = [np.bincount(scale.ravel(), one.ravel()) / np.bincount(scale.ravel()) for one in power]
    np.testing.assert_allclose(radial[0][:33], radial[1][:33], rtol=0.03)
