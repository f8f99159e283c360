"""One call for catalogs and for the model's outputs."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from milkyway_cnn.errors import InputError
from milkyway_cnn.galaxy.besancon import BesanconCatalog
from milkyway_cnn.reading import is_besancon, read

BGM = Path(__file__).parents[2] / "shared" / "data" / "bgm"


def published(name: str) -> Path:
    if not (BGM / name).exists():
        pytest.skip(f"needs bgm/{name} of the shared data")
    return BGM / name


@pytest.mark.parametrize(
    ("name", "solid_angle", "stars", "left_out", "l", "b"),
    [
        ("besancon_test.txt", None, 13, 0, 10.62, -0.38),
        ("besancon_test2.txt", None, 6, 0, 30.0, 0.0),
        ("rubin_dp0_besancon_ugrzK_09f183d.txt", 0.1, 431, 0, 236.0, -48.0),
        ("shanencross_bgm_l200_b59.csv", 1.0, 6145, 0, 200.0, 59.0),
        ("shanencross_bgm_l1_b-4_sample1e-4.csv", 1e-4, 1220, 0, 1.0, -4.0),
    ],
)
def test_outputs_of_the_besancon_model_read(name, solid_angle, stars, left_out, l, b):
    catalog = read(published(name), solid_angle=solid_angle)
    assert isinstance(catalog, BesanconCatalog)
    assert (len(catalog), catalog.left_out) == (stars, left_out)
    assert catalog.l == pytest.approx(l, abs=0.1) and catalog.b == pytest.approx(b, abs=0.1)
    for band in ("J", "H", "Ks"):
        assert np.isfinite(getattr(catalog, band)).all()


def test_zipped_outputs_are_told_as_well(tmp_path):
    path = published("besancon_test.txt")
    (tmp_path / "output.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert is_besancon(tmp_path / "output.gz")
    assert len(read(tmp_path / "output.gz")) == 13


@pytest.mark.parametrize("content", [b"", b"ra,dec,j_m\n", b"\x1f\x8b", b"\x1f\x8b\x08\0", b"# Dist\n", bytes(3000)])
def test_other_files_are_no_outputs(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    assert not is_besancon(tmp_path / "file")
    assert not is_besancon(tmp_path / "none")


def test_options_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(InputError, match="for which region has no meaning"):
        read(published("besancon_test.txt"), region=(0, 1, 0, 1))
    (tmp_path / "stars.csv").write_text("ra,dec,j_m\n1,2,3\n")
    with pytest.raises(InputError, match=r"only for those solid_angle \(=1\) has a meaning"):
        read(tmp_path / "stars.csv", solid_angle=1.0)
