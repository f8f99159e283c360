"""Isochrones of the user's own in place of the tracks: files of PARSEC (CMD) or MIST, as their services return them.

Stars of a component are taken from the isochrones of its ages, and among these from the nearest in metallicity, each
for the share of the star formation that its age stands for. Beyond the giant branches (remnants) there are no stars.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from milkyway_cnn.errors import InputError
from milkyway_cnn.galaxy.density import Component
from milkyway_cnn.galaxy.states import STEP, States, assembled, chosen_states, formed, metallicities, scaled

__all__ = ["Isochrone", "read_isochrones", "states_of_isochrones"]

#: Names of a quantity in files of PARSEC and of MIST, lower case.
_NAMES = {
    "initial_mass": ("mini", "m_ini", "initial_mass"),
    "mass": ("mass", "m_act", "star_mass"),
    "log_luminosity": ("logl", "logl/lo", "log_l"),
    "log_teff": ("logte", "log_teff"),
    "log_g": ("logg", "log_g"),
    "label": ("label", "stage", "phase"),
}
_BANDS = {"J": ("jmag", "2mass_j"), "H": ("hmag", "2mass_h"), "Ks": ("ksmag", "kmag", "2mass_ks")}
_AGE = ("logage", "log10_isochrone_age_yr", "isochrone_age_yr")
_METALLICITY = ("mh", "[m/h]", "[fe/h]_init", "[fe/h]")
#: Index into `milkyway_cnn.galaxy.evolution.PHASES` of each label; what has no index is left out. MIST has no label of
#: its own for the Hertzsprung gap: giants with log g > 3.7 are in it [OC].
_PARSEC = {0: 0, 1: 0, 2: 1, 3: 2, 4: 3, 5: 3, 6: 3, 7: 4, 8: 5}
_MIST = {-1: 0, 0: 0, 2: 2, 3: 3, 4: 4, 5: 5}
_GAP, _GAP_LOG_G = 1, 3.7
#: How far the age of an isochrone may be from those of a component that it stands for (dex).
_FARTHEST = 0.3
#: Most massive star that is born (Msun), as in the tracks.
_HEAVIEST = 20.0
#: Quantities that are interpolated between the points of an isochrone.
_ALONG = ("initial_mass", "mass", "log_luminosity", "log_teff", "log_g")


@dataclass(frozen=True, eq=False)
class Isochrone:
    """Stars of one age and metallicity, in the order of initial mass.

    Parameters
    ----------
    age, metallicity
        Gyr, [M/H].
    initial_mass, mass, log_luminosity, log_teff, log_g
        Msun, Msun, log10 of solar, log10 K, log10 cgs: (points,).
    phase
        Index into `milkyway_cnn.galaxy.evolution.PHASES`: (points,).
    near_infrared
        Absolute J, H, Ks, (3, points), or None where the file has no 2MASS magnitudes.
    """

    age: float
    metallicity: float
    initial_mass: np.ndarray
    mass: np.ndarray
    log_luminosity: np.ndarray
    log_teff: np.ndarray
    log_g: np.ndarray
    phase: np.ndarray
    near_infrared: np.ndarray | None


def read_isochrones(path: str | Path) -> list[Isochrone]:
    """Read all isochrones of a file of PARSEC (CMD) or MIST (.iso or .iso.cmd).

    Raises
    ------
    InputError
        When the file cannot be read, is of another format, or holds what is no number.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"the isochrone file {path} cannot be read ({error}); give a table of PARSEC (CMD) or MIST"
        raise InputError(msg) from None
    columns, metallicity, mist = _columns(path, lines)
    age = _pick(columns, _AGE)
    if not columns.keys() & set(_AGE[:2]):  # logarithms, unless only the last name is there
        age = np.log10(age)
    given = [name for name in _METALLICITY if name in columns]
    metal = columns[given[0]] if given else np.full(age.size, metallicity)
    phases = _MIST if mist else _PARSEC
    phase = np.array([phases.get(int(label), -1) for label in _pick(columns, _NAMES["label"])])
    if mist:
        phase[(phase == _MIST[2]) & (_pick(columns, _NAMES["log_g"]) > _GAP_LOG_G)] = _GAP
    colored = all(set(names) & set(columns) for names in _BANDS.values())
    found = []
    for key in sorted({(a, m) for a, m in zip(age.tolist(), metal.tolist(), strict=True)}):
        rows = np.flatnonzero((age == key[0]) & (metal == key[1]) & (phase >= 0))
        if rows.size < 2:
            continue
        bands = np.stack([_pick(columns, names)[rows] for names in _BANDS.values()]) if colored else None
        values = {name: _pick(columns, _NAMES[name])[rows] for name in _ALONG}
        found.append(Isochrone(10.0 ** (key[0] - 9.0), key[1], **values, phase=phase[rows], near_infrared=bands))
    if not found:
        msg = f"the isochrone file {path.name} holds no stars before the end of the giant branches; ask for more masses"
        raise InputError(msg)
    return found


def _columns(path: Path, lines: list[str]) -> tuple[dict[str, np.ndarray], float, bool]:
    """Columns by lower-case name, the metallicity that the header states (NaN if none), and whether it is MIST's."""
    head = [n for n, line in enumerate(lines) if line.startswith("#") and _is_head(line)]
    if not head:
        begin = next((line.strip() for line in lines if line.strip()), "")[:40]
        msg = (
            f"{path.name} is no isochrone file of PARSEC (CMD) or MIST: it begins with {begin!r} and has no '#' line "
            "that names ages, initial masses, luminosities, temperatures, gravities and phases"
        )
        raise InputError(msg)
    names = [name.lower() for name in lines[head[0]].lstrip("#").split()]
    mist = "eep" in names
    stated = float("nan")
    for line, values in pairwise(lines):
        if line.startswith("#") and "[Fe/H]" in line.split() and "Yinit" in line and values.startswith("#"):
            stated = float(dict(zip(line.split(), values.split(), strict=False))["[Fe/H]"])
    rows = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    try:
        table = np.array(rows, dtype=float).reshape(-1, len(names))
    except ValueError:
        bad = next((n for n, row in enumerate(rows, 1) if len(row) != len(names)), None)
        where = f"row {bad} has not as many values" if bad else "a value is no number"
        msg = f"the isochrone file {path.name} names {len(names)} columns, but {where}; it is cut off or was changed"
        raise InputError(msg) from None
    if not np.isfinite(table).all():
        msg = f"the isochrone file {path.name} holds values that are not finite; fetch it anew"
        raise InputError(msg)
    return dict(zip(names, table.T, strict=True)), stated, mist


def _is_head(line: str) -> bool:
    names = set(line.lower().lstrip("#").split())
    return all(names & set(choices) for choices in (_AGE, *_NAMES.values()))


def _pick(columns: dict[str, np.ndarray], names: Sequence[str]) -> np.ndarray:
    return next(columns[name] for name in names if name in columns)


@lru_cache(maxsize=8)
def _all(paths: tuple[str, ...]) -> tuple[Isochrone, ...]:
    return tuple(isochrone for path in paths for isochrone in read_isochrones(path))


def states_of_isochrones(component: Component, binary_fraction: float, paths: tuple[str, ...]) -> States:
    """States of a component whose stars lie on isochrones: see `milkyway_cnn.galaxy.populations.states`.

    Between the points of an isochrone everything is interpolated in initial mass. Stars of another metallicity than
    the isochrone's keep its luminosities and temperatures, and their colors change as the relations of
    `milkyway_cnn.galaxy.photometry` say.
    """
    parts = [
        (metallicity, isochrone, share)
        for metallicity in metallicities(component)
        for isochrone, share in _standing_for(component, float(metallicity), _all(paths))
    ]
    # All isochrones in a row; a segment is what lies between two neighboring points of one.
    first = np.cumsum([0] + [isochrone.phase.size for _, isochrone, _ in parts])
    along = {name: np.concatenate([getattr(isochrone, name) for _, isochrone, _ in parts]) for name in _ALONG}
    phase = np.concatenate([isochrone.phase for _, isochrone, _ in parts])
    segments = np.concatenate([np.arange(a, b - 1) for a, b in pairwise(first)])
    number = np.concatenate([share * _born(component, isochrone) for _, isochrone, share in parts])
    owner = np.searchsorted(first, segments, side="right") - 1
    mass, initial_mass = (_between(along[name], segments, np.float64(0.5)) for name in ("mass", "initial_mass"))
    dead = [np.geomspace(isochrone.initial_mass[-1], _HEAVIEST, 201) for _, isochrone, _ in parts]
    gone = [share * component.mass_function.number(m) for (_, _, share), m in zip(parts, dead, strict=True)]
    born_with = np.concatenate([np.sqrt(m[1:] * m[:-1]) for m in dead])
    number = scaled(component, number, mass, binary_fraction, initial_mass, (np.concatenate(gone), born_with))

    chosen = chosen_states(along["log_luminosity"][segments], number, binary_fraction)
    row, place, owner = segments[chosen.rows], chosen.along, owner[chosen.rows]
    primary = {name: _between(values, row, place) for name, values in along.items()}
    # Companions: the segment of the same isochrone that holds their mass. A mass and its isochrone make one number.
    masses = 1e3 * np.repeat(np.arange(len(parts)), np.diff(first)) + along["initial_mass"]
    wanted = 1e3 * owner[chosen.double] + chosen.ratio * primary["initial_mass"][chosen.double]
    second = np.searchsorted(masses, wanted) - 1
    there = (second >= first[owner[chosen.double]]) & (phase[np.maximum(second, 0)] == 0)
    double, second, wanted = chosen.double[there], second[there], wanted[there]
    second_place = (wanted - masses[second]) / np.maximum(masses[second + 1] - masses[second], 1e-12)

    atmosphere = np.full((3, 2, 4, row.size), -np.inf)
    metallicity = np.array([m for m, _, _ in parts])[owner]
    for n, name in enumerate(("log_luminosity", "log_teff", "log_g")):
        atmosphere[:, 0, n] = primary[name]
        atmosphere[:, 1, n, double] = _between(along[name], second, second_place)
    change = np.array((-STEP, 0.0, STEP))[:, None]
    atmosphere[:, 0, 3] = metallicity + change
    atmosphere[:, 1, 3, double] = metallicity[double] + change

    near_infrared = None
    if all(isochrone.near_infrared is not None for _, isochrone, _ in parts):
        bands = np.concatenate([isochrone.near_infrared for _, isochrone, _ in parts], axis=1)
        near_infrared = _between(bands, row, place)
        companion = _between(bands, second, second_place)
        near_infrared[:, double] -= 2.5 * np.log10(1.0 + 10.0 ** (-0.4 * (companion - near_infrared[:, double])))
    return assembled(
        atmosphere,
        chosen.number,
        near_infrared,
        initial_mass=primary["initial_mass"],
        phase=phase[row].astype(np.uint8),
        mass=primary["mass"].astype(np.float32),
        age=np.array([isochrone.age for _, isochrone, _ in parts], np.float32)[owner],
    )


def _standing_for(
    component: Component, metallicity: float, isochrones: tuple[Isochrone, ...]
) -> list[tuple[Isochrone, float]]:
    """Isochrones that stand for a component's stars of one metallicity, with their shares of the stars formed."""
    youngest, oldest = component.ages
    away = [max(np.log10(max(youngest, 1e-6) / i.age), np.log10(i.age / oldest), 0.0) for i in isochrones]
    if min(away) > _FARTHEST:
        msg = (
            f"no isochrone is near the ages {youngest:g} to {oldest:g} Gyr of a component; "
            f"the nearest is of {isochrones[int(np.argmin(away))].age:.3g} Gyr; add files with such ages"
        )
        raise InputError(msg)
    near = [i for i, d in zip(isochrones, away, strict=True) if d <= max(min(away), 1e-3)]
    best = min((i.metallicity for i in near), key=lambda m: abs(m - metallicity))
    chosen = sorted((i for i in near if i.metallicity == best), key=lambda i: i.age)
    ages = np.array([i.age for i in chosen])
    edges = np.clip(np.concatenate(([youngest], 0.5 * (ages[1:] + ages[:-1]), [oldest])), youngest, oldest)
    return list(zip(chosen, np.diff(formed(1e3 * edges, component.decay)).tolist(), strict=True))


def _born(component: Component, isochrone: Isochrone) -> np.ndarray:
    """Stars born between neighboring points, of arbitrary scale: (points - 1,)."""
    return component.mass_function.number(np.maximum.accumulate(isochrone.initial_mass))


def _between(values: np.ndarray, row: np.ndarray, place: np.ndarray | np.float64) -> np.ndarray:
    return values[..., row] + place * (values[..., row + 1] - values[..., row])
