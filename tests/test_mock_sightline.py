import numpy as np
import pytest

from milkyway_cnn import sightlines
from milkyway_cnn.extinction.profiles import envelope, gaussian_cloud
from milkyway_cnn.mock_sightline import MockSightline

EDGES = sightlines.distance_edges(64, 0.1)


@pytest.fixture(scope="module")
def sightline() -> MockSightline:
    return MockSightline(285.0, 0.0, EDGES, seed=2)


def test_without_dust_it_is_the_bare_diagram(sightline: MockSightline) -> None:
    seen = sightline.see(np.zeros(64, np.float32))
    assert seen.diagram.sum() == pytest.approx(sightline.bare.sum(), rel=0.05)
    wide = sightline.bare > 20
    assert np.mean((seen.diagram - sightline.bare)[wide] ** 2 / sightline.bare[wide]) == pytest.approx(1.0, abs=0.35)


def test_every_star_of_a_pixel_is_known(sightline: MockSightline) -> None:
    seen = sightline.see(envelope(285.0, 0.0, EDGES))
    row, column = np.unravel_index(seen.diagram.argmax(), seen.diagram.shape)
    assert seen.behind(int(row), int(column)).size == seen.diagram.max()
    assert np.bincount(seen.pixel, minlength=64 * 64).tolist() == seen.diagram.ravel().tolist()


def test_stars_before_a_cloud_stay_where_they_are(sightline: MockSightline) -> None:
    bare, dusty = (sightline.see(gaussian_cloud(EDGES, 3.0, 0.05, A_V)) for A_V in (0.0, 20.0))
    near = [np.sort(seen.pixel[seen.distance < 2.7]) for seen in (bare, dusty)]
    # Their draws are the same, but crowding, which hides some of the faintest, is less behind dust.
    assert abs(near[0].size - near[1].size) < 0.05 * near[0].size
    assert np.count_nonzero(dusty.distance > 3.3) < 0.1 * np.count_nonzero(bare.distance > 3.3)


def test_a_share_of_the_stars_stands_for_all(sightline: MockSightline) -> None:
    dust = envelope(285.0, 0.0, EDGES)
    rough, full = sightline.see(dust, share=0.25), sightline.see(dust)
    assert rough.distance.size == pytest.approx(full.distance.size / 4, rel=0.1)
    assert float(rough.diagram.sum()) == pytest.approx(float(full.diagram.sum()), rel=0.1)


def test_other_surveys_and_the_same_seed() -> None:
    parallaxes = [MockSightline(285.0, 0.0, EDGES, cell=0.1, seed=2, kind="gaia-parallax") for _ in range(2)]
    first, second = (each.see(envelope(285.0, 0.0, EDGES)) for each in parallaxes)
    np.testing.assert_array_equal(first.diagram, second.diagram)
    assert first.diagram.sum() > 100
    assert (
        parallaxes[0].labeled(first.diagram).attrs == {} and parallaxes[0].labeled(first.diagram).sizes["color"] == 64
    )
