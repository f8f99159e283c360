"""How well the dust of the demo's mock sky could be known at all: ``python -m benchmarks.floor runs/demo``.

Whatever reads a diagram, network or not, the spread of what it says of A_V to a distance is at least that of the
Bayesian Cramer-Rao bound (Van Trees 1968, part I, section 2.4 [M]): the inverse of the prior's inverse covariance
plus the Fisher information of the counts, which are Poisson. The parameters are the logarithms of the dust's density
in bins of 400 pc, in which the diagrams are taken to be linear around the truth, and what else may vary: the number
of stars, the scatter of the dust inside the cell, and the colors of the stars. The prior of the densities is that of
the mock sky's clouds; the scatter is 0.2 +- 0.115 in ln(A_V), the middle and the spread of what training assumes.

Derivatives come from modeled stars in many cells' area. Chance in them would look like information; so one factor of
the Fisher information is from one half of the stars, the other from the other half.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.readme import RESULTS, renew
from milkyway_cnn import cube
from milkyway_cnn.comparison.rivals import spread_cells
from milkyway_cnn.comparison.scores import DISTANCES
from milkyway_cnn.diagrams import parents, star_density, survey_parameters
from milkyway_cnn.extinction.clouds import Clouds
from milkyway_cnn.galaxy.stars import Stars
from milkyway_cnn.galaxy.synthesis import synthesize
from milkyway_cnn.kernels.expected import expected_diagram
from milkyway_cnn.sightlines import solid_angle
from milkyway_cnn.surveys.diagrams import AXES

#: Modeled stars are those of so many cells; bins of the dust; step of a derivative (mag of A_V, mag of color, ln A_V).
_CELLS, _BINS, _A_V, _COLOR, _BEAM = 24, 32, 0.15, 0.03, 0.1
#: Scatter of ln(A_V) from star to star; contrast of the clouds, and variance that ln(density) has in common.
_SCATTER, _CONTRAST, _COMMON = 0.2, 1.5, 0.1
#: Standard deviations of what is uniform between limits in training: ln(number of stars) and scatter; and of colors
#: that are known, or off by up to 0.01 mag.
_NUMBER, _SCATTERS, COLORS = 0.053, 0.115, {"known": 1e-6, "off by up to 0.01 mag": 0.0058}
#: Expected stars below which a pixel does not count.
_LEAST = 0.02


def clouds_covariance(edges: np.ndarray, contrast: float, scale: float = Clouds.outer_scale) -> np.ndarray:
    """Covariance of ln(density) between bins along a line through `extinction.clouds`: (bins, bins).

    A line through a field of spectrum (k^2 + k0^2)^(-11/6) sees (k^2 + k0^2)^(-5/6).
    """
    width = float(edges[1] - edges[0])
    k = np.linspace(0.0, 200.0, 40_001)
    power = (k**2 + scale**-2) ** (-5 / 6)
    averaged = power * np.sinc(k * width) ** 2
    lag = np.array([np.mean(averaged * np.cos(2 * np.pi * k * width * n)) for n in range(len(edges) - 1)])
    n = np.arange(len(lag))
    return contrast**2 / power.mean() * lag[np.abs(n[:, None] - n)]


class Diagrams:
    """Expected diagrams of a cell behind its dust, and how they change; all flat, stars per pixel and cell."""

    def __init__(self, stars: Stars, area: float, A_V: np.ndarray, cells: float) -> None:
        bands, half, noise = survey_parameters(np.array(star_density(stars, area)))
        self._survey = bands, half[0], noise
        self._per_A_V = bands[:, 0]
        self._bare, self._A_V = parents(stars), A_V
        self._deviation = np.random.default_rng(1).standard_normal(len(stars)).astype(np.float32)
        self._cells = cells

    def mean(self, which: np.ndarray, add: float = 0.0, color: float = 0.0, scatter: float = _SCATTER) -> np.ndarray:
        """Diagram of some of the stars, with `add` (mag) to their A_V and `color` (mag) to J."""
        seen = self._bare[which].copy()
        factor = np.exp(np.float32(scatter) * (self._deviation[which] - np.float32(scatter / 2)))
        seen[:, 1:] += ((self._A_V[which] + np.float32(add)) * factor)[:, None] * self._per_A_V
        seen[:, 1] += np.float32(color)
        image = expected_diagram(seen, np.uint64(5), 4, self._survey, AXES.kernel(), AXES.pixels)
        return image.ravel().astype(np.float64) / self._cells


def bound(l: float, b: float, area: float, edges: np.ndarray, A_V: np.ndarray, cells: int = _CELLS) -> dict[str, Any]:
    """Least median relative error of A_V to `DISTANCES` (Gaussian, 0.6745 sigma), by what is known of colors.

    Parameters
    ----------
    l, b, area
        Of the cell (deg, square degrees).
    edges, A_V
        Edges of distance bins (kpc) and true A_V up to each (mag): (bins + 1,).
    """
    stars = synthesize(l, b, area * cells, seed=11)
    sky = Diagrams(stars, area * cells, np.interp(stars.distance, edges, A_V).astype(np.float32), cells)
    nodes = np.linspace(0.0, float(edges[-1]), _BINS + 1)
    added = np.diff(np.interp(nodes, edges, A_V))
    bin_of = np.minimum(np.searchsorted(nodes, stars.distance, side="right") - 1, _BINS)
    first = np.random.default_rng(2).random(len(stars)) < 0.5
    sides = []
    for half in (first, ~first):
        # Stars of a bin are dimmed more by all of the bins before it, and by half of their own.
        places = [np.flatnonzero(half & (bin_of == n)) for n in range(_BINS + 1)]
        by_A_V = np.array([(sky.mean(some, add=_A_V) - sky.mean(some, add=-_A_V)) / (2 * _A_V) for some in places])
        behind = np.cumsum(by_A_V[::-1], axis=0)[::-1]
        by_density = added[:, None] * (0.5 * by_A_V[:-1] + behind[1:])
        whole = np.flatnonzero(half)
        mean = sky.mean(whole)
        by_color = (sky.mean(whole, color=_COLOR) - mean) / _COLOR
        by_scatter = (sky.mean(whole, scatter=_SCATTER + _BEAM) - mean) / _BEAM
        sides.append(2.0 * np.vstack([by_density, mean, by_scatter, by_color]))
    expected = sky.mean(np.arange(len(stars)))
    counts = expected > _LEAST
    fisher = (sides[0][:, counts] / expected[counts]) @ sides[1][:, counts].T
    prior = np.zeros_like(fisher)
    prior[:_BINS, :_BINS] = clouds_covariance(nodes, _CONTRAST) + _COMMON
    sums = np.zeros((_BINS, len(prior)))
    sums[:, :_BINS] = np.tril(np.ones((_BINS, _BINS))) * added
    to = np.array(DISTANCES)
    true = np.interp(to, edges, A_V)
    errors = {}
    for name, spread in reversed(COLORS.items()):
        prior[range(_BINS, _BINS + 3), range(_BINS, _BINS + 3)] = [_NUMBER**2, _SCATTERS**2, spread**2]
        root = np.linalg.cholesky(prior)
        if not errors:  # what chance has left below zero is no information
            values, vectors = np.linalg.eigh(root.T @ (fisher + fisher.T) @ root / 2)
            half = np.linalg.solve(root.T, vectors * np.sqrt(np.maximum(values, 0.0)))
        told = root.T @ half
        left = np.linalg.solve(np.eye(len(prior)) + told @ told.T, (sums @ root).T)
        sigma = np.sqrt(np.einsum("ij,ji->i", sums @ root, left))
        errors[name] = (0.6745 * np.interp(to, nodes[1:], sigma) / true).tolist()
    return {
        "l": l,
        "b": b,
        "stars": float(expected.sum()),
        "A_V": true.tolist(),
        "errors": {name: errors[name] for name in COLORS},
    }


def table(result: Mapping[str, Any]) -> str:
    """Write the table in Markdown."""
    heads = ", ".join(f"{to:g}" for to in DISTANCES)
    lines = [f"| colors of stars | least possible error of A_V to {heads} kpc |", "|---|---|"]
    for name, errors in result["rows"].items():
        lines.append(f"| {name} | {', '.join(f'{100 * error:.1f}' for error in errors)} % |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Bound some cells of a run's mock sky, print the table, write the results as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.floor", description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a run on the mock sky that is done")
    parser.add_argument("--cells", type=int, default=24, help="cells of the sky, at most [24]")
    parser.add_argument("--area", type=int, default=_CELLS, help=f"modeled stars are those of so many cells [{_CELLS}]")
    parser.add_argument("--output", type=Path, default=RESULTS / "floor.json")
    chosen = parser.parse_args(arguments)
    truth = cube.load(chosen.run / "catalog" / "truth.zarr").load()
    edges = truth["distance_edges"].values
    side = float(truth.attrs["cell_deg"]) / 2
    judged = []
    for row, column in np.argwhere(spread_cells((truth.sizes["b"], truth.sizes["l"]), chosen.cells)):
        b, l = float(truth["b"][row]), float(truth["l"][column])
        A_V = np.append(0.0, truth["A_V"].values[row, column])
        area = float(solid_angle(2 * side, np.array([b - side]), np.array([b + side]))[0])
        judged.append(bound(l, b, area, edges, A_V, chosen.area))
    rows = {name: np.median([cell["errors"][name] for cell in judged], axis=0).tolist() for name in COLORS}
    result = {"rows": rows, "cells": judged}
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    chosen.output.write_text(json.dumps(result, indent=1) + "\n")
    if chosen.output == RESULTS / "floor.json":
        renew("benchmarks.floor", table(result))
    print(f"{table(result)}\n\nwritten to {chosen.output}")


if __name__ == "__main__":
    main()
