"""Where the surveys' catalogs are kept: service, table, columns and limits of each archive.

The services are TAP (IVOA Table Access Protocol 1.1), and the columns are those that `milkyway_cnn.surveys.read`
recognizes and the cuts need. Addresses, tables and columns are from the archives' own documentation; none could be
tried where this was written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from milkyway_cnn.errors import InputError
from milkyway_cnn.surveys.tiles import Tile, polygon

__all__ = ["ARCHIVES", "Archive", "archive_of", "query"]


@dataclass(frozen=True)
class Archive:
    """A survey's catalog in an archive.

    Parameters
    ----------
    name
        Of the archive, as the command line says it.
    service
        Base address of its TAP service.
    table
        Name of the table, quoted where ADQL wants it.
    columns
        What is fetched; the first two are right ascension and declination (deg, ICRS).
    tile
        Side of the cells of the first attempt (deg); crowded ones are split further.
    row_limit
        Rows asked for at most in one query (MAXREC); below the archive's own limit, so that it must say when there
        are more, and few enough for memory: a row takes about 2 kB while a reply is parsed.
    """

    name: str
    service: str
    table: str
    columns: tuple[str, ...]
    tile: float
    row_limit: int = 400_000


def _vizier(table: str, columns: str, tile: float) -> Archive:
    return Archive("vizier", "https://tapvizier.cds.unistra.fr/TAPVizieR/tap", f'"{table}"', _words(columns), tile)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


#: Survey -> its archives, the preferred one first.
ARCHIVES: dict[str, tuple[Archive, ...]] = {
    "2mass": (
        _vizier(
            "II/246/out",
            "RAJ2000 DEJ2000 2MASS Jmag e_Jmag Hmag e_Hmag Kmag e_Kmag Qflg Rflg Bflg Cflg Xflg Aflg",
            tile=1.0,
        ),
        Archive(
            "irsa",
            "https://irsa.ipac.caltech.edu/TAP",
            "fp_psc",
            _words(
                "ra dec designation j_m j_msigcom h_m h_msigcom k_m k_msigcom "
                "ph_qual rd_flg bl_flg cc_flg gal_contam mp_flg"
            ),
            tile=1.0,
        ),
    ),
    "gaia": (
        # The archive's own limit for anonymous users is 3,000,000 rows in an asynchronous query.
        Archive(
            "esa",
            "https://gea.esac.esa.int/tap-server/tap",
            "gaiadr3.gaia_source",
            _words(
                "ra dec source_id parallax parallax_error pmra pmra_error pmdec pmdec_error ruwe duplicated_source "
                "astrometric_params_solved visibility_periods_used astrometric_excess_noise "
                "astrometric_excess_noise_sig phot_g_mean_mag phot_g_mean_flux_over_error phot_bp_mean_mag "
                "phot_bp_mean_flux_over_error phot_rp_mean_mag phot_rp_mean_flux_over_error "
                "phot_bp_rp_excess_factor"
            ),
            tile=0.5,
        ),
        _vizier(
            "I/355/gaiadr3",
            "RA_ICRS DE_ICRS Source Plx e_Plx pmRA e_pmRA pmDE e_pmDE RUWE Dup Gmag e_Gmag BPmag e_BPmag RPmag e_RPmag",
            tile=0.5,
        ),
    ),
    "panstarrs": (
        _vizier(
            "II/349/ps1",
            "RAJ2000 DEJ2000 objID f_objID Qual Nd gmag e_gmag rmag e_rmag imag e_imag iKmag zmag e_zmag ymag e_ymag",
            tile=0.5,
        ),
    ),
}


def archive_of(survey: str, name: str = "") -> Archive:
    """Return the archive of a survey, the preferred one when none is named.

    Raises
    ------
    InputError
        When the survey or the archive is not known.
    """
    if survey not in ARCHIVES:
        msg = f"there is no survey {survey!r} to fetch; it must be one of {', '.join(ARCHIVES)}"
        raise InputError(msg)
    for archive in ARCHIVES[survey]:
        if name in ("", archive.name):
            return archive
    known = ", ".join(archive.name for archive in ARCHIVES[survey])
    msg = f"the archive {name!r} is not known to hold {survey}; it must be one of {known}"
    raise InputError(msg)


def query(archive: Archive, tile: Tile) -> str:
    """Return the ADQL text that selects the stars of a tile, and a few around it.

    Notes
    -----
    The constraint is a polygon in ICRS, which is what archives index; the tile's own edges in Galactic coordinates
    are applied to what comes back.
    """
    columns = [_identifier(column) for column in archive.columns]
    corners = ", ".join(f"{ra:.7f}, {dec:.7f}" for ra, dec in polygon(tile))
    return (
        f"SELECT {', '.join(columns)} FROM {archive.table} WHERE 1 = CONTAINS("
        f"POINT('ICRS', {columns[0]}, {columns[1]}), POLYGON('ICRS', {corners}))"
    )


def _identifier(name: str) -> str:
    """Quote a column name where ADQL could not read it otherwise (``2MASS``)."""
    return name if re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name) else f'"{name}"'
