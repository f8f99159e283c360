"""How far off profiles are that networks read: learned from examples that had no part in the training.

Three steps, each of which corrects the one before it. Of profiles that are refined, the variance of the posterior
density stands in place of the second, and the first learns a factor on it:

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
from functools import partial
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
from milkyway_cnn.kernels.workers import workers
from milkyway_cnn.refinement import Direction, Refinement
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
#: As many are refined.
_REFINED = 480
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
        From 1 and the components to the log variance (mag^2) of A_V to a bin and of the bin by itself, (1 + components,
        bins); of refined profiles from 1 and what the fit tells of itself to the logarithm of the factor on the
        variance of the posterior density.
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
    refinement
        How profiles were refined before their errors were taken, and are to be; None where they were not.
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
    refinement: Refinement | None = None

    @classmethod
    def of(cls, ensemble: Ensemble, sample: xr.Dataset, refine: int = 0) -> Calibration:
        """Learn from a stored sample (see `samples.store`).

        Variances are learned on every other of its sightlines, quantiles on those between them. With `refine` steps of
        `refinement`, some of the profiles are refined; their variances are those of the posterior density.
        """
        stream = json.loads(sample.attrs["stream"])
        with reading(sample):
            sightline, true = sample["sightline"].values, sample["delta_A_V"].values.astype(np.float64)
        read = ensemble.read(Inputs(sample))
        edges = np.array(stream["edges"])
        number = sightline if sightline.max() else np.arange(len(sightline))
        first, second = number % 2 == 0, number % 2 == 1
        center, axes = _principal(read.features[first])
        unlike = read.features[second]
        refinement = Refinement.of(refine, stream) if refine else None
        # Of refined profiles there are fewer.
        examples = np.arange(len(number))[:_REFINED] if refine else np.flatnonzero(second)[:_JUDGED]
        modeled, judgment = _modeled(sample, examples, Read(*(values[examples] for values in read)), refinement)
        if refine:
            read, true, first, second = modeled, true[examples], first[examples], second[examples]
        blank, one = np.zeros((len(QUANTILES), true.shape[1])), np.array(1.0)
        raw = cls(center, axes, blank, blank, blank, blank, one, one, judgment, refinement)
        x, offs = raw._regressors(read), _errors(true, read.delta_A_V)
        if refine:
            none = replace(raw, A_V_weights=0.0 * x[0, :, None], delta_A_V_weights=0.0 * x[0, :, None])
            offs = tuple(off / std for off, std in zip(offs, none.deviations(read), strict=True))
        learned = [log_variance_weights(x[first], off[first]) for off in offs]
        raw = replace(raw, A_V_weights=learned[0], delta_A_V_weights=learned[1])
        half = Read(*(values[second] for values in read))
        errors, steps = (each[second] for each in _errors(true, read.delta_A_V))
        A_V_std, step_std = raw.deviations(half)
        total = true.cumsum(axis=1)
        return replace(
            raw,
            A_V_quantiles=_quantiles(errors / A_V_std),
            delta_A_V_quantiles=_quantiles(steps / step_std),
            novel=np.quantile(raw.novelty(unlike), 1.0 - _NOVEL),
            nearest=_nearest(total, total - _errors(true, read.delta_A_V)[0], edges),
        )

    def deviations(self, read: Read) -> tuple[np.ndarray, np.ndarray]:
        """Standard deviations (mag) of A_V to each bin and of each bin by itself: two of (n, bins)."""
        x = self._regressors(read)
        own = [np.exp(x @ weights) for weights in (self.A_V_weights, self.delta_A_V_weights)]
        drawn = read.A_V_variance, read.delta_A_V_variance
        if self.refinement is not None:
            A_V, delta_A_V = (np.sqrt(of * (_LEAST**2 + each)) for of, each in zip(own, drawn, strict=True))
        else:
            A_V, delta_A_V = (np.sqrt(np.maximum(of, _LEAST**2) + each) for of, each in zip(own, drawn, strict=True))
        return A_V, delta_A_V

    def _regressors(self, read: Read) -> np.ndarray:
        """What log variances are linear in: of refined profiles what the fit tells of itself."""
        if self.refinement is not None:
            return np.concatenate([np.ones((len(read.fit), 1)), read.fit], axis=1)
        return _regressors(read.features, self.center, self.axes)

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
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values |= {f"judgment_{name}": value for name, value in asdict(self.judgment).items()}
        stored = xr.Dataset({name: (dims, values[name]) for name, dims in names.items()}, {"quantile": QUANTILES})
        if self.refinement is not None:
            stored.attrs["refinement"] = json.dumps(self.refinement.describe())
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
        own = [field.name for field in fields(cls) if field.name not in ("judgment", "refinement")]
        beside = [f"judgment_{field.name}" for field in fields(Judgment)]
        if (path / "zarr.json").is_file():
            with xr.open_zarr(path, consolidated=False, chunks=None) as stored:
                if {*own, *beside} <= set(stored):
                    values = {name: stored[name].values for name in own}
                    told = json.loads(stored.attrs.get("refinement", "null"))
                    refinement = Refinement.of(told["steps"], told) if told else None
                    return cls(
                        **values, judgment=Judgment(*(stored[name].values for name in beside)), refinement=refinement
                    )
        msg = f"{path} is no calibration of a network; train the run again, its training stage makes it"
        raise InputError(msg)


def _nearest(true: np.ndarray, found: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Distance (kpc) from which on A_V found (n, bins) grows with the true one as it should, as a line tells."""
    off = true - true.mean(axis=0)
    slope = (off * (found - found.mean(axis=0))).sum(axis=0) / np.maximum((off**2).sum(axis=0), 1e-12)
    leaning = int(np.append(slope >= _FOLLOWS, True).argmax())  # bins, from the Sun on
    return np.array(edges[min(leaning + 1, len(slope))] if leaning else edges[0])


def _errors(true: np.ndarray, delta_A_V: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Errors of A_V to each bin, and of each bin by itself (mag), given the profiles: two of (n, bins)."""
    return true.cumsum(axis=1) - never_falling(delta_A_V.cumsum(axis=1, dtype=np.float64)), true - delta_A_V


def _modeled(
    sample: xr.Dataset, examples: np.ndarray, read: Read, refinement: Refinement | None
) -> tuple[Read, Judgment]:
    """Send examples (n,), read so, through the forward model: refine what was read, and judge what comes of it."""
    stream = json.loads(sample.attrs["stream"])
    kinds, edges = [Diagram.of(kind) for kind in stream["diagrams"]], np.array(stream["edges"])
    with reading(sample):
        sightline, images = sample["sightline"].values[examples], sample["diagram"][examples].values
    found, parts = np.empty((len(examples), 2)), [read] * len(examples)

    def model(stars: Modeled, direction: Direction | None, area: float, place: int) -> None:
        one = slice(place, place + 1)
        parts[place] = Read(*(values[one] for values in read))
        if direction is not None:
            parts[place] = direction(images[one], parts[place], area)
        found[place] = stars.differences(images[place], parts[place].delta_A_V[0], area)

    with workers() as pool:
        for number in np.unique(sightline):
            l, b = stream["sightlines"][number]
            what = edges, stream["law"], stream["R_V"], stream["seed"], chosen(stream["galaxy"])
            stars, area = Modeled.towards(kinds, l, b, *what), stream["solid_angle"][number]
            direction = refinement.towards(stars) if refinement else None
            list(pool.map(partial(model, stars, direction, area), np.flatnonzero(sightline == number)))
    told = Read(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    counted = images.reshape(len(images), -1).sum(axis=1)
    return told, Judgment.of(found, counted, np.maximum(told.delta_A_V, 0.0).sum(axis=1))


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
