"""Training: records, best and last files, exact resume, what happens when it goes wrong."""

from __future__ import annotations

import numpy as np
import pytest

from milkyway_cnn import nn
from milkyway_cnn.errors import InputError

RNG = np.random.default_rng(0)
X = RNG.random((64, 1, 8, 8)).astype(np.float32)
Y = X.mean(axis=(2, 3)).repeat(3, axis=1) + X[:, 0, 0, :3]
OPTIONS = {
    "loss": nn.SquaredError(0.02),
    "optimizer": nn.AdamW(clip=1.0),
    "schedule": nn.ExponentialDecay(3e-3, 3e-4, 0.1),
}


def batches(epoch):
    order = np.random.default_rng(epoch).permutation(48)
    for i in range(0, 48, 20):
        chosen = order[i : i + 20]
        yield X[chosen], Y[chosen]


def network():
    return nn.Network("C3x3.2-P2-D16-D3", (1, 8, 8), dropout=0.1)


def train(net, epochs=5, batches=batches, **options):
    return list(nn.fit(net, batches, (X[48:], Y[48:]), epochs=epochs, **(OPTIONS | options)))


def values(records):
    return [(record.epoch, record.loss, record.validation_loss, record.rate) for record in records]


def test_records_and_progress():
    seen = []
    records = train(network(), on_batch=lambda done, loss: seen.append(done))
    assert [record.epoch for record in records] == [1, 2, 3, 4, 5]
    assert records[-1].loss < records[0].loss
    assert records[-1].seconds_left == 0.0 < records[-2].seconds_left
    assert records[0]["rate"] == 3e-3
    assert seen == [20, 40, 48] * 5


def test_interrupted_training_goes_on_exactly(tmp_path):
    whole = network()
    expected = train(whole)
    count = 0

    def interrupted(epoch):
        nonlocal count
        for entry in batches(epoch):
            count += 1
            if count == 8:
                raise KeyboardInterrupt
            yield entry

    path = tmp_path / "checkpoint"
    with pytest.raises(KeyboardInterrupt):
        train(network(), batches=interrupted, checkpoint=path)
    resumed = network()
    records = train(resumed, checkpoint=path)
    assert values(records) == values(expected)
    np.testing.assert_array_equal(resumed.predict(X), whole.predict(X))
    assert values(train(network(), checkpoint=path)) == values(expected)  # done: nothing is trained again
    anew = train(network(), epochs=1, checkpoint=path, resume=False)
    assert values(anew) == values(expected)[:1]


def test_best_weights_are_kept(tmp_path):
    net = network()
    best = tmp_path / "best"
    records = train(net, best=best, schedule=lambda epoch, step: 3e-3 if epoch < 4 else 0.5)
    lowest = min(record.validation_loss for record in records)
    assert lowest < records[-1].validation_loss
    assert nn.Network.load(best).evaluate(X[48:], Y[48:], loss=OPTIONS["loss"]) == lowest


def test_divergence_ends_in_one_sentence_and_the_last_good_weights_stay(tmp_path):
    best = tmp_path / "best"
    with pytest.raises(InputError, match=f"choose a lower learning rate or clip gradients; .* are in {best}"):
        train(
            network(),
            best=best,
            optimizer=nn.SGD(0.9),
            schedule=lambda epoch, step: 1e-3 if epoch < 1 else 1e6,
        )
    assert np.isfinite(nn.Network.load(best).predict(X)).all()


def test_bad_data_end_in_one_sentence():
    broken = X.copy()
    broken[3, 0, 4, 4] = np.nan
    with pytest.raises(InputError, match="because the input is not finite: mask its NaN"):
        train(network(), batches=lambda epoch: [(broken, Y)])
    with pytest.raises(InputError, match="because the target is not finite: mask its NaN"):
        train(network(), batches=lambda epoch: [(X, np.full_like(Y, np.nan))])
    with pytest.raises(InputError, match="because the weight is not finite: mask its NaN"):
        train(network(), batches=lambda epoch: [(X, Y, np.full_like(Y, np.inf))])
    with pytest.raises(InputError, match=r"because the input is not finite"):
        train(network(), batches=lambda epoch: [(broken, Y, None)])
    with pytest.raises(InputError, match="epoch 1 has no batches"):
        train(network(), batches=lambda epoch: [])
    with pytest.raises(InputError, match=r"a batch is ndarray; make it \(input, target\)"):
        train(network(), batches=lambda epoch: [X])
    with pytest.raises(InputError, match=r"the weights are \(64, 2\) and the targets \(64, 3\); give as many, or 1"):
        train(network(), batches=lambda epoch: [(X, Y, np.ones((64, 2)))])
    with pytest.raises(InputError, match="there are 64 inputs and 60 targets"):
        train(network(), batches=lambda epoch: [(X, Y[4:])])
    with pytest.raises(InputError, match="there are 16 inputs and 15 targets"):
        list(nn.fit(network(), batches, (X[48:], Y[49:]), epochs=1, **OPTIONS))
    with pytest.raises(InputError, match=r"the target is object \(64, 3\); this network takes an array of numbers"):
        train(network(), batches=lambda epoch: [(X, Y.astype(object))])
    with pytest.raises(InputError, match="the input is complex64"):
        network().predict(X.astype(np.complex64))


def test_stops_when_patience_ends():
    records = train(network(), epochs=50, patience=2, schedule=lambda epoch, step: 3e-3 if epoch < 3 else 0.3)
    losses = [record.validation_loss for record in records]
    assert len(losses) - 1 - int(np.argmin(losses)) == 2


def test_prefetch_keeps_order_exceptions_and_ends_early():
    assert list(nn.prefetch(range(20))) == list(range(20))
    assert next(iter(nn.prefetch(iter(range(10**9))))) == 0

    def failing():
        yield 1
        msg = "no more"
        raise RuntimeError(msg)

    got = []
    with pytest.raises(RuntimeError, match="no more"):
        got.extend(nn.prefetch(failing()))
    direct, ahead = network(), network()
    assert values(train(direct)) == values(train(ahead, batches=lambda epoch: nn.prefetch(batches(epoch))))
