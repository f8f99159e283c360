"""The steps of binder/, as repo2docker takes them, in a clone and an environment of their own; then the tour."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def _do(*words: str | Path, folder: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        list(map(str, words)), cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{words}: {done.stdout[-2000:]}{done.stderr[-4000:]}"


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.skipif(not os.environ.get("MILKYWAY_BINDER"), reason="it takes minutes; MILKYWAY_BINDER=1 runs it")
def test_the_image_builds_and_the_tour_runs_in_it(tmp_path: Path) -> None:
    uv = shutil.which("uv") or shutil.which("uv", path=str(ROOT / ".venv" / "uv-tool" / "bin"))
    if not uv:
        pytest.skip("there is no uv, without which an environment takes too long; install it with: pip install uv")
    clone, venv = tmp_path / "clone", tmp_path / "venv"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone / name)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MILKYWAY", "PYTHON", "VIRTUAL"))}
    environment = kept | {"PATH": f"{venv / 'bin'}:{kept['PATH']}", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    places = {"folder": clone, "environment": environment | {"UV_CACHE_DIR": _cache(uv)}}
    _do(uv, "venv", "-q", "--python", sys.executable, venv, **places)
    _do(uv, "pip", "install", "-q", "--python", venv / "bin" / "python", "-r", "binder/requirements.txt", **places)
    _do("bash", "binder/postBuild", **places)
    assert (clone / "runs" / "smoke" / "report.html").exists()
    networks = list((tmp_path / "cache" / "milkyway-cnn" / "networks").glob("*/network.npz"))
    assert len(networks) == 1
    made = networks[0].stat().st_mtime_ns

    executed = tmp_path / "tour.ipynb"
    tour = ("papermill", "--no-progress-bar", "notebooks/00_tour.ipynb", executed)
    live = environment | {"MILKYWAY_HEADLESS": "1"}
    _do("bash", "binder/start", *tour, folder=clone, environment=live)
    assert networks[0].stat().st_mtime_ns == made  # the visitor finds it trained
    outputs = [output for cell in json.loads(executed.read_text())["cells"] for output in cell.get("outputs", [])]
    told = "".join(text for output in outputs for text in output.get("text", []))
    words = dict(line.split(":", 1) for line in told.splitlines() if line.startswith(("hidden:", "network:")))
    hidden, found = (float(words[name].split(" at ")[1].split(" kpc")[0]) for name in ("hidden", "network"))
    assert abs(found - hidden) < 0.5  # it has found the cloud of the riddle


def _cache(uv: str) -> str:
    return subprocess.run([uv, "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip()
