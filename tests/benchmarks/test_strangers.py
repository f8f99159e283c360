"""The table of skies with stars of other models is of its stored result."""

import json

from benchmarks import strangers
from benchmarks.readme import RESULTS, stored


def test_the_table_is_of_the_stored_result():
    result = json.loads((RESULTS / "strangers.json").read_text())
    assert set(result["rows"]) == set(strangers.MODELS)
    assert stored("benchmarks.strangers") == strangers.table(result)
