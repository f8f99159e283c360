"""Mock profiles against what was asked for, in pictures."""

from __future__ import annotations

import numpy as np
import xarray as xr

from milkyway_cnn.figures import FIRST, SECOND, Figure

__all__ = ["horizons", "profile_statistics"]


def profile_statistics(found: xr.Dataset) -> Figure:
    """Totals, spectrum, mean and scatter of mock profiles beside those that the prior asks for.

    Parameters
    ----------
    found
        What `statistics.profile_statistics` gives.
    """
    figure = Figure(13.0, 3.9)
    totals, spectrum, bins = figure.subplots(1, 3)
    share = (np.arange(found.sizes["example"]) + 0.5) / found.sizes["example"]
    totals.plot(found["total"], share, color=FIRST, lw=2, label="drawn")
    totals.plot(found["asked_total"], share, color=SECOND, ls="--", lw=1.5, label="asked for")
    totals.set(xscale="symlog", xlabel="total $A_V$ (mag)", ylabel="share of profiles with less", xlim=0, ylim=(0, 1))
    totals.set_xticks([0, 1, 3, 10, 30], ["0", "1", "3", "10", "30"])
    totals.set_title(f"largest difference {found.attrs['ks']:.3f}")
    totals.legend(loc="lower right")

    spectrum.loglog(found["frequency"], found["spectrum"], color=FIRST, lw=2, label="drawn")
    spectrum.loglog(found["frequency"], found["asked_spectrum"], color=SECOND, ls="--", lw=1.5, label="asked for")
    spectrum.set(xlabel="frequency along the sightline (kpc$^{-1}$)", ylabel="power of ln(density)")
    spectrum.set_title("without clouds")
    spectrum.xaxis.set_major_formatter("{x:g}")
    spectrum.xaxis.set_minor_formatter("")
    spectrum.legend()

    middle = found["distance"]
    bins.plot(middle, found["mean"], color=FIRST, lw=2, label="mean")
    bins.plot(middle, found["std"], color=FIRST, lw=1, ls=":", label="standard deviation")
    bins.plot(middle, found["envelope"], color=SECOND, ls="--", lw=1.5, label="smooth disc")
    bins.set(xlabel="distance (kpc)", ylabel="$A_V$ per bin (mag)", yscale="log", xlim=(0, None))
    bins.set_ylim(bottom=1e-3 * float(found["mean"].max()))
    bins.legend()
    return figure


def horizons(total: np.ndarray, horizon: np.ndarray) -> Figure:
    """Horizon (kpc) over total A_V (mag) of examples, and its distribution: (examples,) each."""
    figure = Figure(9.0, 3.9)
    dust, share = figure.subplots(1, 2)
    dust.plot(np.maximum(total, 0.1), horizon, ".", color=FIRST, ms=3, alpha=0.4, mew=0)
    dust.set(xscale="log", xlabel="total $A_V$ (mag; 0.1 for less)", ylabel="horizon (kpc)", ylim=(0, None))
    dust.xaxis.set_major_formatter("{x:g}")
    ordered = np.sort(horizon)
    share.plot(ordered, (np.arange(ordered.size) + 0.5) / ordered.size, color=FIRST, lw=2)
    share.set(xlabel="horizon (kpc)", ylabel="share of examples that end before", xlim=(0, None), ylim=(0, 1))
    return figure
