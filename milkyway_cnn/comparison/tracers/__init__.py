"""What else traces the Galaxy's structure: H II regions, Cepheids, clusters and spiral arms, as tables of one form.

A table of tracers is an astropy Table with the columns `name`, `l` and `b` (deg), `distance` and `distance_error` (kpc,
NaN where not known) and `kind`; its `meta` has the `source`. `read` opens a file, `fetch` asks VizieR, `arms` gives
spiral arms as points in the plane, in order along each arm, whose name is that of the arm.
"""

from milkyway_cnn.comparison.tracers.arms import ARM_MODELS, arms
from milkyway_cnn.comparison.tracers.read import read, recognize
from milkyway_cnn.comparison.tracers.table import COLUMNS, load, plane_position, save, within
from milkyway_cnn.comparison.tracers.vizier import CATALOGS, TracerCatalog, fetch

__all__ = [
    "ARM_MODELS",
    "CATALOGS",
    "COLUMNS",
    "TracerCatalog",
    "arms",
    "fetch",
    "load",
    "plane_position",
    "read",
    "recognize",
    "save",
    "within",
]
