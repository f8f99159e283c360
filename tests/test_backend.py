"""The choice of host or card, and what is said where a card cannot be used."""

from dataclasses import replace

import numpy as np
import pytest

from milkyway_cnn import backend
from milkyway_cnn.backend import Card, fault
from milkyway_cnn.backend.device import Device
from milkyway_cnn.errors import InputError

H200 = Card("0.30.4", (13, 0), (13, 0), (13, 0), "NVIDIA H200", (9, 0))
V100 = Card("0.30.4", (12, 9), (12, 9), (12, 9), "Tesla V100", (7, 0))


@pytest.mark.parametrize("card", [H200, V100, Card(simulated=True)])
def test_a_complete_card_has_no_fault(card):
    assert fault(card) is None


@pytest.mark.parametrize(
    ("card", "said"),
    [
        (Card(), "no NVIDIA driver answers.*nvidia-smi.*device='cpu'"),
        (replace(H200, driver=(11, 8)), "runs CUDA 11.8, which is too old: install a driver from version 525 on"),
        (Card(driver=(12, 4)), r"not all there: `pip install 'milkyway-cnn\[cuda12\]'`"),
        (Card(driver=(13, 0)), r"not all there: `pip install 'milkyway-cnn\[cuda13\]'`"),
        (replace(H200, capability=None), "finds no card; see `nvidia-smi`"),
        (replace(V100, name="Tesla P100", capability=(6, 0)), "Tesla P100 has compute capability 6.0, and 7.0 is the"),
        (replace(H200, driver=(12, 4)), r"for CUDA 13.0, which needs a driver from version 580 on.*\[cuda12\]"),
        (replace(V100, driver=(13, 0), toolkit=(13, 0)), r"CUDA 13.0 knows Tesla V100 no more.*\[cuda12\]"),
        (replace(H200, linker=(12, 9)), r"nvJitLink 12.9 beside a compiler of CUDA 13.0.*install --upgrade"),
        (replace(H200, arrays=12), "CuPy is for CUDA 12 and the compiler for CUDA 13.0: .*fresh environment"),
        (replace(H200, linker=None), "no nvJitLink beside a compiler"),
    ],
)
def test_a_fault_is_named_with_what_mends_it(card, said):
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(fault(card))


def test_the_host_is_the_backend_unless_a_card_is_chosen(monkeypatch):
    monkeypatch.setattr(backend, "found", Card)
    assert backend.current().name == "cpu"
    array = np.arange(3)
    for device in ("cpu", "auto"):
        with backend.use(device) as chosen:
            assert chosen is backend.current()
            assert chosen.fetch(chosen.send(array)) is array
            assert chosen.empty((2, 3), np.float32).shape == (2, 3)
    with pytest.raises(InputError, match="no NVIDIA driver"), backend.use("cuda"):
        pass
    with pytest.raises(InputError, match="precision 'half' is not known"), backend.use("cpu", "half"):
        pass
    with (
        pytest.raises(InputError, match="device 'gpu' is not known; choose one of auto, cpu, cuda"),
        backend.use("gpu"),
    ):
        pass


def test_the_next_is_made_beside_the_work_on_the_one_before():
    done = []

    class Lanes(Device):
        def _aside(self, make):
            made = make()
            return made, lambda: done.append(f"wait for {made}")

    def making():
        for item in "ab":
            done.append(f"make {item}")
            yield item

    for item in Lanes("float32").beside(making()):
        done.append(f"use {item}")
    assert done == ["make a", "make b", "wait for a", "use a", "wait for b", "use b"]


def test_what_this_machine_has_is_found():
    assert (
        fault(backend.found()) is None or "driver" in fault(backend.found()) or "pip install" in fault(backend.found())
    )


def test_a_card_that_fails_is_the_processors_work_unless_it_is_asked_for(monkeypatch):
    def failing(simulated, precision):
        msg = "libcublas.so.12 is not there"
        raise OSError(msg)

    monkeypatch.setattr(backend, "found", lambda: H200)
    monkeypatch.setattr(backend, "_card", failing)
    with pytest.warns(UserWarning, match=r"NVIDIA H200 cannot be used [(]OSError: libcublas"), backend.use() as chosen:
        assert chosen is backend.HOST
    with pytest.raises(InputError, match=r"cannot be used .OSError: libcublas"), backend.use("cuda"):
        pass
