"""Catalogs in HATS (Hierarchical Adaptive Tiling Scheme), as 2MASS, Gaia and Pan-STARRS are published whole.

They are parquet files by HEALPix pixel, and properties that say which file is what: margins, which hold rows of
neighboring pixels again, lie beside the catalog. `lsdb` knows how; here it opens catalogs and finds the pixels of a
region, whose files `surveys.partitions` reads.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from milkyway_cnn.errors import InputError
from milkyway_cnn.surveys.normalize import Region

__all__ = ["HATS", "hats_files", "is_hats"]

#: Files that make a folder a HATS catalog, or a collection of one with its margins and indices.
HATS = ("collection.properties", "hats.properties", "properties")


def is_hats(folder: Path) -> bool:
    """Whether a folder is a HATS catalog or collection."""
    return any((folder / name).is_file() for name in HATS)


def hats_files(folder: Path, region: Region | None) -> tuple[list[Path], int]:
    """Files of the HATS pixels that touch the region, and the number of rows in all pixels (0 if not known)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lsdb and nested-pandas use what pandas 3 calls deprecated
        try:
            import lsdb
        except ImportError:
            msg = f"{folder} is a HATS catalog, which lsdb opens; install it with: pip install 'milkyway-cnn[hats]'"
            raise InputError(msg) from None
        place = _coverage(region) if region else None
        try:
            structure = lsdb.open_catalog(folder, columns="all").hc_structure
            rows = int(structure.catalog_info.total_rows or 0)
            pixels = structure.filter_by_moc(place) if place else structure
            paths = [Path(path) for path in pixels.get_pixel_paths()]
        except Exception as error:  # what damaged properties raise has no common base
            reason = " ".join((str(error) or type(error).__name__).split())[:200]
            msg = f"{folder} cannot be opened as a HATS catalog ({reason}); fetch its properties and metadata again"
            raise InputError(msg) from error
    files = [file for path in paths for file in (sorted(path.glob("*.parquet")) if path.is_dir() else [path])]
    return files, rows


def _coverage(region: Region) -> Any:
    """MOC that holds a Galactic region: the union of circles around its tiles, at HEALPix order 8 (0.23 deg)."""
    import mocpy
    from astropy.coordinates import Angle, SkyCoord

    l_min, l_max, b_min, b_max = region
    columns, rows = (max(1, int(np.ceil(width / 2.0))) for width in (l_max - l_min, b_max - b_min))
    l = l_min + (np.arange(columns) + 0.5) * (l_max - l_min) / columns
    b = b_min + (np.arange(rows) + 0.5) * (b_max - b_min) / rows
    centers = SkyCoord(*(values.ravel() for values in np.meshgrid(l, b)), unit="deg", frame="galactic").icrs
    # No point of a tile is farther from its middle than half its width plus half its height.
    radius = Angle((l_max - l_min) / columns / 2 + (b_max - b_min) / rows / 2 + 0.01, "deg")
    return mocpy.MOC.from_cones(centers.ra, centers.dec, radius=radius, max_depth=8, union_strategy="large_cones")
