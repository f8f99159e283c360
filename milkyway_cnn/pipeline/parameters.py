"""Every parameter of a run, once: the chapters' cells, the command line and a run's record derive from this model."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..errors import InputError

__all__ = [
    "INPUT_FILES",
    "INPUT_LISTS",
    "PLACES",
    "Parameters",
    "no_parameter",
    "validated",
]

#: Fields that may name files of the user, some in lists; their content, not their names, decides whether a stage must
#: run again.
INPUT_LISTS = ("other_maps", "tracers", "ensemble")
INPUT_FILES = ("catalog", "control", "gaia", "panstarrs", "galaxy", "training_sample", "trained_network")

#: Fields that say where work is done; what comes out is the same everywhere, so they make no stage run again.
PLACES = ("cluster", "device")

Longitude = Annotated[float, Field(ge=-360, le=720)]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Interval = Annotated[list[Positive], Field(min_length=2, max_length=2)]
Direction = Annotated[list[float], Field(min_length=2, max_length=2)]


class Parameters(BaseModel):
    """What one run is made of; frozen, and written with every product."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    catalog: str = Field(
        "",
        description="path of a star catalog: a file, a folder of parquet files or a HATS catalog; "
        "empty: observe the mock sky",
    )
    control: str = Field(
        "",
        description="path of the catalog of a dust-free control field, looked for in the working directory, "
        "then beside the catalog; empty: none",
    )
    gaia: str = Field("", description="path of a Gaia catalog of the field, for its diagrams; empty: the catalog")
    panstarrs: str = Field("", description="path of a Pan-STARRS catalog of the field; empty: the catalog")
    diagrams: list[str] = Field(
        ["2mass"],
        min_length=1,
        description="diagrams that are the channels of the image: 2mass, gaia-parallax ..., or axes, as H-Ks/J",
    )
    l_min: Longitude = Field(257.0, description="lower edge of the field in Galactic longitude, deg")
    l_max: Longitude = Field(303.0, description="upper edge in Galactic longitude, deg; beyond 360 it crosses l = 0")
    b_min: Latitude = Field(-5.0, description="lower edge of the field in Galactic latitude, deg")
    b_max: Latitude = Field(5.0, description="upper edge of the field in Galactic latitude, deg")
    cell: float = Field(0.5, gt=0, le=10, description="side of a cell of the map, deg")
    bins: int = Field(128, ge=8, le=1024, description="distance bins of a profile")
    bin_width: float = Field(0.1, gt=0, le=1, description="width of a distance bin, kpc")
    reach: float = Field(10.0, gt=0, le=30, description="distance out to which the dust is mapped, kpc")
    train_columns: int = Field(3, ge=1, le=64, description="sightlines of the training sample along longitude")
    train_rows: int = Field(3, ge=1, le=64, description="sightlines of the training sample along latitude")
    train_sightlines: list[Direction] = Field(
        [],
        max_length=4096,
        description="sightlines of the training sample one by one, in the field or not, as [[280, 0], [290.5, -2]] in "
        "l, b, deg; empty: the columns and rows of the field",
    )
    slope: Interval = Field([1.0, 2.5], description="spectral slope of the mock profiles' random fields, from - to")
    contrast: Interval = Field([0.8, 1.8], description="standard deviation of their ln(density), from - to")
    scatter: float = Field(0.4, ge=0, le=2, description="dex by which totals scatter about the smooth dust disc's")
    free_share: Share = Field(0.3, description="share of profiles whose total is free instead")
    free_total: Interval = Field([0.5, 30.0], description="total A_V of those, uniform in its logarithm, mag")
    clouds: float = Field(1.0, ge=0, le=5, description="mean number of clouds added to a profile")
    cloud_A_V: Interval = Field([0.2, 8.0], description="extinction of a cloud, uniform in its logarithm, mag")
    cloud_distance: Interval = Field([0.1, 10.0], description="distance of a cloud, uniform in its logarithm, kpc")
    cloud_arms: Share = Field(0.0, description="share of the clouds that lie where the sightline crosses spiral arms")
    empty: Share = Field(0.02, description="share of profiles without any dust")
    density_jitter: float = Field(
        0.04, ge=0, le=1, description="dex by which the real sky may hold more or fewer stars"
    )
    color_jitter: float = Field(0.01, ge=0, le=1, description="mag by which real J-Ks may be off the model's")
    magnitude_jitter: float = Field(
        0.0, ge=0, le=1, description="mag by which all magnitudes may be off, as that of the red clump and zero points"
    )
    depth_jitter: float = Field(0.0, ge=0, le=2, description="mag by which completeness may end elsewhere")
    R_V_jitter: float = Field(0.0, ge=0, le=2, description="half range of R_V; wants a law that is published for it")
    beam: float = Field(0.4, ge=0, le=3, description="largest scatter of ln(A_V) from star to star inside a cell")
    galaxy: str = Field(
        "embedded",
        description="whose stars are modeled: a name in milkyway_cnn.galaxy.models, or the path of an output of the "
        "Besancon model or of a folder of them",
    )
    law: str = Field("RL85", description="extinction law, by its name in milkyway_cnn.extinction.law")
    R_V: float = Field(3.1, ge=2, le=6, description="A_V / E(B-V) of the law; RL85 has 3.1 alone")
    validation_examples: int = Field(2048, ge=1, description="examples of the fixed validation sample")
    test_examples: int = Field(2048, ge=1, description="examples of the fixed test sample")
    calibration_examples: int = Field(
        8192, ge=64, description="examples, on sightlines spread over the field, by which the map's errors are told"
    )
    network: str = Field("small", min_length=1, description="preset of the network, or an architecture")
    counts: Literal["linear", "sqrt", "log1p"] = Field("sqrt", description="function of the star counts")
    counts_scale: float = Field(0.1, gt=0, description="factor that brings them to order one")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of dense units left out in training")
    cumulative: float = Field(0.001, ge=0, description="weight of A_V to a distance in the loss, beside A_V per bin")
    relative: float = Field(1.0, ge=0, description="mag that, with its total A_V, divide an example's loss; 0: none")
    optimizer: Literal["adamw", "sgd"] = Field("adamw", description="rule of the training step")
    momentum: float = Field(0.9, ge=0, lt=1, description="of sgd")
    learning_rate: float = Field(2e-3, gt=0, le=1, description="learning rate of the first epoch")
    final_learning_rate: float = Field(2e-5, gt=0, le=1, description="learning rate of the last epoch")
    schedule: Literal["cosine", "exponential"] = Field("cosine", description="way from the first to the last")
    decay: float = Field(0.005, ge=0, description="decay per epoch of the exponential schedule")
    clip: float = Field(1.0, ge=0, description="largest norm of a gradient; 0: any")
    batch: int = Field(128, ge=1, le=65536, description="examples per training step")
    epochs: int = Field(5, ge=1, le=100000, description="passes of the training")
    patience: int = Field(0, ge=0, description="epochs without improvement after which it stops early; 0: never")
    horizon: Literal["keep", "zero", "mask"] = Field(
        "keep", description="behind the distance to which stars tell, targets are kept, zero, or do not count"
    )
    examples_per_epoch: int = Field(20480, ge=1, description="training examples of an epoch, each made anew")
    training_sample: str = Field(
        "", description="path of a stored training sample, learned from in every epoch; empty: new examples in each"
    )
    trained_network: str = Field(
        "",
        description="path of another run's folder, or of its network file, to map with in place of a training; "
        "empty: train",
    )
    refine: int = Field(
        10,
        ge=0,
        le=100,
        description="steps of the fit by the forward model that refines the network's profiles; 0: none",
    )
    samples: int = Field(
        0, ge=0, le=10000, description="draws of Monte-Carlo dropout, or from the refined profiles' density; 0: none"
    )
    keep_draws: bool = Field(False, description="keep these draws in the cube, as A_V_samples, for mode='samples'")
    ensemble: list[str] = Field(
        [], description="folders of runs, or network files, that are asked too; of the same diagrams and bins"
    )
    least_coverage: Share = Field(0.9, description="cells of which the catalog covers less are left out")
    other_maps: list[str] = Field(
        [],
        description="maps to compare with: names of milkyway_cnn.comparison.other_maps, as planck, cubes (.zarr) or "
        "FITS files in A_V",
    )
    tracers: list[str] = Field(
        [], description="tables drawn over the views: paths, KIND=path, or catalogs of VizieR, as wise and hou-han"
    )
    arms: str = Field("", description="model of spiral arms, as Reid_2019; empty: that of the Galaxy here")
    cluster: str = Field(
        "",
        description="where a catalog in many files is read and samples are made; empty: this process; a number of "
        "processes, the address of a Dask scheduler, or a YAML file of Slurm's options",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto",
        description="where networks compute: on the processor, a CUDA card, or a card if one can be used",
    )
    precision: Literal["float32", "tf32", "bfloat16", "float16"] = Field(
        "float32", description="of the factors of matrix products on a card"
    )
    seed: int = Field(1, ge=0, lt=2**32, description="seed of every draw")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        from ..extinction.law import ratio
        from ..sightlines import Grid

        Grid(self.l_min, self.l_max, self.b_min, self.b_max, self.cell)
        ratio("Ks", self.law, self.R_V)
        self._check_sightlines()
        if self.network not in ("small", "published"):
            from ..profile_network import PRESETS, build

            try:
                build(self.network, bins=self.bins)
            except InputError as error:
                presets = ", ".join(PRESETS)
                msg = f"network = {self.network!r} is neither {presets} nor an architecture: {error}"
                raise ValueError(msg) from None
        from ..surveys.diagrams import diagram_named

        surveys = {diagram_named(name).survey for name in self.diagrams}
        if len(set(self.diagrams)) < len(self.diagrams):
            msg = f"diagrams = {self.diagrams} names one twice; each is one channel"
            raise ValueError(msg)
        for survey, path in (("gaia", self.gaia), ("panstarrs", self.panstarrs)):
            if path and (not self.catalog or survey not in surveys):
                why = "there is no catalog beside it" if not self.catalog else f"no diagram of {survey} is asked for"
                msg = f"{survey} = {path!r} has no use, for {why}; name both catalog and diagrams"
                raise ValueError(msg)
        for name, field in type(self).model_fields.items():
            if field.annotation == list[Positive] and getattr(self, name)[0] > getattr(self, name)[1]:
                msg = f"{name} = {getattr(self, name)} must be [from, to] with from <= to"
                raise ValueError(msg)
        if self.examples_per_epoch < self.batch:
            msg = f"examples_per_epoch = {self.examples_per_epoch} must hold at least one batch = {self.batch}"
            raise ValueError(msg)
        if self.final_learning_rate > self.learning_rate:
            msg = (
                f"final_learning_rate = {self.final_learning_rate} must not exceed learning_rate = {self.learning_rate}"
            )
            raise ValueError(msg)
        if self.training_sample and self.trained_network:
            msg = f"training_sample = {self.training_sample!r} has no use beside trained_network; leave one of them out"
            raise ValueError(msg)
        if self.control and not self.catalog:
            msg = f"control = {self.control!r} belongs to a catalog, and there is none; give it with --catalog FILE"
            raise ValueError(msg)
        return self

    def _check_sightlines(self) -> None:
        seen: list[tuple[float, float]] = []
        for l, b in self.train_sightlines:
            if not (-360 <= l <= 720 and abs(b) + self.cell / 2 <= 90):
                msg = (
                    f"train_sightlines = [{l:g}, {b:g}] leaves the sky; give [l, b] in deg, l from -360 to 720 and b "
                    f"within 90 - cell / 2 = {90 - self.cell / 2:g} of 0"
                )
                raise ValueError(msg)
            if (l % 360, b) in seen:
                msg = f"train_sightlines names [{l:g}, {b:g}] twice; each has the same share of the examples"
                raise ValueError(msg)
            seen.append((l % 360, b))


def validated(values: Mapping[str, Any]) -> Parameters:
    """Return the parameters with `values` in place of defaults, or say in one sentence why not.

    Raises
    ------
    InputError
        for the first name that does not exist, or value of a wrong type or out of range.
    """
    try:
        return Parameters(**values)
    except ValidationError as error:
        first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "extra_forbidden":
        msg = no_parameter(name, Parameters.model_fields)
    elif not name:
        msg = str(first["ctx"]["error"])
    else:
        rule = first["msg"][0].lower() + first["msg"][1:]
        msg = f"parameter {name} = {first['input']!r}: {rule} ({Parameters.model_fields[name].description})"
    raise InputError(msg)


def no_parameter(name: str, known: Iterable[str]) -> str:
    """Say that a parameter does not exist, and which of those that do is the nearest."""
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.0)[0]
    return f"there is no parameter {name!r}; the nearest is {near!r}"
