"""How far off profiles are that networks read: learned from examples that had no part in the training.

Three steps, each of which corrects the one before it:

1. Variance outputs. The logarithm of the squared error of each output is a linear function of what the network's last
   layer sees (multiplicative heteroscedasticity, Harvey 1976, Econometrica 44, 461): one more linear layer, of the
   highest likelihood of a Gaussian whose mean stays as it is. It cannot make the mean worse, and learns from errors on
   new examples, not from those of the training.
2. The variance over draws of Monte-Carlo dropout and over the members of an ensemble is added.
3. Quantiles of error / standard deviation over further examples take the place of a Gaussian's, at each distance by
   itself (split conformal prediction; Lei et al. 2018, arXiv:1604.04173).

The examples lie on sightlines spread over the field as its cells are, most of which the training has not seen: there a
network errs more than where it has learned.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np
import xarray as xr
from scipy.ndimage import gaussian_filter1d

from milkyway_cnn.ensemble import Ensemble, Read
from milkyway_cnn.errors import InputError
from milkyway_cnn.extinction.never_falling import never_falling
from milkyway_cnn.forward import Modeled
from milkyway_cnn.galaxy.models import chosen
from milkyway_cnn.judgment import Judgment
from milkyway_cnn.samples import reading
from milkyway_cnn.storage import replacing, writable
from milkyway_cnn.surveys.diagrams import Diagram
from milkyway_cnn.training import Inputs

__all__ = ["QUANTILES", "Calibration", "log_variance_weights"]

#: Probabilities of the quantiles that a cube holds: the median, and the ends of central 68 and 95 % intervals.
QUANTILES = np.array([0.025, 0.16, 0.5, 0.84, 0.975])
#: Principal components of the last layer's input on which the variance rests [OC].
_COMPONENTS = 64
#: Least standard deviation (mag) [OC].
_LEAST = 0.01
#: A squared error counts as at most so many variances: a few wild examples must not widen all others [OC].
_MOST = 16.0
#: Steps of Fisher's scoring, and the penalty on weights beside one example's information.
_STEPS, _RIDGE = 30, 1e-3
#: Standard deviation of the Gaussian by which quantiles of neighboring bins are averaged (bins) [OC].
_SMOOTHING = 2.0
#: Share of the examples that are as unlike the others as what is doubted, and how many are sent through the forward
#: model.
_NOVEL, _JUDGED = 0.01, 600
#: Part of a change of A_V that a map must show, from its nearest distance on [OC].
_FOLLOWS = 0.95


@dataclass(frozen=True, eq=False)
class Calibration:
    """What is known of an ensemble's errors.

    Parameters
    ----------
    center, axes
        Mean of the features, and the directions of their principal components over the components' standard deviation:
        (width,), (width, components).
    A_V_weights, delta_A_V_weights
        From 1 and the components to the log variance (mag^2) of A_V to a bin and of the bin by itself:
        (1 + components, bins).
    A_V_quantiles, delta_A_V_quantiles
        `QUANTILES` of (truth - mean) / standard deviation: (quantiles, bins).
    novel
        Root mean square component of a diagram that only 1 % of the examples exceed: () float64.
    nearest
        Distance (kpc) from which on A_V follows the truth: () float64. Nearer to the Sun, where few stars are, networks
        lean towards what is common, and intervals that hold on average over mock skies need not hold on a single one,
        all of whose cells look through the same dust.
    judgment
        How far from the forward model diagrams commonly are.
    """

    center: np.ndarray
    axes: np.ndarray
    A_V_weights: np.ndarray
    delta_A_V_weights: np.ndarray
    A_V_quantiles: np.ndarray
    delta_A_V_quantiles: np.ndarray
    novel: np.ndarray
    nearest: np.ndarray
    judgment: Judgment

    @classmethod
    def of(cls, ensemble: Ensemble, sample: xr.Dataset) -> Calibration:
        """Learn from a stored sample (see `samples.store`).

        Variances are learned on every other of its sightlines, quantiles on those between them.
        """
        with reading(sample):
            sightline, true = sample["sightline"].values, sample["delta_A_V"].values.astype(np.float64)
        read = ensemble.read(Inputs(sample))
        edges = np.array(json.loads(sample.attrs["stream"])["edges"])
        errors = true.cumsum(axis=1) - never_falling(read.delta_A_V.cumsum(axis=1, dtype=np.float64))
        steps = true - read.delta_A_V
        number = sightline if sightline.max() else np.arange(len(sightline))
        first, second = number % 2 == 0, number % 2 == 1
        center, axes = _principal(read.features[first])
        x = _regressors(read.features, center, axes)
        of_A_V, of_steps = (log_variance_weights(x[first], each[first]) for each in (errors, steps))
        half = Read(*(values[second] for values in read))
        blank = np.zeros((len(QUANTILES), true.shape[1]))
        judgment, one = _judgment(sample, second, read.delta_A_V), np.array(1.0)
        raw = cls(center, axes, of_A_V, of_steps, blank, blank, one, one, judgment)
        A_V_std, step_std = raw.deviations(half)
        return replace(
            raw,
            A_V_quantiles=_quantiles(errors[second] / A_V_std),
            delta_A_V_quantiles=_quantiles(steps[second] / step_std),
            novel=np.quantile(raw.novelty(half.features), 1.0 - _NOVEL),
            nearest=_nearest(true.cumsum(axis=1), true.cumsum(axis=1) - errors, edges),
        )

    def deviations(self, read: Read) -> tuple[np.ndarray, np.ndarray]:
        """Standard deviations (mag) of A_V to each bin and of each bin by itself: two of (n, bins)."""
        x = _regressors(read.features, self.center, self.axes)
        pairs = (self.A_V_weights, read.A_V_variance), (self.delta_A_V_weights, read.delta_A_V_variance)
        A_V, delta_A_V = (np.sqrt(np.maximum(np.exp(x @ weights), _LEAST**2) + drawn) for weights, drawn in pairs)
        return A_V, delta_A_V

    def novelty(self, features: np.ndarray) -> np.ndarray:
        """How unlike the examples diagrams are, 1 for one that is as unlike as 1 % of them: (n,).

        The root mean square of the principal components, each over its standard deviation: Mahalanobis's distance.
        It finds diagrams of other axes or without the locus of stars; not colors that are all off by some tenths of a
        magnitude, nor a shallower survey, for these look to the network as dust does: they are left to the judgment by
        the forward model.
        """
        x = _regressors(features, self.center, self.axes)[:, 1:]
        return np.sqrt(np.mean(x**2, axis=1)) / self.novel

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a zarr store, whole or not at all."""
        names = {
            "center": ("feature",),
            "axes": ("feature", "component"),
            "A_V_weights": ("regressor", "bin"),
            "delta_A_V_weights": ("regressor", "bin"),
            "A_V_quantiles": ("quantile", "bin"),
            "delta_A_V_quantiles": ("quantile", "bin"),
            "novel": (),
            "nearest": (),
            "judgment_center": ("cause", "difference"),
            "judgment_log_scale": ("cause", "difference"),
            "judgment_inverse": ("difference", "other"),
            "judgment_limit": (),
        }
        values = asdict(self)
        values |= {f"judgment_{name}": value for name, value in values.pop("judgment").items()}
        stored = xr.Dataset({name: (dims, values[name]) for name, dims in names.items()}, {"quantile": QUANTILES})
        with writable(Path(path)), replacing(path) as temporary:
            stored.to_zarr(temporary, zarr_format=3, consolidated=False)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Calibration:
        """Read what `save` has written.

        Raises
        ------
        InputError
            When there is no calibration at `path`.
        """
        path = Path(path)
        own = [field.name for field in fields(cls) if field.name != "judgment"]
        beside = [f"judgment_{field.name}" for field in fields(Judgment)]
        if (path / "zarr.json").is_file():
            with xr.open_zarr(path, consolidated=False, chunks=None) as stored:
                if {*own, *beside} <= set(stored):
                    values = {name: stored[name].values for name in own}
                    return cls(**values, judgment=Judgment(*(stored[name].values for name in beside)))
        msg = f"{path} is no calibration of a network; train the run again, its training stage makes it"
        raise InputError(msg)


def _nearest(true: np.ndarray, found: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Distance (kpc) from which on A_V found (n, bins) grows with the true one as it should, as a line tells."""
    off = true - true.mean(axis=0)
    slope = (off * (found - found.mean(axis=0))).sum(axis=0) / np.maximum((off**2).sum(axis=0), 1e-12)
    leaning = int(np.append(slope >= _FOLLOWS, True).argmax())  # bins, from the Sun on
    return np.array(edges[min(leaning + 1, len(slope))] if leaning else edges[0])


def _judgment(sample: xr.Dataset, which: np.ndarray, delta_A_V: np.ndarray) -> Judgment:
    """Judge some of the examples (n,) bool by the forward model behind their predicted profiles (n, bins)."""
    stream = json.loads(sample.attrs["stream"])
    kinds, edges = [Diagram.of(kind) for kind in stream["diagrams"]], np.array(stream["edges"])
    examples = np.flatnonzero(which)[:_JUDGED]
    with reading(sample):
        sightline, images = sample["sightline"].values[examples], sample["diagram"][examples].values
    found = np.empty((len(examples), 2))
    for number in np.unique(sightline):
        l, b = stream["sightlines"][number]
        what = edges, stream["law"], stream["R_V"], stream["seed"], chosen(stream["galaxy"])
        stars = Modeled.towards(kinds, l, b, *what)
        for place in np.flatnonzero(sightline == number):
            profile = delta_A_V[examples[place]]
            found[place] = stars.differences(images[place], profile, stream["solid_angle"][number])
    counted = images.reshape(len(images), -1).sum(axis=1)
    return Judgment.of(found, counted, np.maximum(delta_A_V[examples], 0.0).sum(axis=1))


def log_variance_weights(x: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Return the weights (p, outputs) for which errors are likeliest Gaussian with log variance ``x @ weights``.

    Fisher's scoring, whose information matrix is ``x.T @ x / 2`` whatever the weights (Harvey 1976).

    Parameters
    ----------
    x
        Regressors, the first of them 1: (n, p).
    errors
        Of mean zero: (n, outputs).
    """
    squared = np.asarray(errors, np.float64) ** 2 + _LEAST**2
    information = x.T @ x
    information[np.diag_indices_from(information)] += _RIDGE * len(x)
    weights = np.zeros((x.shape[1], squared.shape[1]))
    weights[0] = np.log(squared.mean(axis=0))
    for _ in range(_STEPS):
        ratio = np.minimum(squared * np.exp(-(x @ weights)), _MOST)
        weights += np.linalg.solve(information, x.T @ (ratio - 1.0))
    return weights


def _principal(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Center, and the largest principal components over their standard deviations."""
    center = features.mean(axis=0, dtype=np.float64)
    variances, axes = np.linalg.eigh(np.atleast_2d(np.cov(features - center, rowvar=False)))
    kept = np.flatnonzero(variances > 1e-9 * variances[-1])[::-1][: min(_COMPONENTS, len(features) // 8)]
    return center, axes[:, kept] / np.sqrt(variances[kept])


def _regressors(features: np.ndarray, center: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """1 and the components: (n, 1 + components)."""
    return np.concatenate([np.ones((len(features), 1)), (features - center) @ axes], axis=1)


def _quantiles(standardized: np.ndarray) -> np.ndarray:
    """`QUANTILES` over the examples (n, bins), smoothed along the bins: (quantiles, bins)."""
    return gaussian_filter1d(np.quantile(standardized, QUANTILES, axis=0), _SMOOTHING, axis=1, mode="nearest")
