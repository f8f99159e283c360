"""States kept on disk."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from milkyway_cnn.galaxy import tables
from milkyway_cnn.galaxy.models import BESANCON_2003
from milkyway_cnn.galaxy.populations import _states_of_tracks as make
from milkyway_cnn.galaxy.states import States

DISC = BESANCON_2003.thin[5]


@pytest.fixture
def calls(tmp_path, monkeypatch):
    """Cache in a folder of the test; the list grows with each making of states."""
    monkeypatch.setattr(tables, "user_cache", lambda: tmp_path)
    made = []

    def counted(*arguments):
        made.append(arguments)
        return make(*arguments)

    return made, counted


def test_states_are_made_once(calls):
    made, counted = calls
    first, second = (tables.stored(counted, DISC, 0.3) for _ in range(2))
    assert len(made) == 1
    for field in fields(States):
        ours, kept = getattr(first, field.name), getattr(second, field.name)
        np.testing.assert_array_equal(ours, kept)
        assert ours.dtype == kept.dtype
    assert len(list(tables.folder().iterdir())) == 1


def test_other_components_binaries_and_files_are_other_states(calls, tmp_path):
    made, counted = calls
    tables.stored(counted, DISC, 0.3)
    tables.stored(counted, DISC, 0.4)
    tables.stored(counted, replace(DISC, metallicity=0.0), 0.3)
    assert len(made) == 3


def test_a_changed_isochrone_file_is_another(calls, tmp_path):
    made, _ = calls
    path = tmp_path / "p.dat"

    def counted(*arguments):
        made.append(arguments)
        return make(*arguments[:2])

    for text in ("one", "two", "two"):
        path.write_text(text)
        tables.stored(counted, DISC, 0.3, (str(path),))
    assert len(made) == 2


def test_a_broken_table_is_made_anew(calls):
    made, counted = calls
    tables.stored(counted, DISC, 0.3)
    (kept,) = tables.folder().iterdir()
    kept.write_bytes(kept.read_bytes()[:1000])
    tables.stored(counted, DISC, 0.3)
    assert len(made) == 2
    tables.stored(counted, DISC, 0.3)
    assert len(made) == 2


def test_a_cache_that_cannot_be_written_is_none(calls, tmp_path, monkeypatch):
    made, counted = calls
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(tables, "user_cache", lambda: tmp_path / "file")
    for _ in range(2):
        assert tables.stored(counted, DISC, 0.3).number.size
    assert len(made) == 2
