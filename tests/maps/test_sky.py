import numpy as np
import pytest
import xarray as xr
from matplotlib.axes import Axes

from milkyway_cnn.cube import integrate
from milkyway_cnn.maps.sky import plane_of_sky


def panels(figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.images and axes.get_label() != "<colorbar>"]


def test_one_panel_shows_the_integral_with_longitude_to_the_left(carina: xr.Dataset) -> None:
    figure = plane_of_sky(carina, 4)
    (panel,) = panels(figure)
    assert panel.get_xlim() == (303, 257) and panel.get_ylim() == (-5, 5)
    assert panel.get_title(loc="left") == "to 4 kpc"
    assert panel.get_xlabel() == "Galactic longitude $l$ (deg)" and panel.get_ylabel() == "$b$ (deg)"
    image = panel.images[0]
    np.testing.assert_allclose(image.get_array(), integrate(carina, 4).values[:, ::-1])
    assert image.get_extent() == [303, 257, -5, 5] and image.origin == "lower"
    (bar,) = [axes for axes in figure.axes if axes is not panel]
    assert bar.get_ylabel() == "$A_V$ (mag)"


def test_a_pixel_is_drawn_where_its_cell_is(carina: xr.Dataset) -> None:
    figure = plane_of_sky(carina)
    figure.draw_without_rendering()
    image = panels(figure)[0].images[0]
    l, b = 284.5, 0.5
    place = panels(figure)[0].transData.transform((l, b))
    event = type("Event", (), {"x": place[0], "y": place[1]})
    np.testing.assert_allclose(image.get_cursor_data(event), integrate(carina, 10).sel(l=l, b=b))


def test_proportions_are_those_of_the_sky(orion: xr.Dataset) -> None:
    assert panels(plane_of_sky(orion, 2))[0].get_aspect() == pytest.approx(1 / np.cos(np.radians(19.25)))


def test_second_map_shares_the_scale_and_the_difference_is_symmetric(carina: xr.Dataset, noisy: xr.Dataset) -> None:
    figure = plane_of_sky(noisy, [2, 8], beside=carina, names=("CNN", "model"))
    axes = panels(figure)
    titles = [panel.get_title(loc="left") for panel in axes]
    assert titles == [
        *("CNN, to 2 kpc", "model, to 2 kpc", "CNN − model"),
        *("CNN, to 8 kpc", "model, to 8 kpc", "CNN − model"),
    ]
    for first, second, difference in (axes[:3], axes[3:]):
        assert first.images[0].norm.vmax == second.images[0].norm.vmax > 0
        assert difference.images[0].norm.vmin == -difference.images[0].norm.vmax
        expected = first.images[0].get_array() - second.images[0].get_array()
        np.testing.assert_allclose(difference.images[0].get_array(), expected)
    assert int(np.ma.getmaskarray(axes[0].images[0].get_array()).sum()) == 2


def test_a_plain_map_may_stand_beside(orion: xr.Dataset) -> None:
    other = integrate(orion, 2) * 1.5
    axes = panels(plane_of_sky(orion, 2, beside=other, names=("CNN", "color excess")))
    assert [panel.get_title(loc="left") for panel in axes] == ["CNN, to 2 kpc", "color excess", "CNN − color excess"]
    assert len({panel.get_position().x0 for panel in axes}) == 1  # one below the other
    np.testing.assert_allclose(axes[1].images[0].get_array(), other.values[:, ::-1])


def test_maps_of_different_cells_are_refused(carina: xr.Dataset, orion: xr.Dataset) -> None:
    with pytest.raises(ValueError, match="align"):
        plane_of_sky(orion, 2, beside=carina)
