"""Networks of other runs: what fits is taken with its history, what does not is refused in one sentence."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from milkyway_cnn import nn, training
from milkyway_cnn.borrowed import Borrowed
from milkyway_cnn.errors import InputError
from milkyway_cnn.pipeline import inputs
from milkyway_cnn.pipeline.parameters import Parameters
from milkyway_cnn.pipeline.run import run
from milkyway_cnn.sightlines import distance_edges
from milkyway_cnn.surveys.diagrams import diagram_named

SMALL = "C5x5.2/4-P2-D8-D16"
RECORD = nn.Record(1, 0.2, 0.1, 1e-3, 100.0, 1.0, 0.0, 0.0)


def trained(path: Path, kinds: tuple[str, ...] = ("2mass",), provenance: bool = True) -> Path:
    """Write what a run leaves of a training with 16 bins of 0.5 kpc."""
    network = training.Plan(network=SMALL).build(16, 64, 1, len(kinds))
    diagrams = [asdict(diagram_named(kind)) for kind in kinds]
    stream = {"sightlines": [[280.0, 0.0]], "edges": distance_edges(16, 0.5).tolist(), "diagrams": diagrams, "seed": 1}
    path.parent.mkdir(parents=True, exist_ok=True)
    attributes = {"stream": json.dumps(stream)} if provenance else None
    network.save(path, history=[asdict(RECORD)], provenance=attributes)
    return path


def test_a_network_is_kept_with_its_history(tmp_path: Path) -> None:
    trained(tmp_path / "run" / "network" / "network.npz")
    kinds, edges = [diagram_named("2mass")], distance_edges(16, 0.5)
    other = Borrowed.of(tmp_path / "run", kinds, edges, "sqrt", 0.1)
    assert other.records == [RECORD] and other.path == tmp_path / "run" / "network" / "network.npz"
    assert other.differences({**other.stream, "sightlines": [(280.0, 0.0)]}) == []
    assert other.differences({**other.stream, "sightlines": [(281.0, 0.0)], "seed": 2}) == ["sightlines", "seed"]
    other.keep(tmp_path / "here" / "network")
    again = Borrowed.of(tmp_path / "here" / "network" / "network.npz", kinds, edges, "sqrt", 0.1)
    assert again.records == [RECORD]
    x = np.ones((1, 2, 64, 64), np.float32)
    loaded = [nn.Network.load(each.path).predict(x) for each in (other, again)]
    np.testing.assert_array_equal(*loaded)
    assert (tmp_path / "here" / "network" / "history.zarr" / "zarr.json").is_file()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"bins": 32}, r"learned with bins = 16, and it is to be used with 32; set both alike, or train"),
        ({"bin_width": 0.25}, r"learned with bin_width = 0.5, and it is to be used with 0.25"),
        ({"counts": "log1p"}, r"learned with counts = sqrt, and it is to be used with log1p"),
        ({"counts_scale": 1.0}, r"learned with counts_scale = 0.1, and it is to be used with 1.0"),
        (
            {"diagrams": ["2mass", "H-Ks/J"]},
            r"learned with diagrams = \['2mass'\], and it is to be used with \['2mass'",
        ),
        ({"trained_network": "none"}, r"there is no trained network at /.*/none; give the folder of a run whose"),
        ({"trained_network": "."}, r"there is no trained network at /.*/network/network.npz; give the folder"),
        ({"trained_network": "text"}, r"text is damaged or no network file"),
        ({"trained_network": "bare.npz"}, r"bare.npz does not say what it learned from; give a network that a run"),
    ],
)
def test_what_does_not_fit_is_refused_before_work_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: dict, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text").write_text("no network")
    trained(Path("bare.npz"), provenance=False)
    fitting = {"bins": 16, "bin_width": 0.5, "trained_network": str(trained(tmp_path / "a.npz"))}
    assert inputs.located(Parameters(**fitting)).trained_network == str(tmp_path / "a.npz")
    with pytest.raises(InputError, match=sentence) as caught:
        inputs.located(Parameters(**fitting | values))
    assert "\n" not in str(caught.value)


def test_axes_that_have_changed_are_refused(tmp_path: Path) -> None:
    other = diagram_named("H-Ks/J")
    changed = type(other)(**{**other.__dict__, "name": "2mass"})
    with pytest.raises(InputError, match="learned from diagrams 2mass of other axes, cuts or noise"):
        Borrowed.of(trained(tmp_path / "a.npz"), [changed], distance_edges(16, 0.5), "sqrt", 0.1)


def test_a_run_that_is_not_done_and_the_runs_own_network_are_refused(tmp_path: Path) -> None:
    folder = trained(tmp_path / "run" / "network" / "network.npz").parents[1]
    values = {"bins": 16, "bin_width": 0.5, "trained_network": str(folder)}
    (folder / "run.json").write_text(json.dumps({"stages": {"06_training": {"state": "running"}}}))
    with pytest.raises(InputError, match=r"the training of .*run is not done; go on with that run first"):
        inputs.located(Parameters(**values))
    (folder / "run.json").write_text(json.dumps({"stages": {"06_training": {"state": "done"}}}))
    with pytest.raises(InputError, match=r"trained_network = .*network.npz is the run's own; choose another folder"):
        run(Parameters(**values), folder, [], name="again")
    assert (folder / "network" / "network.npz").is_file()
