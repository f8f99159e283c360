"""A real browser on a real JupyterLab and voila, all on this machine's loopback interface."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

#: What the browser showed, to be looked at; not kept in the repository.
SCREENSHOTS = Path(__file__).parent / "screenshots"
#: Milliseconds that a page may take; MILKYWAY_PATIENCE (seconds) for a machine that is busier still.
PATIENCE = 1000 * int(os.environ.get("MILKYWAY_PATIENCE", "120"))
#: No news, and cells that stay drawn when they are scrolled out of sight.
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Yield the browser; its driver runs an event loop in this thread, gone before the tests of other folders."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = importlib.util.find_spec("playwright")
    if not (found and driver):
        missing = "chromium (apt-get install chromium)" if driver else "playwright (pip install playwright)"
        if os.environ.get("MILKYWAY_BROWSER") == "required":
            pytest.fail(f"{missing} is missing, and MILKYWAY_BROWSER=required")
        pytest.skip(f"{missing} is missing")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield launched
        launched.close()


@contextmanager
def served(words: list[str], port: int, folder: Path, **environment: str) -> Iterator[str]:
    """Run a server of Jupyter's until the block ends; give its address once it answers."""
    address = f"http://127.0.0.1:{port}/"
    places = {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "RUNTIME")}
    places["JUPYTERLAB_SETTINGS_DIR"] = str(folder / "settings")
    kept = {name: value for name, value in os.environ.items() if name != "MILKYWAY_HEADLESS"}
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, *words], cwd=folder, env=kept | places | environment, stdout=log, stderr=log
        )
        try:
            for _ in range(PATIENCE // 200):
                try:
                    urllib.request.urlopen(address).close()
                    break
                except urllib.error.HTTPError as error:
                    error.close()
                    break
                except OSError:
                    assert server.poll() is None, (folder / "server.log").read_text()
                    time.sleep(0.2)
            yield address
        finally:
            server.terminate()
            server.wait(30)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Screen:
    """A page of the browser, and what the Bokeh figures on it hold."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.set_default_timeout(PATIENCE)

    def photograph(self, name: str) -> None:
        SCREENSHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png")

    def data(self, source: str, column: str) -> Any:
        """Return a column of the newest data source of that name."""
        return self.all_data(source, column)[-1]

    def all_data(self, source: str, column: str) -> list[Any]:
        """Return a column of every data source of that name, with images and typed arrays as flat lists."""
        return self.page.evaluate(
            """([source, column]) => {
                const flat = (values) => typeof values === 'number' ? values
                    : Array.from(values.data ?? values, (value) => value?.length === undefined ? value : flat(value))
                const found = Bokeh.documents.map((document) => document.get_model_by_name(source)).filter((x) => x)
                if (!found.length) throw new Error(`there is no source ${source}`)
                const numbers = (model) => flat(model.data[column]).flat(3)
                return found.map((model) => numbers(model).map((x) => Number.isNaN(x) ? null : x))
            }""",
            [source, column],
        )

    def until(self, source: str, column: str, holds: Callable[[Any], bool]) -> Any:
        """Wait until a column is as it should be, and return it."""
        for _ in range(PATIENCE // 100):
            if holds(now := self.data(source, column)):
                return now
            self.page.wait_for_timeout(100)
        pytest.fail(f"{source} {column} is not what was waited for, but {str(now)[:200]}")

    def becomes(self, source: str, column: str, holds: Callable[[Any], bool], seconds: int = 20) -> bool:
        """Tell whether a column is as it should be within some seconds."""
        for _ in range(10 * seconds):
            if holds(self.data(source, column)):
                return True
            self.page.wait_for_timeout(100)
        return False

    def until_any(self, source: str, column: str, holds: Callable[[int, Any], bool]) -> int:
        """Wait until a column of one of several sources of that name is as it should be, and return which."""
        for _ in range(PATIENCE // 100):
            for i, now in enumerate(self.all_data(source, column)):
                if holds(i, now):
                    return i
            self.page.wait_for_timeout(100)
        pytest.fail(f"no {source} {column} is what was waited for")

    def place(self, plot: str, x: float, y: float) -> tuple[float, float]:
        """Return where on the page a figure shows a point of its axes, scrolled into view, once it stays there."""
        script = """([name, x, y]) => {
            const model = Bokeh.documents.toReversed().map((document) => document.get_model_by_name(name))
                .find((found) => found)
            const view = Bokeh.index.find_one(model)
            const canvas = view.canvas_view.el
            canvas.scrollIntoView({block: 'center'})
            const box = canvas.getBoundingClientRect()
            return [box.x + view.frame.x_scale.compute(x), box.y + view.frame.y_scale.compute(y)]
        }"""
        self.page.wait_for_function("() => window.Bokeh !== undefined")
        found = self.page.evaluate(script, [plot, x, y])
        for _ in range(PATIENCE // 200):  # while the page is laid out, figures move
            self.page.wait_for_timeout(200)
            before, found = found, self.page.evaluate(script, [plot, x, y])
            if found == before:
                break
        left, top = found
        return float(left), float(top)

    def show(self, figure: str) -> None:
        """Wait until a figure is drawn, and scroll to it."""
        script = """(name) => {
            const documents = (window.Bokeh?.documents ?? []).toReversed()
            const models = documents.map((document) => document.get_model_by_name(name))
            const view = models.map((model) => model && Bokeh.index.find_one(model)).find((view) => view?.canvas_view)
            view?.canvas_view.el.scrollIntoView({block: 'center'})
            return !!view && view.canvas_view.el.getBoundingClientRect().height > 0
        }"""
        self.page.wait_for_function(script, arg=figure)

    def slide(self, label: str, steps: int, which: int = 0) -> None:
        """Move a slider with that label, by default the first, by so many arrow keys."""
        row = self.page.locator(".widget-slider", has=self.page.get_by_text(label, exact=True)).nth(which)
        handle = row.locator(".noUi-handle")
        handle.wait_for(state="attached")
        handle.focus()
        for _ in range(abs(steps)):
            self.page.keyboard.press("ArrowRight" if steps > 0 else "ArrowLeft")

    def title(self, plot: str) -> str:
        """Return the title of the newest figure of that name."""
        script = """(name) => Bokeh.documents.toReversed().map((document) => document.get_model_by_name(name))
            .find((found) => found).title.text"""
        return str(self.page.evaluate(script, plot))

    def until_title(self, plot: str, holds: Callable[[str], bool]) -> None:
        """Wait until the title of a figure is as it should be."""
        for _ in range(PATIENCE // 100):
            if holds(now := self.title(plot)):
                return
            self.page.wait_for_timeout(100)
        pytest.fail(f"the title of {plot} is not what was waited for, but {now!r}")

    def press(self, button: str) -> None:
        """Press a button by keyboard, the newest of those with that text."""
        found = self.page.locator(".jupyter-widgets button, button.jupyter-widgets", has_text=button).last
        found.focus()
        self.page.keyboard.press("Enter")

    def drag(
        self, plot: str, start: tuple[float, float], end: tuple[float, float], halfway: Callable[[], bool]
    ) -> bool:
        """Drag from one point of a figure to another, on its axes; return what `halfway` says, with the mouse held."""
        (x, y), (to_x, to_y) = self.place(plot, *start), self.place(plot, *end)
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move((x + to_x) / 2, (y + to_y) / 2, steps=8)
        self.page.wait_for_timeout(150)
        self.page.mouse.move(to_x, to_y, steps=8)
        seen = halfway()
        self.page.mouse.up()
        return seen

    def unlabeled(self) -> list[str]:
        """Return controls of the page that the Tab key does not reach, or that say nothing of what they do."""
        script = """() => {
            const controls = ['button', 'select', 'input', '.noUi-handle'].map((kind) => `.jupyter-widgets ${kind}`)
            const said = (one, widget) => one.innerText?.trim() || one.title || one.getAttribute('aria-label')
                || widget.querySelector('.widget-label')?.innerText?.trim() || widget.title
            return Array.from(document.querySelectorAll(`button.jupyter-widgets, ${controls.join()}`))
                .filter((one) => one.offsetParent !== null)
                .filter((one) => one.tabIndex < 0 || !said(one, one.closest('.jupyter-widgets')))
                .map((one) => one.outerHTML.slice(0, 200))
        }"""
        return list(self.page.evaluate(script))

    def click(self, plot: str, x: float, y: float) -> None:
        """Click on a point of a figure, given on its axes."""
        self.page.mouse.click(*self.place(plot, x, y))


class Lab(Screen):
    """JupyterLab in the browser, driven by its own commands."""

    def __init__(self, page: Page, address: str, folder: Path) -> None:
        super().__init__(page)
        self.folder = folder
        page.goto(f"{address}lab")
        page.wait_for_function("() => window.jupyterapp !== undefined")
        page.evaluate("() => jupyterapp.started")

    def show_code(self, name: str, *cells: str) -> None:
        """Run a notebook of these cells in the kernel that is there, with all that it has imported and compiled.

        What the last one shows is the newest on the page.
        """
        code = [nbformat.v4.new_code_cell(cell) for cell in cells]
        kernel = {"name": "python3", "display_name": "Python 3"}  # without one JupyterLab asks for it
        notebook = nbformat.v4.new_notebook(cells=code, metadata={"kernelspec": kernel})
        nbformat.write(notebook, self.folder / f"{name}.ipynb")
        self.run(f"{name}.ipynb", anew=False)

    def run(self, notebook: str, *, anew: bool = True) -> None:
        """Open a notebook, run all its cells, and fail with the error of the first that has one.

        In a kernel of its own, or else, not `anew`, in that of the notebook which is open.
        """
        outputs = self.page.evaluate(
            """async ([path, anew]) => {
                let id = undefined
                for (const old of Array.from(jupyterapp.shell.widgets('main'))) {
                    const running = old.sessionContext?.session?.kernel
                    if (running && !anew) id = running.id
                    else await old.sessionContext?.shutdown()
                    old.dispose()
                }
                const kernel = id && {id}
                const panel = await jupyterapp.commands.execute('docmanager:open', {path, kernel})
                await panel.context.ready
                await panel.sessionContext.ready
                await panel.sessionContext.session.kernel.info
                jupyterapp.shell.activateById(panel.id)
                await jupyterapp.commands.execute('notebook:run-all-cells')
                const cells = Array.from(panel.content.model.sharedModel.cells, (cell) => cell.toJSON())
                return cells.flatMap((cell) => cell.outputs ?? [])
            }""",
            [notebook, anew],
        )
        errors = ["\n".join(output["traceback"]) for output in outputs if output["output_type"] == "error"]
        assert not errors, f"{notebook}: {errors[0]}"
        assert outputs, f"{notebook} left no output"


@pytest.fixture(scope="package")
def lab(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    for name, chosen in SETTINGS.items():
        path = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(chosen))
    port = free_port()
    words = ["-m", "jupyter", "lab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    words += ["--ServerApp.port_retries=0", "--IdentityProvider.token=", f"--ServerApp.root_dir={folder}"]
    words += ["--LabApp.expose_app_in_browser=True", "--LabApp.news_url="]
    with served(words, port, folder, BOKEH_RESOURCES="inline") as address:
        page = browser.new_page(viewport={"width": 1500, "height": 1300})
        yield Lab(page, address, folder)
        page.close()


@pytest.fixture
def serve(browser: Browser) -> Callable[[Path, Path], Any]:
    """Return a context that serves the app of a run and gives the screen on which it is seen."""

    @contextmanager
    def serve(folder: Path, run: Path) -> Iterator[Screen]:
        port = free_port()
        with served(["-m", "milkyway_cnn", "app", str(run), f"--port={port}", "--no-browser"], port, folder) as address:
            page = browser.new_page(viewport={"width": 1500, "height": 1100})
            page.goto(address, timeout=PATIENCE)
            yield Screen(page)
            page.close()

    return serve
