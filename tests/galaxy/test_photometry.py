from __future__ import annotations

import numpy as np
import pytest

from milkyway_cnn.errors import InputError
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


ALL = ("J", "H", "Ks", "G", "BP", "RP", "g", "r", "i", "z", "y")
# Teff, log g, G-Ks, BP-RP, G-RP of giants of solar metallicity: inverted independently from Casagrande et al. 2021.
GAIA_GIANTS = np.array(
    [
        (5200, 2.9, 1.765, 0.984, 0.574),
        (4800, 2.5, 2.099, 1.157, 0.656),
        (4400, 2.0, 2.505, 1.376, 0.753),
        (4000, 1.3, 3.023, 1.685, 0.875),
        (3800, 1.0, 3.335, 1.916, 0.953),
        (3600, 0.6, 3.701, 2.283, 1.046),
    ]
)


def in_all_bands(teff, log_g, metallicity=0.0):
    return dict(zip(ALL, absolute_magnitudes(0.0 * np.asarray(teff), teff, log_g, metallicity, ALL), strict=True))


def test_giants_in_gaia_follow_the_published_relation():
    teff, log_g, g_ks, bp_rp, g_rp = GAIA_GIANTS.T
    m = in_all_bands(teff, log_g)
    np.testing.assert_allclose(m["BP"] - m["RP"], bp_rp, atol=1e-3)
    np.testing.assert_allclose(m["G"] - m["RP"], g_rp, atol=1e-3)
    # By way of RP here, by the relation of G-Ks there: the routes part below 3900 K.
    np.testing.assert_allclose(m["G"] - m["Ks"], g_ks, atol=0.036)
    np.testing.assert_allclose((m["G"] - m["Ks"])[:4], g_ks[:4], atol=0.016)


def test_bands_do_not_depend_on_what_else_is_asked_for():
    teff = np.linspace(2800.0, 12000.0, 40)
    everything = in_all_bands(teff, 4.2, -0.3)
    for bands in (("J", "H", "Ks"), ("G",), ("y", "Ks"), ALL[::-1]):
        for band, found in zip(bands, absolute_magnitudes(0.0 * teff, teff, 4.2, -0.3, bands), strict=True):
            np.testing.assert_array_equal(found, everything[band])


@pytest.mark.parametrize("log_g", [1.0, 3.5, 4.5])
def test_magnitudes_have_no_jumps(log_g):
    m = in_all_bands(np.arange(2600.0, 30000.0, 5.0), np.full(5480, log_g), -0.2)
    for band in ALL:
        assert np.abs(np.diff(m[band])).max() < 0.04, band


def test_the_sun_in_all_bands():
    # Willmer 2018, ApJS 236, 47 (2MASS and Gaia in the Vega system, Pan-STARRS AB).
    published = {"J": 3.67, "Ks": 3.27, "G": 4.67, "g": 5.03, "r": 4.64, "i": 4.52, "z": 4.51, "y": 4.50}
    found = in_all_bands(5772.0, 4.438)
    for band, magnitude in published.items():
        assert found[band] == pytest.approx(magnitude, abs=0.09), band


def test_unknown_band_is_refused():
    with pytest.raises(InputError, match="there is no band 'K'; choose from J, H, Ks, G, BP, RP, g, r, i, z, y"):
        absolute_magnitudes(0.0, 5772.0, 4.4, 0.0, ("J", "K"))
