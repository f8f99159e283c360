import pytest
from pydantic import ValidationError

from milkyway_cnn.errors import InputError
from milkyway_cnn.pipeline.chapters import CHAPTERS, NOTEBOOKS, planned, read
from milkyway_cnn.pipeline.parameters import INPUT_FILES, Parameters, validated


def test_every_field_says_what_it_is() -> None:
    for name, field in Parameters.model_fields.items():
        assert field.description, name
    assert set(INPUT_FILES) <= set(Parameters.model_fields)


def test_parameters_are_frozen_and_words_of_the_command_line_are_converted() -> None:
    parameters = validated({"epochs": "3", "dropout": "1e-1", "network": "published"})
    assert (parameters.epochs, parameters.dropout, parameters.network) == (3, 0.1, "published")
    with pytest.raises(ValidationError):
        parameters.epochs = 4  # type: ignore[misc]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"epoch": 3}, "there is no parameter 'epoch'; the nearest is 'epochs'"),
        ({"zzz": 3}, "there is no parameter 'zzz'; the nearest is"),
        ({"epochs": "many"}, "parameter epochs = 'many': input should be a valid integer"),
        ({"epochs": 0}, "parameter epochs = 0: input should be greater than or equal to 1"),
        ({"epochs": 2.5}, "parameter epochs = 2.5: input should be a valid integer"),
        ({"cell": "nan"}, "parameter cell = 'nan': input should be a finite number"),
        ({"network": "big"}, "network = 'big' is neither published, small nor an architecture"),
        ({"contrast": [0.8]}, "parameter contrast = [0.8]: list should have at least 2 items"),
        ({"contrast": [2.0, 1.0]}, "contrast = [2.0, 1.0] must be [from, to]"),
        ({"examples_per_epoch": 8}, "examples_per_epoch = 8 must hold at least one batch"),
        ({"law": "CCM"}, "there is no extinction law 'CCM'; choose from RL85, CCM89"),
        ({"R_V": 3.5}, "R_V (=3.5) must be from 3.09 to 3.1 for the law RL85"),
        ({"l_min": 20, "l_max": 10}, "the region l 20 to 10"),
        ({"b_max": 91}, "parameter b_max = 91: input should be less than or equal to 90"),
        ({"final_learning_rate": 0.5}, "final_learning_rate = 0.5 must not exceed learning_rate"),
        ({"control": "field.fits"}, "control = 'field.fits' belongs to a catalog, and there is none"),
        ({"diagrams": []}, "parameter diagrams = []: list should have at least 1 item"),
        ({"diagrams": ["2mas"]}, "there is no diagram '2mas'; choose from 2mass, "),
        ({"diagrams": ["J-G/J"]}, "the diagram 'J-G/J' mixes surveys (2mass, gaia)"),
        ({"diagrams": ["2mass", "2mass"]}, "diagrams = ['2mass', '2mass'] names one twice"),
        ({"train_sightlines": [280, 0]}, "parameter train_sightlines = 280: input should be a valid list (sightlines"),
        ({"train_sightlines": [[280]]}, "parameter train_sightlines = [280]: list should have at least 2 items"),
        ({"train_sightlines": [[280, "x"]]}, "parameter train_sightlines = 'x': input should be a valid number"),
        ({"train_sightlines": [[280, 89.9]]}, "train_sightlines = [280, 89.9] leaves the sky; give [l, b] in deg"),
        ({"train_sightlines": [[0, 1], [360, 1]]}, "train_sightlines names [360, 1] twice; each has the same share"),
        ({"training_sample": "a", "trained_network": "b"}, "training_sample = 'a' has no use beside trained_network"),
        ({"gaia": "g.vot"}, "gaia = 'g.vot' has no use, for there is no catalog beside it"),
        ({"gaia": "g.vot", "catalog": "s.fits"}, "gaia = 'g.vot' has no use, for no diagram of gaia is asked for"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        validated(values)
    assert str(caught.value).startswith(sentence) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", CHAPTERS)
def test_the_cells_of_the_chapters_agree_with_the_model(name: str) -> None:
    defaults = dict(read(NOTEBOOKS / f"{name}.ipynb").defaults)
    assert defaults.pop("run") == "../runs/first"
    assert defaults == {key: getattr(Parameters(), key) for key in defaults}


def test_the_mock_sky_is_for_runs_without_a_catalog() -> None:
    assert [chapter.name for chapter in planned(Parameters())] == list(CHAPTERS)
    assert [chapter.name for chapter in planned(Parameters(catalog="stars.fits"))] == list(CHAPTERS[1:])
