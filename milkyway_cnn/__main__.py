"""The front door: ``python3 -m milkyway_cnn demo`` works from a bare clone, with nothing but Python.

It makes an environment in ``.venv``, installs the clone into it and says the same words again to the command
``milkyway-cnn`` of that environment. Where the package is installed already, it is that command. Only the standard
library is used here, and no syntax that an old Python could not read, so that it can say that it is too old.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STAMP, LOG = VENV / "milkyway-cnn.stamp", VENV / "milkyway-cnn.log"
CONSTRAINTS = "binder/constraints.txt"  # relative to ROOT, as all below: a path with spaces needs no quoting then


def extra(words):
    """Return the extra that the NVIDIA card of this machine needs, where the words ask for it, else an empty string."""
    if not {"--gpu", "cuda"}.intersection(words):
        return ""
    query = ["nvidia-smi", "--query-gpu=compute_cap,driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, check=True).stdout
        capability, driver = (float(".".join(part.split(".")[:2])) for part in answer.splitlines()[0].split(","))
    except (OSError, subprocess.CalledProcessError, IndexError, ValueError):
        return ""
    return "cuda13" if driver >= 580 and capability >= 7.5 else "cuda12"


def stamp(extra):
    """Return what the environment depends on: Python, place of the clone, two files that say what is in it, an extra.

    Returns
    -------
    str
    """
    parts = [sys.version.encode(), str(ROOT).encode(), extra.encode()]
    parts += [(ROOT / name).read_bytes() for name in ("pyproject.toml", CONSTRAINTS)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def attempt(*command):
    """Run a command in the clone and return whether it went well; what it says goes to the log."""
    environment = {**os.environ, "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    words = [str(word) for word in command]
    with LOG.open("ab") as log:
        log.write(("\n$ " + " ".join(words) + "\n").encode())
        log.flush()
        return subprocess.call(words, cwd=ROOT, env=environment, stdout=log, stderr=log) == 0


def clone(extra):
    """Return what pip is to install."""
    return ["-c", CONSTRAINTS, "-e", ".[" + ",".join(filter(None, ["test", extra])) + "]"]


def install_with_uv(extra):
    """Return whether uv, found or fetched by pip, has made the environment."""
    uv, tool = shutil.which("uv"), VENV / "uv-tool"
    # --target is allowed where the system's Python refuses to be changed (PEP 668), and needs no venv module
    if not uv and attempt(sys.executable, "-m", "pip", "install", "-q", "--target", tool, "uv"):
        uv = shutil.which("uv", path=str(tool / "bin"))
    venv = [uv, "venv", "-q", "--allow-existing", "--python", sys.executable, VENV]
    return uv and attempt(*venv) and attempt(uv, "pip", "install", "-q", "--python", PYTHON, *clone(extra))


def install_with_pip(extra):
    """Return whether the standard library's venv and pip have made the environment."""
    return attempt(sys.executable, "-m", "venv", VENV) and attempt(PYTHON, "-m", "pip", "install", "-q", *clone(extra))


def main():
    """Install if need be, then run the command.

    Returns
    -------
    int
        exit status: 0 done, 1 failed, 2 input that cannot be used.
    """
    if sys.version_info < (3, 11):  # noqa: UP036
        print(f"milkyway-cnn needs Python 3.11 or newer, and {sys.executable} is older.", file=sys.stderr)
        return 2
    from importlib import metadata

    try:
        metadata.version("milkyway-cnn")
    except metadata.PackageNotFoundError:
        pass
    else:
        from .cli import main as command

        return command()
    wanted = extra(sys.argv[1:])
    enough = {stamp(name) for name in ([wanted] if wanted else ["", "cuda12", "cuda13"])}
    try:
        if not (STAMP.exists() and STAMP.read_text() in enough):
            print(f"setting up {VENV} (once, a minute or two) ...", file=sys.stderr, flush=True)
            VENV.mkdir(exist_ok=True)
            if not (install_with_uv(wanted) or install_with_pip(wanted)):
                raise OSError(f"is the network there? What was tried is in {LOG}")  # noqa: EM102
            STAMP.write_text(stamp(wanted))
    except OSError as error:
        print(f"milkyway-cnn could not set up its environment: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    words = [str(PYTHON), "-m", "milkyway_cnn", *sys.argv[1:]]
    if os.name == "nt":
        return subprocess.call(words)
    os.execv(PYTHON, words)


if __name__ == "__main__":
    sys.exit(main())
