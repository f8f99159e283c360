import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from milkyway_cnn.errors import InputError
from milkyway_cnn.pipeline import inputs
from milkyway_cnn.pipeline import run as module
from milkyway_cnn.pipeline.chapters import Chapter
from milkyway_cnn.pipeline.execution import ChapterError
from milkyway_cnn.pipeline.parameters import Parameters
from milkyway_cnn.pipeline.run import run

FIRST = """
from pathlib import Path
folder = Path(run, "sample")
folder.mkdir(exist_ok=True)
(folder / "a.txt").write_text(f"{seed}")
"""
SECOND = """
from pathlib import Path
text = Path(run, "sample", "a.txt").read_text()
Path(run, "sample", f"b-{epochs}.txt").write_text(f"{text} {epochs}")
"""


class Executed:
    """Stands for papermill: executes the cells in this process, and counts."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, notebook: Path, output: Path, values: dict[str, object], *_: object) -> None:
        self.names.append(notebook.stem)
        cells = [cell for cell in json.loads(notebook.read_text())["cells"] if cell["cell_type"] == "code"]
        space: dict[str, object] = {}
        exec(cells[0]["source"], space)
        space.update(values)
        for cell in cells[1:]:
            exec(cell["source"], space)
        output.parent.mkdir(exist_ok=True)
        output.write_text(json.dumps({"cells": cells}))


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> Executed:
    executed = Executed()
    monkeypatch.setattr(module, "execute", executed)
    return executed


@pytest.fixture
def chapters(write) -> list[Chapter]:
    return [write("01_one", 'run = ""\nseed = 1', FIRST), write("02_two", 'run = ""\nepochs = 10', SECOND)]


def again(chapters: list[Chapter], folder: Path, executed: Executed, **values: object) -> list[str]:
    executed.names.clear()
    run(Parameters(**values), folder, chapters, name="tiny", say=lambda line: None)  # type: ignore[arg-type]
    return executed.names


def test_what_is_done_is_kept(write, chapters: list[Chapter], tmp_path: Path, executed: Executed) -> None:
    folder, sample = tmp_path / "run", tmp_path / "run" / "sample"
    assert again(chapters, folder, executed) == ["01_one", "02_two"]
    report = (folder / "report.html").stat().st_mtime_ns
    assert again(chapters, folder, executed) == []
    assert (folder / "report.html").stat().st_mtime_ns == report

    # a parameter that no notebook names changes nothing, one of the second notebook the second stage only
    assert again(chapters, folder, executed, batch=7) == []
    assert again(chapters, folder, executed, epochs=3) == ["02_two"]
    assert sorted(path.name for path in sample.iterdir()) == ["a.txt", "b-3.txt"]
    assert again(chapters, folder, executed, epochs=3, seed=2) == ["01_one", "02_two"]
    assert (sample / "b-3.txt").read_text() == "2 3"

    # outputs that are gone or not what they were
    (sample / "b-3.txt").unlink()
    assert again(chapters, folder, executed, epochs=3, seed=2) == ["02_two"]
    (sample / "a.txt").write_text("other")
    assert again(chapters, folder, executed, epochs=3, seed=2) == ["01_one", "02_two"]
    (folder / "notebooks" / "02_two.ipynb").unlink()
    assert again(chapters, folder, executed, epochs=3, seed=2) == ["02_two"]

    # a notebook that changed, and one that is no longer part of the run
    chapters[0] = write("01_one", 'run = ""\nseed = 1', FIRST, "1 + 1")
    assert again(chapters, folder, executed, epochs=3, seed=2) == ["01_one", "02_two"]
    chapters[1] = write("02_two", 'run = ""', "1 + 1")
    assert again(chapters[1:], folder, executed) == ["02_two"]
    assert list(sample.iterdir()) == [] and not (folder / "notebooks" / "01_one.ipynb").exists()


def test_other_libraries_may_give_other_results(
    tmp_path: Path, chapters: list[Chapter], executed: Executed, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = {"numpy": "2.4.6", "commit": "abc"}
    monkeypatch.setattr("milkyway_cnn.provenance.record", lambda: dict(record))
    assert again(chapters, tmp_path / "run", executed) == ["01_one", "02_two"]
    record["commit"] = "def"
    assert again(chapters, tmp_path / "run", executed) == []
    record["numpy"] = "2.5.0"
    assert again(chapters, tmp_path / "run", executed) == ["01_one", "02_two"]


def test_a_stage_leaves_the_files_of_others_alone(write, tmp_path: Path, executed: Executed) -> None:
    chapters = [write("01_one", 'run = ""\nseed = 1', FIRST), write("02_two", 'run = ""\nseed = 1', "seed += 1", FIRST)]
    for names in (["01_one", "02_two"], ["01_one", "02_two"]):
        with pytest.raises(ChapterError, match=r"02_two changed sample/a\.txt, the work of an earlier chapter"):
            again(chapters, tmp_path / "run", executed)
        assert executed.names == names


def test_what_a_broken_attempt_left_goes_when_the_parameters_change(
    write, chapters: list[Chapter], tmp_path: Path, executed: Executed
) -> None:
    chapters[1] = write("02_two", 'run = ""\nepochs = 10', SECOND, "1 / 0")
    folder = tmp_path / "run"
    with pytest.raises(ZeroDivisionError):
        again(chapters, folder, executed, epochs=3)
    (folder / "sample" / "mine.txt").write_text("there when the next attempt starts, but not made by it")
    with pytest.raises(ZeroDivisionError):
        again(chapters, folder, executed, epochs=3)
    assert (folder / "sample" / "b-3.txt").exists()
    with pytest.raises(ZeroDivisionError):
        again(chapters, folder, executed, epochs=4)
    assert sorted(path.name for path in (folder / "sample").iterdir()) == ["a.txt", "b-4.txt"]


def test_the_content_of_a_catalog_counts_not_its_name(
    write, tmp_path: Path, executed: Executed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("milkyway_cnn.surveys.read.check_catalog", lambda path, region=None: None)
    chapters = [write("01_one", 'run = ""\ncatalog = ""', "open(catalog).close()")]
    one, two = tmp_path / "one.fits", tmp_path / "two.fits"
    one.write_text("stars")
    two.write_text("stars")
    assert again(chapters, tmp_path / "run", executed, catalog=str(one)) == ["01_one"]
    assert again(chapters, tmp_path / "run", executed, catalog=str(two)) == []
    two.write_text("more stars")
    assert again(chapters, tmp_path / "run", executed, catalog=str(two)) == ["01_one"]


def test_catalogs_are_looked_for_and_looked_at_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chapters: list[Chapter], executed: Executed
) -> None:
    seen = []
    monkeypatch.setattr("milkyway_cnn.surveys.read.check_catalog", lambda *words: seen.append(words))
    monkeypatch.chdir(tmp_path)
    Path("far").mkdir()
    Path("far/dust_free.fits").touch()
    found = inputs.located(Parameters(catalog="far/stars.fits", control="dust_free.fits"))
    assert (found.catalog, found.control) == (str(tmp_path / "far/stars.fits"), str(tmp_path / "far/dust_free.fits"))
    assert seen == [(Path(found.catalog), (257.0, 303.0, -5.0, 5.0)), (Path(found.control),)]
    Path("dust_free.fits").touch()
    found = inputs.located(Parameters(catalog="far/stars.fits", control="dust_free.fits"))
    assert found.control == str(tmp_path / "dust_free.fits")
    with pytest.raises(InputError, match=r"the control field none\.fits lies neither in .* nor beside"):
        again(chapters, tmp_path / "run", executed, catalog="far/stars.fits", control="none.fits")
    assert executed.names == [] and not (tmp_path / "run").exists()


def test_catalogs_of_all_surveys_are_looked_at_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    position = {"l": np.full(5, 280.0), "b": np.zeros(5)}
    for name, bands in (("stars.csv", ("J", "H", "Ks")), ("gaia.csv", ("G", "BP", "RP", "parallax"))):
        columns = {column: np.full(5, 12.0) for band in bands for column in (band, f"{band}_error")}
        Table(position | columns).write(name)
    both = {"diagrams": ["2mass", "gaia-parallax"], "catalog": "stars.csv"}
    found = inputs.located(Parameters(gaia="gaia.csv", **both))
    assert found.gaia == str(tmp_path / "gaia.csv") and found.catalog == str(tmp_path / "stars.csv")
    with pytest.raises(InputError, match=r"stars.csv lacks columns; needed, .* G \(Gmag or phot_g_mean_mag or G\)"):
        inputs.located(Parameters(**both))
    alone = inputs.located(Parameters(catalog="gaia.csv", diagrams=["gaia-color"]))
    assert alone.catalog == str(tmp_path / "gaia.csv")
    with pytest.raises(InputError, match=r"gaia.csv has no star within l 0 to 10"):
        inputs.located(Parameters(gaia="gaia.csv", l_min=0, l_max=10, **(both | {"diagrams": ["gaia-color"]})))


def test_outputs_of_the_besancon_model_are_looked_at_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, besancon_output: Path
) -> None:
    monkeypatch.chdir(besancon_output.parent)
    field = {"l_min": 279, "l_max": 281, "b_min": -1, "b_max": 1}
    found = inputs.located(Parameters(galaxy=besancon_output.name, **field))
    assert found.galaxy == str(besancon_output) and inputs.located(Parameters()).galaxy == "embedded"
    with pytest.raises(InputError, match="no output of the Besancon model lies within 10 deg of l=257"):
        inputs.located(Parameters(galaxy=besancon_output.name))
    with pytest.raises(InputError, match="the Galaxy 'embeded' is neither a model"):
        inputs.located(Parameters(galaxy="embeded"))


def test_a_named_galaxy_counts_by_its_name_and_an_output_by_its_content(
    write, tmp_path: Path, executed: Executed, besancon_output: Path
) -> None:
    chapters = [write("01_one", 'run = ""\ngalaxy = "embedded"', "len(galaxy)")]
    field = {"l_min": 279, "l_max": 281, "b_min": -1, "b_max": 1}
    one = tmp_path / "one.txt"
    one.write_bytes(besancon_output.read_bytes())
    for galaxy, names in [
        ("embedded", ["01_one"]), ("embedded", []), ("gums_dr3", ["01_one"]), (str(one), ["01_one"]),
        (str(besancon_output), []),
    ]:  # fmt: skip
        assert again(chapters, tmp_path / "run", executed, galaxy=galaxy, **field) == names


def test_folders_that_cannot_be_used(tmp_path: Path, chapters: list[Chapter], executed: Executed) -> None:
    file, home = tmp_path / "file", tmp_path / "home"
    file.touch()
    home.mkdir()
    (home / "letter.txt").touch()
    for folder, sentence in [
        (file, "cannot be written (File exists); choose another"),
        (file / "run", "cannot be written (Not a directory); choose another"),
        (home, "holds files that are no run, such as letter.txt; choose another"),
    ]:
        with pytest.raises(InputError) as caught:
            again(chapters, folder, executed)
        assert sentence in str(caught.value)
    if os.geteuid():
        home.chmod(0o500)
        with pytest.raises(InputError, match="Permission denied"):
            again(chapters, home / "run", executed)
    assert executed.names == []


def test_one_run_at_a_time(
    tmp_path: Path, chapters: list[Chapter], executed: Executed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "PATIENCE", 0.1)
    with inputs.held(tmp_path / "run"), pytest.raises(InputError, match="another run is at work in"):
        again(chapters, tmp_path / "run", executed)
    assert again(chapters, tmp_path / "run", executed) == ["01_one", "02_two"]


def test_a_full_disk_is_one_sentence_and_the_run_goes_on_later(
    write, tmp_path: Path, chapters: list[Chapter], executed: Executed
) -> None:
    full = f"raise OSError({errno.ENOSPC}, 'No space left on device')"
    broken = [chapters[0], write("02_two", 'run = ""\nepochs = 10', full)]
    with pytest.raises(
        InputError, match=r"cannot be written \(No space left on device\); once that is mended, the same"
    ):
        again(broken, tmp_path / "run", executed)
    chapters[1] = write("02_two", 'run = ""\nepochs = 10', SECOND)
    assert again(chapters, tmp_path / "run", executed) == ["02_two"]


def test_a_failed_stage_is_recorded(tmp_path: Path, chapters: list[Chapter], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*words: object) -> None:
        raise ChapterError("01_one failed in In [2]: ValueError: no")

    monkeypatch.setattr(module, "execute", fail)
    with pytest.raises(ChapterError):
        run(Parameters(), tmp_path / "run", chapters, name="tiny")
    stage = json.loads((tmp_path / "run" / "run.json").read_text())["stages"]["01_one"]
    assert stage["state"] == "failed" and stage["reason"] == "01_one failed in In [2]: ValueError: no"


WAIT = """
import os, time
from pathlib import Path
Path(run).parent.joinpath("kernel").write_text(str(os.getpid()))
while not Path(run).parent.joinpath("go").exists():
    time.sleep(0.05)
"""
START = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background hands down that it is ignored
from pathlib import Path
from milkyway_cnn.pipeline.chapters import read
from milkyway_cnn.pipeline.parameters import Parameters
from milkyway_cnn.pipeline.run import run
run(Parameters(epochs=10), Path(sys.argv[1]), [read(Path(path)) for path in sys.argv[2:]], name="tiny")
"""


def runs(number: int) -> bool:
    """Tell whether a process runs; one that has ended keeps its number until the system's first process lets it go."""
    try:
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_a_broken_run_leaves_no_kernel_and_goes_on(write, tmp_path: Path, sent: signal.Signals) -> None:
    chapters = [write("01_one", 'run = ""\nseed = 1', FIRST), write("02_two", 'run = ""\nepochs = 10', WAIT, SECOND)]
    folder = tmp_path / "run"
    command = [sys.executable, "-c", START, str(folder), *(str(chapter.path) for chapter in chapters)]
    first = subprocess.Popen(command, stderr=subprocess.PIPE)
    kernel = tmp_path / "kernel"
    deadline = time.monotonic() + 300
    while not (kernel.exists() and kernel.read_text()):
        assert first.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    first.send_signal(sent)
    _, err = first.communicate()
    orphan = int(kernel.read_text())
    if sent == signal.SIGINT:
        assert err.rstrip().endswith(b"KeyboardInterrupt") and not list(folder.rglob(".part-*"))
        assert not runs(orphan)
        return
    (tmp_path / "go").touch()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not runs(orphan)
    assert done.stdout.startswith("01_one: kept\n02_two: done")
    assert (folder / "sample" / "b-10.txt").read_text() == "1 10"
    assert not list(folder.rglob(".part-*")) and "Chapter 02_two" in (folder / "report.html").read_text()


def test_the_place_of_work_makes_no_stage_run_again(write, tmp_path: Path, executed: Executed) -> None:
    chapters = [write("01_one", 'run = ""\nseed = 1\ncluster = ""', FIRST)]
    assert again(chapters, tmp_path / "run", executed) == ["01_one"]
    assert again(chapters, tmp_path / "run", executed, cluster="2") == []
    with pytest.raises(InputError, match="cluster = 'moon' is no place to work"):
        again(chapters, tmp_path / "run", executed, cluster="moon")


def test_a_catalog_may_be_a_folder(write, tmp_path: Path, executed: Executed) -> None:
    rows = {name: np.full(50, 10.0) for name in ("Jmag", "Hmag", "Kmag")}
    rows |= {f"e_{name}": np.full(50, 0.03) for name in rows} | {"GLON": np.full(50, 280.0), "GLAT": np.zeros(50)}
    folder = tmp_path / "stars"
    folder.mkdir()
    for name in "ab":
        pq.write_table(pa.table(rows), folder / f"{name}.parquet")
    chapters = [write("01_one", 'run = ""\ncatalog = ""\nseed = 1', FIRST)]
    assert again(chapters, tmp_path / "run", executed, catalog=str(folder)) == ["01_one"]
    assert again(chapters, tmp_path / "run", executed, catalog=str(folder)) == []
    pq.write_table(pa.table(rows), folder / "c.parquet")
    assert again(chapters, tmp_path / "run", executed, catalog=str(folder)) == ["01_one"]
    with pytest.raises(InputError, match="has no star within l 10 to 20"):
        again(chapters, tmp_path / "run", executed, catalog=str(folder), l_min=10, l_max=20)


def test_maps_and_tables_to_compare_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("l,b\n285,0\n")
    found = inputs.located(Parameters(tracers=["cluster=t.csv", "wise"], other_maps=["planck"], arms="Reid_2019"))
    assert found.tracers == [f"cluster={tmp_path / 't.csv'}", "wise"] and found.other_maps == ["planck"]
    before = inputs.contents(found)
    assert before["other_maps"] == "planck" and re.fullmatch("[0-9a-f]{64} wise", before["tracers"])
    Path("t.csv").write_text("l,b\n286,0\n")
    assert inputs.contents(found)["tracers"] != before["tracers"]
    for refused, message in (
        ({"tracers": ["u.csv"]}, "there is no u.csv; give the path of a file, or one of wise, hou-han"),
        ({"other_maps": ["moon"]}, "there is no moon; give the path of a file, or one of planck"),
        ({"arms": "moon"}, "there is no model 'moon' of spiral arms; choose one of"),
    ):
        with pytest.raises(InputError, match=message):
            inputs.located(Parameters(**refused))
