"""The verb `cube` writes other formats, cells and distances."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from milkyway_cnn import cube
from milkyway_cnn.cli import main
from milkyway_cnn.errors import InputError
from milkyway_cnn.sightlines import Grid


@pytest.fixture(scope="module")
def stored(everything: xr.Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a run with a cube."""
    folder = tmp_path_factory.mktemp("run")
    cube.save(everything, folder / "cube" / "cube.zarr")
    return folder


def test_the_command_writes_what_its_options_say(everything, stored, tmp_path, capsys) -> None:
    out = tmp_path / "cube.nc"
    assert main(["cube", str(stored), str(out), "--without", "A_V_samples,flags", "--width", "0.3"]) == 0
    xr.testing.assert_identical(
        cube.load(out), cube.rebin(everything.drop_vars(["A_V_samples", "flags"]), np.array([0, 0.3, 0.6, 0.9, 1.2]))
    )
    assert "cube.nc: 12 b x 20 l x 4 distance, 11 fields, " in capsys.readouterr().out
    assert main(["cube", str(out), str(tmp_path / "pixels.fits"), "--nside", "32"]) == 0
    assert cube.cells(cube.load(tmp_path / "pixels.fits")).nside == 32
    assert main(["cube", str(out), str(tmp_path / "sky.fits"), "--to", "0.75", "--cell", "1"]) == 0
    sky = cube.load(tmp_path / "sky.fits")
    assert cube.cells(sky) == Grid(355, 365, -4, 2, 1.0) and sky["distance_edges"].values.tolist() == [0.0, 0.75]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nowhere", "cube.nc"], "nowhere is not a cube, which cube.save writes as zarr, netCDF or FITS"),
        (["RUN", "cube.txt"], "cube.txt must end with .zarr, .nc or .fits"),
        (["RUN", "cube.nc", "--nside", "12", "--cell", "1"], "nside = 12 and cell = 1 deg are two kinds of cells"),
        (["RUN", "cube.nc", "--nside", "12"], "nside (=12) must be a power of two"),
        (["RUN", "cube.nc", "--width", "3"], "no distance bin of 3 kpc ends within the cube"),
        (["RUN", "cube.nc", "--to", "3"], "edges from 0 to 3 kpc leave the cube"),
        (["RUN", "cube.nc", "--cell", "50"], "holds no cell of 50 deg"),
        (["RUN", "cube.nc", "--without", "dust"], "dust cannot be left out; the cube has A_V, A_V_quantiles"),
        (["RUN", "cube.nc", "--without", "A_V"], "A_V and delta_A_V cannot be left out"),
    ],
)
def test_what_cannot_be_had_is_said_in_a_sentence(stored, tmp_path, capsys, monkeypatch, words, sentence) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["cube", *(str(stored) if word == "RUN" else word for word in words)]) == 2
    complaint = capsys.readouterr().err
    assert sentence in complaint and complaint.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_pixels_keep_their_cells(pixels) -> None:
    with pytest.raises(InputError, match="the cube has HEALPix pixels"):
        cube.converted(pixels, cell=1.0)
