"""The verb `sample`: stores, completes, checks and mends."""

import json
from pathlib import Path

import numpy as np
import pytest

from milkyway_cnn import cli, samples

SMALL = ["--set", "bins=16", "--set", "cell=0.1", "--set", "l_max=285", "--set", "b_max=0.1"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_sample_is_stored_checked_and_mended(here, capsys):
    command = ["sample", "smoke", "--examples", "40", "--split", "test", *SMALL]
    assert cli.main(command) == 0
    said = capsys.readouterr().out
    assert said.startswith("smoke_test.zarr: 40 examples, 0.") and said.endswith(
        f"{samples.checksum(here / 'smoke_test.zarr')}\n"
    )
    assert samples.load(here / "smoke_test.zarr").attrs["split"] == "test"
    file = Path("smoke_test.zarr/diagram/c/0/0/0")
    was = file.read_bytes()
    for words in (["sample", "smoke_test.zarr"], command):
        file.write_bytes(was[:-1] + b"!")
        assert cli.main(["sample", "smoke_test.zarr", "--check"]) == 1
        assert capsys.readouterr().out.startswith(f"{file}: damaged\n")
        assert cli.main(words) == 0
        assert capsys.readouterr().out.endswith(said) and file.read_bytes() == was
    assert cli.main(["sample", "smoke_test.zarr", "--check"]) == 0


def test_a_sample_of_a_run_is_of_its_stream(here, capsys):
    assert cli.main(["sample", "smoke", "--examples", "8", "--split", "validation", *SMALL]) == 0
    Path("run/sample").mkdir(parents=True)
    Path("smoke_validation.zarr").rename("run/sample/validation.zarr")
    assert cli.main(["sample", "run", "--examples", "8", "--output", "store"]) == 0
    streams = [samples.load(Path(path)).attrs["stream"] for path in ("store", "run/sample/validation.zarr")]
    assert streams[0] == streams[1]
    assert cli.main(["sample", "run", "--set", "seed=2"]) == 2
    assert "seed cannot be set for run, a run that is done; name its set of parameters" in capsys.readouterr().err


def test_sightlines_may_be_listed(here, capsys):
    places = ["--set", "train_sightlines=[[300, -3.5], [285, 0.25]]"]
    assert cli.main(["sample", "smoke", "--examples", "4", "--split", "test", *SMALL, *places]) == 0
    sample = samples.load(here / "smoke_test.zarr")
    stream = samples.Stream.of(json.loads(sample.attrs["stream"]))
    assert list(stream.sightlines) == [(300.0, -3.5), (285.0, 0.25)]
    np.testing.assert_allclose(stream.solid_angle, 0.1**2 * np.cos(np.radians([3.5, 0.25])), rtol=1e-5)
    assert sample.sightline.values.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["smoke", "--split", "tests"], "--split 'tests' must be one of training, validation, test"),
        (["smoke", "--examples", "0"], "'--examples': Input should be greater than or equal to 1"),
        (["smoke", "--cluster", "moon"], "cluster = 'moon' is no place to work"),
        (["smok"], "there is no set of parameters 'smok'; the nearest is 'smoke'"),
        (["none.zarr", "--check"], "none.zarr is no stored sample"),
        (["orion"], "control = 'pnicer_CF_2mass.fits' adds a sightline that the chapters look up; run them"),
    ],
)
def test_bad_words_are_one_sentence_and_status_2(here, capsys, words, sentence):
    assert cli.main(["sample", *words]) == 2
    out, err = capsys.readouterr()
    assert err.startswith("milkyway-cnn: ") and err.count("\n") == 1 and sentence in err and out == ""
    assert list(here.iterdir()) == []
