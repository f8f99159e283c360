"""Which column of a file is which: the names that archives and VizieR give to what this package reads.

A quantity is known by one name throughout the package: `l`, `b`; `J`, `H`, `Ks` (2MASS); `G`, `BP`, `RP`, `BP-RP`,
`parallax` (Gaia); `g`, `r`, `i`, `z`, `y` (Pan-STARRS); each with `_error`; and the flags that `surveys.cuts` uses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from milkyway_cnn.errors import InputError

__all__ = ["BANDS", "NAMES", "POSITIONS", "Source", "measured", "needed", "recognize", "surveys_of", "unit_of"]

#: Magnitudes of each survey.
BANDS: dict[str, tuple[str, ...]] = {
    "2mass": ("J", "H", "Ks"),
    "gaia": ("G", "BP", "RP", "BP-RP"),
    "panstarrs": ("g", "r", "i", "z", "y"),
}

_TWOMASS = {
    "J": ("Jmag", "j_m"),
    "H": ("Hmag", "h_m"),
    "Ks": ("Kmag", "Ksmag", "k_m"),
    "J_error": ("e_Jmag", "j_msigcom", "j_cmsig"),
    "H_error": ("e_Hmag", "h_msigcom", "h_cmsig"),
    "Ks_error": ("e_Kmag", "e_Ksmag", "k_msigcom", "k_cmsig"),
    "Qflg": ("Qflg", "ph_qual"),
    "Rflg": ("Rflg", "rd_flg"),
    "Bflg": ("Bflg", "bl_flg"),
    "Cflg": ("Cflg", "cc_flg"),
    "Xflg": ("Xflg", "gal_contam"),
    "Aflg": ("Aflg", "mp_flg"),
}
_GAIA = {
    "G": ("Gmag", "phot_g_mean_mag"),
    "BP": ("BPmag", "phot_bp_mean_mag"),
    "RP": ("RPmag", "phot_rp_mean_mag"),
    "BP-RP": ("BP-RP", "bp_rp"),
    "G_error": ("e_Gmag", "phot_g_mean_mag_error"),
    "BP_error": ("e_BPmag", "phot_bp_mean_mag_error"),
    "RP_error": ("e_RPmag", "phot_rp_mean_mag_error"),
    "BP-RP_error": ("e_BP-RP",),
    "G_snr": ("phot_g_mean_flux_over_error",),
    "BP_snr": ("phot_bp_mean_flux_over_error",),
    "RP_snr": ("phot_rp_mean_flux_over_error",),
    "parallax": ("Plx", "parallax"),
    "parallax_error": ("e_Plx", "parallax_error"),
    "ruwe": ("RUWE", "ruwe"),
    "solution": ("Solved", "astrometric_params_solved"),
    "visibility": ("visibility_periods_used", "Nper"),
    "excess_noise": ("epsi", "astrometric_excess_noise"),
    "excess_noise_significance": ("sepsi", "astrometric_excess_noise_sig"),
    "excess_flux": ("E(BP/RP)", "E(BR/RP)", "phot_bp_rp_excess_factor"),
    "duplicated": ("Dup", "duplicated_source"),
}
_PANSTARRS = (
    {band: (f"{band}mag", f"{band}MeanPSFMag", f"{band}PSFMag", f"{band}MeanApMag") for band in BANDS["panstarrs"]}
    | {
        f"{band}_error": (f"e_{band}mag", f"{band}MeanPSFMagErr", f"{band}PSFMagErr", f"{band}MeanApMagErr")
        for band in BANDS["panstarrs"]
    }
    | {
        "i_kron": ("iKmag", "iMeanKronMag", "iKronMag"),
        "quality": ("Qual", "qualityFlag"),
        "detections": ("Nd", "nDetections"),
    }
)

#: Names of each survey's columns in files, the preferred one first; the package's own name counts as well.
#: VizieR II/246 and IRSA fp_psc; VizieR I/345, I/350, I/355 and the Gaia archive; VizieR II/349 and MAST. All of 2MASS,
#: and magnitudes, parallaxes, errors and the archive's names of Gaia, were seen in files of these services; VizieR's
#: names of the other flags of Gaia (Solved, Dup, epsi, sepsi, Nper) and of Pan-STARRS (Qual, Nd), and MAST's, are
#: remembered and unconfirmed. A name that does not exist costs a cut, never a star.
NAMES: dict[str, dict[str, tuple[str, ...]]] = {
    survey: {key: tuple(dict.fromkeys((*options, key))) for key, options in names.items()}
    for survey, names in (("2mass", _TWOMASS), ("gaia", _GAIA), ("panstarrs", _PANSTARRS))
}
#: Frame, longitude and latitude, the preferred pair first, though one in its own case comes before all in another: of
#: IRSA's columns ra and dec, for its glon and glat are rounded. All are in degrees unless the file says otherwise.
POSITIONS = (
    ("galactic", "GLON", "GLAT"),
    ("galactic", "_Glon", "_Glat"),
    ("galactic", "l", "b"),
    ("icrs", "RA_ICRS", "DE_ICRS"),
    ("icrs", "RAJ2000", "DEJ2000"),
    ("icrs", "_RAJ2000", "_DEJ2000"),
    ("icrs", "ra", "dec"),
    ("icrs", "ra", "decl"),
    ("icrs", "raMean", "decMean"),
    ("icrs", "raStack", "decStack"),
    ("barycentricmeanecliptic", "lambda", "beta"),
)
#: Keys of positions in a mapping: longitude and latitude of each frame.
_FRAME_KEYS = {"galactic": ("l", "b"), "icrs": ("ra", "dec"), "barycentricmeanecliptic": ("lambda", "beta")}
_FLAGS = {"ruwe", "solution", "visibility", "excess_flux", "excess_noise_significance", "duplicated"}
_FLAGS |= {"Qflg", "Rflg", "Bflg", "Cflg", "Xflg", "Aflg", "quality", "detections", "G_snr", "BP_snr", "RP_snr"}


class Source(NamedTuple):
    """Column of a file: its name (`mag[3]` for one element of an array column), and its unit if the file has none."""

    name: str
    unit: str = ""


def measured(survey: str) -> list[str]:
    """Columns of a survey that enter catalogs: magnitudes, parallax, and errors."""
    return [key for key in NAMES[survey] if key not in _FLAGS and key not in ("excess_noise", "i_kron")]


def needed(survey: str) -> list[str]:
    """Columns without which a file is no catalog of the survey that stars can be counted in."""
    bands = {"2mass": ("J", "H", "Ks"), "gaia": ("G",), "panstarrs": ("g", "r", "i")}[survey]
    return [*bands, *(f"{band}_error" for band in bands)]


def unit_of(key: str) -> str:
    """Unit of a column in catalogs; empty for flags."""
    if key in ("l", "b", "ra", "dec", "lambda", "beta"):
        return "deg"
    if key in _FLAGS:
        return ""
    return "mas" if key.startswith("parallax") or key == "excess_noise" else "mag"


def surveys_of(keys: Iterable[str]) -> tuple[str, ...]:
    """Surveys of which a magnitude or the parallax is among the keys."""
    keys = {"G" if key == "parallax" else key for key in keys}
    return tuple(survey for survey, bands in BANDS.items() if keys.intersection(bands))


def recognize(
    names: Iterable[str],
    *,
    survey: str | None = None,
    columns: Mapping[str, str | tuple[str, str]] | None = None,
    origin: str = "the table",
) -> dict[str, Source]:
    """Find a file's name of each column.

    Parameters
    ----------
    names
        Names in the file. A name is matched in its own case first, then in any case where no other column has it.
    survey
        "2mass", "gaia" or "panstarrs": its columns only, and all that `needed` lists. By default those of every
        survey of which a magnitude is found.
    columns
        Names that are given, not guessed: key of this package -> name, or (name, unit). Keys of positions are l and b,
        or ra and dec.
    origin
        What the error calls the file.

    Raises
    ------
    InputError
        When a position or all magnitudes are lacking, a needed column is, or `columns` holds an unknown key or name.
    """
    if survey is not None and survey not in NAMES:
        msg = f"there is no survey {survey!r}; choose from {', '.join(NAMES)}"
        raise InputError(msg)
    names = list(names)
    given = _given(names, columns or {}, origin)
    surveys = [survey] if survey else list(NAMES)
    found: dict[str, Source] = {}
    claimed = {source.name for source in given.values()}
    for fold in (str, str.lower):
        # Of two columns that differ by case alone the first is taken.
        present = {fold(name): name for name in reversed(names) if name not in claimed}
        for chosen in surveys:
            for key, options in NAMES[chosen].items():
                name = next((present[fold(option)] for option in options if fold(option) in present), None)
                if name and key not in given and key not in found and name not in claimed:
                    found[key] = Source(name)
        claimed |= {source.name for source in found.values()}
    position = {} if _has_position(given) else _position(names)
    found = given | {key: source for key, source in (position | found).items() if key not in given}
    if "BP" in found and "RP" in found:
        found.pop("BP-RP", None)  # it is their difference
    kept = [chosen for chosen in surveys if chosen in surveys_of(found)]
    # The Gaia archive has signal-to-noise ratios in place of errors.
    given_by = found.keys() | {key.replace("_snr", "_error") for key in found}
    lacking = [] if survey is None else [key for key in needed(survey) if key not in given_by]
    wanted = [f"{key} ({' or '.join(NAMES[survey][key])})" for key in lacking] if survey else []
    if survey is None and not any(band in found for bands in BANDS.values() for band in bands):
        bands = "; ".join(f"{name}: {', '.join(f'{b} ({NAMES[name][b][0]})' for b in BANDS[name])}" for name in NAMES)
        wanted.append(f"a magnitude of any survey ({bands})")
    if not _has_position(found):
        wanted.append("position (GLON and GLAT, or RAJ2000 and DEJ2000, or ra and dec)")
    if wanted:
        msg = f"{origin} lacks columns; needed, under a name in parentheses in any case: {', '.join(wanted)}"
        raise InputError(msg)
    keys = {key for chosen in kept for key in NAMES[chosen]} | {key for pair in _FRAME_KEYS.values() for key in pair}
    return {key: source for key, source in found.items() if key in keys}


def _given(names: list[str], columns: Mapping[str, str | tuple[str, str]], origin: str) -> dict[str, Source]:
    known = {key for options in NAMES.values() for key in options} | {k for pair in _FRAME_KEYS.values() for k in pair}
    given = {}
    for key, source in columns.items():
        if key not in known:
            msg = f"there is no column {key!r} to read; choose from {', '.join(sorted(known))}"
            raise InputError(msg)
        given[key] = Source(source) if isinstance(source, str) else Source(*source)
        name = given[key].name
        if name not in names and name.partition("[")[0] not in names:
            msg = f"{origin} has no column {name!r} for {key}; it has {', '.join(names[:40])}"
            raise InputError(msg)
    return given


def _has_position(found: Mapping[str, Source]) -> bool:
    return any(all(key in found for key in pair) for pair in _FRAME_KEYS.values())


def _position(names: list[str]) -> dict[str, Source]:
    for fold in (str, str.lower):
        present = {fold(name): name for name in reversed(names)}
        for frame, longitude, latitude in POSITIONS:
            if fold(longitude) in present and fold(latitude) in present:
                pair = (present[fold(longitude)], present[fold(latitude)])
                return {key: Source(name) for key, name in zip(_FRAME_KEYS[frame], pair, strict=True)}
    return {}
