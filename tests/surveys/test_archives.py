import pytest
from astropy.table import Table

from milkyway_cnn.errors import InputError
from milkyway_cnn.surveys.archives import ARCHIVES, archive_of, query
from milkyway_cnn.surveys.columns import BANDS, recognize
from milkyway_cnn.surveys.read import read_catalog
from milkyway_cnn.surveys.tiles import Tile

EACH = [
    pytest.param(survey, archive, id=f"{survey}-{archive.name}") for survey in ARCHIVES for archive in ARCHIVES[survey]
]


@pytest.mark.parametrize(("survey", "archive"), EACH)
def test_what_is_fetched_is_what_the_reader_knows(survey: str, archive, tmp_path) -> None:
    found = recognize(archive.columns, survey=survey)
    assert {source.name for key, source in found.items() if key in ("ra", "dec")} == set(archive.columns[:2])
    row = {name: [1.0] for name in archive.columns} | {"GLON": [280.0], "GLAT": [1.0]}
    row |= {name: [16.0] for key, (name, _) in found.items() if key in BANDS[survey]}
    row |= {name: [0.02] for key, (name, _) in found.items() if key.endswith("_error")}
    row |= {name: [50.0] for key, (name, _) in found.items() if key.endswith("_snr")}
    Table(row).write(tmp_path / "stars.parquet")
    catalog = read_catalog(tmp_path / "stars.parquet", survey=survey, cuts=[])
    assert len(catalog) == 1 and catalog.l[0] == 280.0
    assert all(f"{band}_error" in catalog.columns for band in catalog.bands)


@pytest.mark.parametrize(("survey", "archive"), EACH)
def test_a_query_is_adql(survey: str, archive) -> None:
    text = query(archive, Tile(280, 281, 0, 1))
    start, _, rest = text.partition(" FROM ")
    assert start.count(",") == len(archive.columns) - 1 and rest.startswith(
        f"{archive.table} WHERE 1 = CONTAINS(POINT("
    )
    numbers = text[text.index("POLYGON('ICRS', ") + 16 :].rstrip(")").split(", ")
    assert len(numbers) == 8 and all(0 <= float(ra) < 360 for ra in numbers[::2])
    assert '"2MASS"' in text if "2MASS" in archive.columns else '"2MASS"' not in text


def test_the_preferred_archive_is_the_first() -> None:
    assert archive_of("gaia").name == "esa" and archive_of("gaia", "vizier").table == '"I/355/gaiadr3"'
    with pytest.raises(InputError, match="the archive 'irsa' is not known to hold gaia; it must be one of esa, vizier"):
        archive_of("gaia", "irsa")
