from __future__ import annotations

import numpy as np
import pytest

from milkyway_cnn.galaxy.photometry import absolute_magnitudes, bolometric_correction_ks, colors

# Teff, log g, J-H, H-Ks, BC_Ks of giants of solar metallicity: inverted independently from Casagrande et al. 2021.
GIANTS = np.array(
    [
        (5200, 2.9, 0.409, 0.083, 1.767),
        (5000, 2.8, 0.454, 0.093, 1.882),
        (4600, 2.3, 0.562, 0.122, 2.126),
        (4200, 1.6, 0.693, 0.162, 2.393),
        (3800, 1.0, 0.789, 0.220, 2.686),
        (3600, 0.6, 0.809, 0.263, 2.845),
    ]
)
# Teff, J-H, H-Ks, BC_Ks of dwarfs: Pecaut & Mamajek.
DWARFS = np.array(
    [
        (12300, -0.067, 0.003, -0.984),
        (8100, 0.031, 0.038, 0.403),
        (5770, 0.293, 0.073, 1.479),
        (3560, 0.600, 0.234, 2.610),
        (3060, 0.580, 0.312, 2.840),
    ]
)


def test_giants_follow_the_published_relation():
    teff, log_g, j_h, h_ks, correction = GIANTS.T
    found_j_h, found_h_ks = colors(teff, log_g, 0.0)
    np.testing.assert_allclose(found_j_h, j_h, atol=1e-3)
    np.testing.assert_allclose(found_h_ks, h_ks, atol=1e-3)
    np.testing.assert_allclose(bolometric_correction_ks(teff, log_g), correction, atol=1e-3)


def test_dwarfs_follow_the_mean_table():
    teff, j_h, h_ks, correction = DWARFS.T
    found_j_h, found_h_ks = colors(teff, 4.5, 0.0)
    np.testing.assert_allclose(found_j_h + found_h_ks, j_h + h_ks, atol=0.012)
    np.testing.assert_allclose(found_j_h, j_h, atol=0.025)
    np.testing.assert_allclose(bolometric_correction_ks(teff, 4.5), correction, atol=0.03)


@pytest.mark.parametrize("log_g", [1.0, 3.5, 4.5])
def test_colors_have_no_jumps(log_g):
    teff = np.arange(3000.0, 9000.0, 10.0)
    j_h, h_ks = colors(teff, log_g, -0.2)
    assert np.abs(np.diff(j_h + h_ks)).max() < 0.01
    assert np.abs(np.diff(bolometric_correction_ks(teff, log_g))).max() < 0.02


def test_the_sun():
    _, _, m_ks = absolute_magnitudes(0.0, 5772.0, 4.438, 0.0)
    assert m_ks == pytest.approx(3.27, abs=0.03)  # Willmer 2018, ApJS 236, 47
