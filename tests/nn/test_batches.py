"""Batches of an epoch from memory, from stores that are read once, and from generators."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import given
from hypothesis import strategies as st

from milkyway_cnn import nn
from milkyway_cnn.errors import InputError


class Recorded:
    """A store that remembers which slices were read."""

    def __init__(self, values, chunks):
        self.values, self.chunks, self.shape, self.read = values, chunks, values.shape, []

    def __len__(self):
        return len(self.values)

    def __getitem__(self, part):
        assert isinstance(part, slice)
        self.read.append(range(*part.indices(len(self))))
        return self.values[part]


def rows(n):
    return np.arange(2 * n, dtype=np.float32).reshape(n, 2), np.arange(n, dtype=np.float32)[:, None]


@given(st.integers(1, 60), st.integers(1, 20), st.integers(1, 12), st.integers(1, 40), st.booleans())
def test_every_example_comes_once_with_its_target(n, size, chunk, mixed, stored):
    x, y = rows(n)
    store = Recorded(x, (chunk, 2)) if stored else x
    batches = nn.Batches(store, y, size=size, seed=3, mixed=mixed)
    epochs = [list(batches(epoch)) for epoch in (0, 0, 1)]
    for made in epochs:
        assert [len(a) for a, _ in made] == [size] * (n // size) + [n % size] * (n % size > 0)
        assert len(made) == len(batches)
        for a, b in made:
            np.testing.assert_array_equal(a, x[b[:, 0].astype(int)])
        assert sorted(np.concatenate([b for _, b in made])[:, 0]) == list(range(n))
    for (_, a), (_, b) in zip(epochs[0], epochs[1], strict=True):
        np.testing.assert_array_equal(a, b)
    if stored:  # whole chunks, each once an epoch
        assert sorted(i for part in store.read for i in part) == sorted([*range(n)] * 3)
        assert all(part.start % chunk == 0 and (len(part) == chunk or part.stop == n) for part in store.read)


def test_epochs_and_seeds_have_orders_of_their_own():
    x, y = rows(200)
    for store in (x, Recorded(x, (10, 2))):
        orders = [
            np.concatenate([b[:, 0] for _, b in nn.Batches(store, y, size=16, seed=seed, mixed=50)(epoch)])
            for seed, epoch in ((0, 0), (0, 1), (1, 0))
        ]
        assert all((a != b).mean() > 0.9 for a, b in itertools.combinations([*orders, y[:, 0]], 2))


@pytest.mark.parametrize("kind", ["zarr", "xarray", "memory map"])
def test_networks_learn_from_stores_and_go_on_exactly(kind, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.random((300, 1, 6, 6)).astype(np.float32)
    y = x.sum(axis=(2, 3)) / 18 - 1
    if kind == "zarr":
        stores = [
            zarr.create_array(tmp_path / name, data=values, chunks=(chunk, *values.shape[1:]))
            for name, values, chunk in (("x", x, 32), ("y", y, 64))
        ]
    elif kind == "xarray":
        data = xr.Dataset({"x": (("example", "c", "v", "u"), x), "y": (("example", "k"), y)})
        data.to_zarr(tmp_path / "store", encoding={"x": {"chunks": (64, 1, 6, 6)}}, consolidated=False)
        opened = xr.open_zarr(tmp_path / "store", consolidated=False, chunks=None)
        stores = [opened["x"], opened["y"]]
    else:
        np.save(tmp_path / "x.npy", x)
        stores = [np.load(tmp_path / "x.npy", mmap_mode="r"), y]
    batches = nn.Batches(*stores, size=32, seed=1, mixed=128)
    assert batches.run == {"zarr": 64, "xarray": max(64, len(y)), "memory map": 1024}[kind]

    def train(epochs, path):
        net = nn.Network([nn.Convolution(2, 3, slope=1.0), nn.BatchNormalization(), nn.Dense(1, 1.0)], (1, 6, 6))
        records = list(
            nn.fit(
                net,
                batches,
                stores,
                loss=nn.SquaredError(),
                optimizer=nn.AdamW(),
                schedule=nn.Cosine(1e-2, 1e-3, 4 * len(batches)),
                epochs=epochs,
                checkpoint=path,
            )
        )
        return net, records

    whole, records = train(4, tmp_path / "whole")
    assert records[-1].validation_loss < 0.5 * records[0].validation_loss
    train(2, tmp_path / "parts")
    resumed, _ = train(4, tmp_path / "parts")
    np.testing.assert_array_equal(whole.predict(x), resumed.predict(x))
    for a, b in zip(whole.statistics, resumed.statistics, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_generator_without_end_is_cut_into_epochs():
    def endless():
        for i in itertools.count():
            x, y = rows(8)
            yield x + i, y

    source = endless()
    net = nn.Network("D1", (2,))
    records = list(
        nn.fit(
            net,
            lambda epoch: nn.prefetch(itertools.islice(source, 5)),
            rows(8),
            loss=nn.SquaredError(),
            optimizer=nn.AdamW(),
            schedule=lambda epoch, step: 1e-3,
            epochs=3,
        )
    )
    assert (len(records), net.steps) == (3, 15)
    assert next(source)[0][0, 0] == 15.0  # nothing was made in vain


def test_what_makes_no_batches_is_refused():
    x, y = rows(5)
    with pytest.raises(InputError, match=r"the arrays have \[5, 4\] examples; give .* of as many"):
        nn.Batches(x, y[:4])
    with pytest.raises(InputError, match=r"the arrays have \[0\] examples"):
        nn.Batches(x[:0])
    with pytest.raises(InputError, match=r"size is 0, mixed 16384 and run 1024; .* choose at least 1"):
        nn.Batches(x, y, size=0)
