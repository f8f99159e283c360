from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from milkyway_cnn.errors import InputError
from milkyway_cnn.galaxy.density import MassFunction, Warp, density
from milkyway_cnn.galaxy.models import BESANCON_2003, EMBEDDED, GUMS_DR3, MODELS, chosen, describe, named, of, rescaled
from milkyway_cnn.galaxy.synthesis import expected_counts, synthesize
from milkyway_cnn.sightlines import galactocentric


@pytest.mark.parametrize("name", MODELS)
def test_a_model_survives_being_written_into_a_product(name):
    model = named(name)
    assert of(json.loads(json.dumps(describe(model)))) == model


def test_an_unknown_name_is_one_sentence():
    with pytest.raises(InputError, match="no Galaxy model 'gums'; choose one of embedded, besancon2003, gums_dr3"):
        named("gums")


def test_scale_length_out_of_range_is_one_sentence():
    with pytest.raises(InputError, match="must lie from"):
        rescaled(EMBEDDED, 0.0)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_every_component_is_one_at_its_own_sun(model):
    flat = replace(model, warp=Warp(north=0.0, south=0.0), thin=tuple(replace(d, warp=None) for d in model.thin))
    sun = galactocentric(0.0, 0.0, 0.0, model.r_sun, model.z_sun)
    np.testing.assert_allclose(density(flat, *sun)[:-1], 1.0, rtol=1e-9)


def test_mass_function_is_continuous_and_integrates():
    law = MassFunction((0.5, 2.1, 2.9), (0.5, 1.53))
    edges = np.geomspace(0.08, 20.0, 4001)
    per_mass = law.number(edges) / np.diff(edges)
    middle = np.sqrt(edges[1:] * edges[:-1])
    slope = np.diff(np.log(per_mass)) / np.diff(np.log(middle))
    assert np.abs(np.diff(np.log(per_mass))).max() < 0.005  # no jump at a break
    for mass, expected in ((0.2, -0.5), (1.0, -2.1), (5.0, -2.9)):
        assert slope[np.searchsorted(middle, mass)] == pytest.approx(expected, abs=0.01)


def test_gums_warps_older_stars_from_nearer_on_and_the_thick_disc_not_at_all():
    height = np.linspace(-2.0, 2.0, 801)
    north = density(GUMS_DR3, 0.0, 11.0, height)
    peaks = height[north.argmax(axis=1)]
    assert peaks[6] > peaks[4] > 0.5
    np.testing.assert_allclose(peaks[7:9], 0.0, atol=0.01)
    south = density(GUMS_DR3, 0.0, -11.0, height)
    assert height[south.argmax(axis=1)][6] < -0.8


def test_gums_bar_is_boxy_and_ends():
    bar = GUMS_DR3.bulge
    turn = np.radians(bar.angle)
    along = np.array([0.0, 1.0, 4.1, 4.3])
    profile = bar.profile(along * np.cos(turn), along * np.sin(turn), np.zeros(4))
    assert profile[0] == 1.0
    assert profile[1] == pytest.approx(1.0 / np.cosh(1.0 / 1.076) ** 2, rel=1e-6)
    assert profile[2] > 0.0 == profile[3]


def test_gums_counts_are_those_of_another_galaxy_of_the_same_kind():
    ours, theirs = (expected_counts(285, 1, model=model) for model in (BESANCON_2003, GUMS_DR3))
    assert ours != theirs
    assert theirs == pytest.approx(ours, rel=0.25)
    stars = synthesize(0.5, 2.0, 0.05, seed=1, model=GUMS_DR3)
    assert {7, 8, 10} < set(np.unique(stars.component)) <= set(range(1, 11))


def test_a_shorter_disc_or_a_nearer_center_changes_the_inner_counts():
    usual = expected_counts(330, 0)
    assert expected_counts(330, 0, model=rescaled(EMBEDDED, 2.0)) > 1.1 * usual
    assert expected_counts(330, 0, model=replace(EMBEDDED, r_sun=8.0)) != pytest.approx(usual, rel=1e-3)


OUTPUT = """\
# V J-K H-K V-K Mv CL Typ Teff logg Pop Age Mass Mbol [M/H] longitude latitude Dist Av
 15.0 0.700 0.100 3.000 6.39 5 7.35 5012. 4.59 4 2.5 0.77 6.193 -0.165 {l} 1.0 1.5 0.000
# Solid angle 0.1 square degree
"""


def test_outputs_of_the_besancon_model_stand_in_for_a_model_by_their_path(tmp_path):
    assert chosen("gums_dr3") is GUMS_DR3
    for l in (280, 290):
        (tmp_path / f"l{l}.txt").write_text(OUTPUT.format(l=float(l)))
    (tmp_path / ".l300.txt.job").write_text("{}")  # of a fetch that is not done
    assert [catalog.l for catalog in chosen(str(tmp_path)).catalogs] == [280.0, 290.0]
    (catalog,) = chosen(str(tmp_path / "l290.txt")).catalogs
    assert (catalog.l, catalog.solid_angle) == (290.0, 0.1)


@pytest.mark.parametrize("galaxy", ["embeded", "", "empty"])
def test_what_is_no_galaxy_is_one_sentence(tmp_path, monkeypatch, galaxy):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"is neither a model \(embedded, .*\) nor a file or folder"):
        chosen(galaxy)
