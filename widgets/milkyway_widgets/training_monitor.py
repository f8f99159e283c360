"""Watch a training, here or elsewhere; stop it, and let it go on."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from functools import cached_property
from typing import Any, Self

import xarray as xr
from bokeh.layouts import row
from bokeh.models import ColumnDataSource, DataRange1d, LogAxis, LogScale

from milkyway_cnn import samples, training
from milkyway_cnn.figures import FIRST, SECOND, Figure
from milkyway_widgets._live import View, model, slider
from milkyway_widgets._plot import frame
from milkyway_widgets.training_state import TrainingState, curve_data, status, worst_data

__all__ = ["TrainingMonitor"]

#: Seconds between two looks at the records.
LOOK_EVERY = 1.0


class _Stop(Exception):
    """Raised in the training when it is asked to stop."""


class TrainingFigures:
    """Curves of a `TrainingState`, and the example looked at; `update` after it has changed, `layout` to show."""

    def __init__(self, state: TrainingState) -> None:
        self.state = state
        data = {"curves": curve_data(state), "worst": worst_data(state)}
        self.sources = {name: ColumnDataSource(columns, name=f"{name} data") for name, columns in data.items()}
        style = {"tools": "reset,hover", "name": "curves", "scales": ("linear", "log")}
        self.curves = frame((420, 280), (0, 1), (0, 1), ("epoch", "loss"), **style)
        self.curves.x_range, self.curves.y_range = DataRange1d(), DataRange1d()
        self.curves.extra_y_ranges = {"rate": DataRange1d()}
        self.curves.extra_y_scales = {"rate": LogScale()}
        self.curves.add_layout(LogAxis(y_range_name="rate", axis_label="learning rate, dotted"), "right")
        losses = []
        for name, color in (("loss", FIRST), ("validation_loss", SECOND)):
            style = {"color": color, "legend_label": {"loss": "training"}.get(name, "validation")}
            losses.append(self.curves.line("epoch", name, source=self.sources["curves"], line_width=2, **style))
            self.curves.scatter("epoch", name, source=self.sources["curves"], size=5, **style)
        rate = self.curves.line(
            "epoch", "rate", source=self.sources["curves"], color="#666666", line_dash="dotted", y_range_name="rate"
        )
        self.curves.y_range.renderers, self.curves.extra_y_ranges["rate"].renderers = losses, [rate]
        self.curves.legend.background_fill_alpha = 0.7
        labels = ("distance (kpc)", "A_V to distance (mag)")
        self.worst = frame((280, 280), (0, 1), (0, 1), labels, name="worst")
        self.worst.x_range, self.worst.y_range = DataRange1d(start=0), DataRange1d(start=0)
        for name, color in (("true", FIRST), ("predicted", SECOND)):
            self.worst.line(
                "distance", name, source=self.sources["worst"], color=color, line_width=2, legend_label=name
            )
        self.worst.legend.location = "bottom_right"
        self.layout = row(self.curves, self.worst)
        self.update()

    def update(self) -> None:
        """Replace all data by those of the state."""
        self.sources["curves"].data = curve_data(self.state)
        self.sources["worst"].data = worst_data(self.state)
        self.worst.visible = self.state.worst is not None
        self.worst.title.text = f"worst example, rank {self.state.rank + 1}"


class TrainingMonitor(View):
    """Curves, rate, speed and time left of a training, and the validation examples that it reads worst.

    ``TrainingMonitor.of(run)`` watches a run that papermill or Slurm executes elsewhere, from the records in its
    folder, without any server. `start` trains here, in a thread, with buttons to stop and to go on.

    Parameters
    ----------
    run
        Folder of the run.
    """

    def __init__(self, run: str | os.PathLike[str]) -> None:
        super().__init__(TrainingState(run), f"TrainingMonitor.of({str(run)!r})", run)
        self._stop, self._thread = threading.Event(), None
        self._bar: dict[str, Any] | None = None
        self._job: Any = None
        self.error: BaseException | None = None

    @classmethod
    def of(cls, run: str | os.PathLike[str]) -> Self:
        """Watch the training of a run."""
        return cls(run)

    def start(
        self, source: samples.Stream | xr.Dataset, validation: xr.Dataset, plan: training.Plan, seed: int
    ) -> Self:
        """Train in the background, into the run's folder; again after `stop`, it goes on from the last epoch.

        Parameters
        ----------
        source, validation, plan, seed
            As for `training.train`.
        """
        self._job = (source, validation, plan, seed)
        self.go_on()
        return self

    def go_on(self) -> None:
        """Start the training given to `start`, or go on with it."""
        if self._job and not self.training:
            self._stop.clear()
            self._thread = threading.Thread(target=self._train, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop the training after its present batch; the last epoch's checkpoint stays."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self.look()

    @property
    def training(self) -> bool:
        """Whether a training is at work in this process."""
        return self._thread is not None and self._thread.is_alive()

    def _train(self) -> None:
        source, validation, plan, seed = self._job
        begin, per_epoch = time.monotonic(), plan.examples_per_epoch // plan.batch * plan.batch
        first = None

        def count(epoch: int, examples: int, loss: float) -> None:
            nonlocal first
            first = first or epoch
            same = self._bar is not None and self._bar["epoch"] == epoch and not self._bar["closed"]
            done = self._bar["done"] if same else (epoch - 1) * per_epoch
            seconds = time.monotonic() - begin
            trained = done + examples - (first - 1) * per_epoch
            seconds *= (done + examples) / max(trained, 1)  # as if all epochs had been as fast as those of now
            self._bar = {
                "stage": "training", "total": plan.epochs * per_epoch, "done": done + examples, "unit": "examples",
                "seconds": seconds, "closed": False, "epoch": epoch, "fields": {"epoch": epoch, "loss": loss},
            }  # fmt: skip
            if self._stop.is_set():
                raise _Stop

        try:
            for _ in training.train(source, validation, plan, self.state.run / "network", seed=seed, on_batch=count):
                pass
        except _Stop:
            pass
        except Exception as error:
            self.error = error
        finally:
            if self._bar:
                self._bar = {**self._bar, "closed": True}

    def look(self) -> None:
        """Read the records again."""
        self.state.read(self._bar)
        if self.error is not None:
            error, self.error = self.error, None
            raise error

    def live(self) -> TrainingFigures:
        """Return Bokeh figures of the present state, with their `layout`."""
        return TrainingFigures(self.state)

    def picture(self) -> Figure:
        """Draw the present state."""
        self.look()
        if self.state.worst is None:
            self.state.examine()
        figure = Figure(11.0, 4.4)
        curves, worst = figure.subplots(1, 2, width_ratios=(1.4, 1.0))
        data, example = curve_data(self.state), worst_data(self.state)
        curves.plot(data["epoch"], data["loss"], "o-", color=FIRST, ms=3, label="training")
        curves.plot(data["epoch"], data["validation_loss"], "s-", color=SECOND, ms=3, label="validation")
        curves.set(xlabel="epoch", ylabel="loss", yscale="log" if data["epoch"] else "linear")
        curves.set_title(status(self.state).replace("; epoch", "\nepoch"), fontsize="small", loc="left")
        rate = curves.twinx()
        rate.plot(data["epoch"], data["rate"], ":", color="0.4")
        rate.set(ylabel="learning rate, dotted", yscale="log" if data["epoch"] else "linear")
        curves.legend()
        worst.plot(example["distance"], example["true"], color=FIRST, label="true")
        worst.plot(example["distance"], example["predicted"], color=SECOND, label="predicted")
        worst.set(xlabel="distance (kpc)", ylabel="$A_V$ to distance (mag)", xlim=(0, None), ylim=(0, None))
        worst.set_title(f"worst example, rank {self.state.rank + 1}", fontsize="medium")
        worst.legend(loc="upper left")
        return figure

    @cached_property
    def widget(self) -> Any:
        """The live view, made when first asked for."""
        import ipywidgets

        state, figures = self.state, self.live()
        line = ipywidgets.HTML(status(state))

        def show(_: Any = None) -> None:
            figures.update()
            line.value = status(state)

        state.observe(show, ["epochs", "bar", "rank", "worst"])
        stop = ipywidgets.Button(
            description="stop",
            tooltip="After the present batch; what was learned stays",
            icon="stop",
            disabled=self._job is None,
        )
        go_on = ipywidgets.Button(
            description="continue", tooltip="From the last epoch on", icon="play", disabled=self._job is None
        )
        worst = ipywidgets.Button(description="worst examples", tooltip="Of the validation sample, by the best network")
        for button, action in ((stop, self.stop), (go_on, self._go_on_watching), (worst, state.examine)):
            button.on_click(lambda _, action=action: action())
        self._watch()
        buttons = ipywidgets.HBox([stop, go_on, worst])
        rank = slider(state, "rank", 0, 7, 1, "rank")
        return ipywidgets.VBox([line, buttons, rank, model(figures.layout), self.code_button()])

    def _go_on_watching(self) -> None:
        self.go_on()
        self._watch()

    def _watch(self) -> None:
        """Look at the records again and again until the training has ended; at once and once without an event loop."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.look()
            return
        self.look()
        if self.training or not self.state.bar.get("closed", False):
            loop.call_later(LOOK_EVERY, self._watch)
