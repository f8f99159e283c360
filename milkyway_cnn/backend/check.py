"""What of CUDA this machine has, and what keeps it from being used."""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass, replace
from importlib import metadata
from importlib.util import find_spec

__all__ = ["Card", "fault", "found"]

# Toolkits that the extras cuda12 and cuda13 bring: least driver, as CUDA counts and as nvidia-smi shows it, and least
# compute capability of a card.
_TOOLKITS = {12: ((12, 0), "525", (5, 0)), 13: ((13, 0), "580", (7, 5))}
#: Kernels are compiled for cards from here on.
_LEAST_CAPABILITY = (7, 0)


@dataclass(frozen=True)
class Card:
    """What of CUDA this machine has; None for what is not there.

    Parameters
    ----------
    wheels
        Version of the package numba-cuda.
    driver, toolkit
        Versions of CUDA that the driver can run and that the wheels compile with.
    linker
        Version of nvJitLink's wheel.
    name, capability
        Of the first card.
    simulated
        Whether Numba simulates a card.
    arrays
        Major version of CUDA that CuPy's wheel is for.
    """

    wheels: str | None = None
    driver: tuple[int, int] | None = None
    toolkit: tuple[int, int] | None = None
    linker: tuple[int, int] | None = None
    name: str | None = None
    capability: tuple[int, int] | None = None
    simulated: bool = False
    arrays: int | None = None


def fault(card: Card) -> str | None:
    """Say in one sentence why kernels cannot run on a card, and what mends it; None if they can."""
    if card.simulated:
        return None
    if card.driver is None:
        return (
            "no NVIDIA driver answers, so there is no device 'cuda' here; where there is a card, install its driver"
            " (`nvidia-smi` shows it), else use device='cpu'"
        )
    fitting = "cuda13" if card.driver >= (13, 0) and (card.capability or (9, 0)) >= (7, 5) else "cuda12"
    mend = f"`pip install 'milkyway-cnn[{fitting}]'`"
    shown = ".".join(map(str, card.driver))
    if card.driver < (12, 0):
        return f"the NVIDIA driver runs CUDA {shown}, which is too old: install a driver from version 525 on"
    if card.wheels is None or card.toolkit is None:
        return f"the Python packages for CUDA are not all there: {mend}"
    if card.capability is None:
        return "the NVIDIA driver finds no card; see `nvidia-smi` and CUDA_VISIBLE_DEVICES, or use device='cpu'"
    if card.capability < _LEAST_CAPABILITY:
        has, least = (".".join(map(str, version)) for version in (card.capability, _LEAST_CAPABILITY))
        return f"{card.name} has compute capability {has}, and {least} is the least; use device='cpu' or a newer card"
    least_driver, version, least_card = _TOOLKITS.get(card.toolkit[0], _TOOLKITS[13])
    kit = ".".join(map(str, card.toolkit))
    if card.driver < least_driver:
        return (
            f"the Python packages are for CUDA {kit}, which needs a driver from version {version} on, and this one runs"
            f" CUDA {shown}: {mend}, in a fresh environment, or a newer driver"
        )
    if card.capability < least_card:
        return f"CUDA {kit} knows {card.name} no more: {mend}, in a fresh environment"
    if card.arrays not in (None, card.toolkit[0]):
        return f"CuPy is for CUDA {card.arrays} and the compiler for CUDA {kit}: {mend}, in a fresh environment"
    if card.linker is None or card.linker < card.toolkit:
        linker = "no nvJitLink" if card.linker is None else f"nvJitLink {'.'.join(map(str, card.linker))}"
        upgrade = mend.replace("install", "install --upgrade", 1)
        return f"the Python packages have {linker} beside a compiler of CUDA {kit}, which it cannot link: {upgrade}"
    return None


def found() -> Card:
    """Look what of CUDA this machine has."""
    if os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0"):
        return Card(simulated=True)
    wheels = _version("numba-cuda")
    if wheels is None or not all(find_spec(name) for name in ("cupy", "nvmath")):
        return Card(driver=_driver_without_wheels())
    driver = importlib.import_module("numba.cuda.cudadrv.driver").driver
    if not driver.is_available:
        return Card(wheels)
    toolkit, linker = (
        _release(_version(f"{name}-cu12") or _version(name)) for name in ("nvidia-cuda-nvrtc", "nvidia-nvjitlink")
    )
    card = Card(wheels, driver.get_version(), toolkit, linker)
    if not driver.get_device_count():
        return card
    device, arrays = driver.get_device(0), [major for major in _TOOLKITS if _version(f"cupy-cuda{major}x")]
    return replace(
        card,
        name=device.name.decode() if isinstance(device.name, bytes) else str(device.name),
        capability=tuple(device.compute_capability),
        arrays=arrays[0] if len(arrays) == 1 else None,
    )


def _driver_without_wheels() -> tuple[int, int] | None:
    """Ask the driver's own library for the version of CUDA that it runs."""
    import ctypes

    name = "nvcuda.dll" if os.name == "nt" else "libcuda.so.1"
    try:
        library = ctypes.CDLL(name)
    except OSError:
        return None
    number = ctypes.c_int()
    if library.cuInit(0) or library.cuDriverGetVersion(ctypes.byref(number)):
        return None
    return number.value // 1000, number.value % 1000 // 10


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _release(version: str | None) -> tuple[int, int] | None:
    """Major and minor number of a version."""
    if version is None:
        return None
    major, minor, *_ = version.split(".")
    return int(major), int(minor)
