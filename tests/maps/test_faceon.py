from itertools import pairwise

import numpy as np
import pytest
import xarray as xr
from matplotlib.axes import Axes

from milkyway_cnn.constants import R_SUN
from milkyway_cnn.extinction.arms import ARMS, trace
from milkyway_cnn.maps.density import plane_density
from milkyway_cnn.maps.faceon import face_on, net


def panels(figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.collections and axes.get_label() != "<colorbar>"]


def test_the_cloud_is_drawn_where_it_is(carina: xr.Dataset) -> None:
    (panel,) = panels(face_on(carina, b_max=1))
    mesh = panel.collections[0]
    corners = mesh.get_coordinates()
    brightest = np.unravel_index(np.argmax(mesh.get_array()), mesh.get_array().shape)
    middle = corners[brightest[0] : brightest[0] + 2, brightest[1] : brightest[1] + 2].reshape(4, 2).mean(axis=0)
    l, distance = np.radians(284.5), 2.35
    np.testing.assert_allclose(middle, (distance * np.sin(l), R_SUN - distance * np.cos(l)), atol=0.05)


def test_axes_are_equal_and_hold_sun_and_map(carina: xr.Dataset) -> None:
    figure = face_on(carina, beside=carina)
    first, second = panels(figure)
    assert first.get_aspect() == 1 and first.get_xlim() == second.get_xlim()
    assert [panel.get_title(loc="left") for panel in (first, second)] == ["map", "truth"]
    mesh = first.collections[0].get_coordinates().reshape(-1, 2)
    for point in (*mesh, (0.0, R_SUN)):
        assert first.viewLim.contains(*point)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["spiral arms", "solar circle", "Sun"]
    texts = {text.get_text() for text in first.texts}
    assert {"2 kpc", "10 kpc", "260°", "300°"} <= texts
    assert first.get_xlabel() == "$y$ (kpc), towards $l$ = 90°"


@pytest.mark.parametrize("middle", [0.0, 91.3, 210.0, 285.0])
def test_names_of_longitudes_do_not_meet(middle: float) -> None:
    for width in (0.5, 2.0, 4.0, 7.0, 12.0):
        longitudes = [
            float(name[:-1]) for name, *_ in net(np.array([middle - width / 2, middle + width / 2]), 0.0, 10)[1]
        ]
        assert longitudes or width < 1
        assert all((b - a) % 360 >= 3.0 for a, b in pairwise(longitudes)), longitudes


def test_the_view_ends_where_asked(orion: xr.Dataset) -> None:
    (panel,) = panels(face_on(orion, to=1))
    assert panel.collections[0].get_array().shape == (18, 20)
    np.testing.assert_allclose(panel.collections[0].get_array(), plane_density(orion).values[:, :20])


def test_arm_crosses_sightlines_where_published() -> None:
    # crossings and tangent as worked out by hand from the published parameters
    assert ARMS[0].name == "Sagittarius-Carina"
    x, y = trace(ARMS[0], np.geomspace(5, 20, 20001))
    l = np.degrees(np.arctan2(y, R_SUN - x)) % 360
    distance = np.hypot(y, R_SUN - x)
    for longitude, crossings in ((285, (3.3, 5.1)), (290, (2.2, 7.8)), (300, (1.5, 11.5))):
        found = distance[:-1][np.diff(np.sign(l - longitude)) != 0]
        found = found[(found > 1) & (found < 13)]
        assert sorted(found) == pytest.approx(crossings, abs=0.06)
    carina = (l > 270) & (l < 320) & (distance < 12)
    tangent = np.argmin(np.where(carina, l, 999))
    assert l[tangent] == pytest.approx(284.35, abs=0.02) and distance[tangent] == pytest.approx(4.1, abs=0.1)
