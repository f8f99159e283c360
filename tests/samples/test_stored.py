"""Stored samples are the stream, wherever they are made, however often they are cut off, whatever is damaged."""

import json
import shutil

import numpy as np
import pytest

from milkyway_cnn import samples
from milkyway_cnn.errors import InputError
from milkyway_cnn.extinction.profiles import ProfilePrior
from milkyway_cnn.samples import parts, stored
from milkyway_cnn.sightlines import distance_edges


@pytest.fixture(scope="module")
def stream():
    prior = ProfilePrior(empty=0.3)
    area = np.array([0.02, 0.1])
    return samples.Stream([(280.0, 0.0), (210.0, -19.0)], area, distance_edges(32, 0.2), seed=3, prior=prior)


def content(path):
    """All files of a store."""
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}


@pytest.fixture(scope="module")
def whole(stream, tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "test.zarr"
    samples.store(stream, "test", 42, path, chunk=8)
    return path


@pytest.fixture
def copy(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "copy.zarr")


def test_a_stored_sample_is_the_stream_and_knows_it(stream, whole):
    sample, expected = samples.load(whole), stream.examples(0, 42, "test")
    np.testing.assert_array_equal(sample["diagram"], expected.diagrams)
    np.testing.assert_array_equal(sample["delta_A_V"], expected.delta_A_V)
    np.testing.assert_array_equal(sample["horizon"], expected.horizon)
    np.testing.assert_array_equal(sample["outside"], expected.outside)
    np.testing.assert_array_equal(sample["sightline"], expected.sightline)
    np.testing.assert_array_equal(sample["bare"].values[sample["sightline"].values], expected.bare)
    assert sample["delta_A_V"].attrs["units"] == "mag" and sample["distance"].attrs["units"] == "kpc"
    assert [child.name for child in whole.parent.iterdir()] == ["test.zarr"]

    again = samples.Stream.of(json.loads(sample.attrs["stream"]))
    np.testing.assert_array_equal(again.examples(4, 2, "test").diagrams, stream.examples(4, 2, "test").diagrams)


def test_chunks_do_not_show(stream, whole, tmp_path):
    samples.store(stream, "test", 42, tmp_path / "one.zarr")
    for name, values in samples.load(whole).variables.items():
        np.testing.assert_array_equal(samples.load(tmp_path / "one.zarr")[name], values)


def test_a_sample_made_by_workers_is_the_same(stream, whole, tmp_path):
    samples.store(stream, "test", 42, tmp_path / "test.zarr", chunk=8, cluster="2")
    assert content(tmp_path / "test.zarr") == content(whole)
    assert samples.checksum(tmp_path / "test.zarr") == samples.checksum(whole)
    assert samples.damaged(tmp_path / "test.zarr", cluster="1") == []


def test_what_was_cut_off_is_completed_not_begun_again(stream, whole, tmp_path, monkeypatch):
    path, drawn = tmp_path / "test.zarr", []
    make = parts.make

    def failing(number, **where):
        if number == 4:
            raise KeyboardInterrupt
        drawn.append(number)
        return make(number, **where)

    monkeypatch.setattr(parts, "make", failing)
    with pytest.raises(KeyboardInterrupt):
        samples.store(stream, "test", 42, path, chunk=8)
    assert not path.exists()
    left = tmp_path / ".part-test.zarr"
    (left / "diagram" / "c" / "2" / "0" / "0").write_bytes(b"half a chu")  # as a machine without power may leave it
    (left / "diagram" / "c" / "3" / "0").mkdir(parents=True)
    (left / "diagram" / "c" / "3" / "0" / "0.123.partial").write_bytes(b"half")
    monkeypatch.setattr(parts, "make", lambda number, **where: drawn.append(number) or make(number, **where))
    samples.store(stream, "test", 42, path, chunk=8)
    assert drawn == [0, 1, 2, 3, 3, 4, 5, 6]
    assert content(path) == content(whole) and not left.exists()
    drawn.clear()
    samples.store(stream, "test", 42, path, chunk=8)
    assert drawn == []


def test_another_sample_is_not_gone_on_with(stream, copy, monkeypatch):
    other = samples.Stream(stream.sightlines, stream.solid_angle, stream.edges, seed=4)
    copy.rename(copy.with_name(".part-copy.zarr"))
    for made, split, count in ((other, "test", 42), (stream, "validation", 42), (stream, "test", 43)):
        samples.store(made, split, count, copy, chunk=8)
        np.testing.assert_array_equal(samples.load(copy)["diagram"], made.examples(0, count, split).diagrams)
    # The same in name, but as an earlier version of the package drew it.
    draw = samples.Stream.examples
    monkeypatch.setattr(samples.Stream, "examples", lambda self, first, n, split: draw(self, first + 1, n, split))
    samples.store(stream, "test", 43, copy, chunk=8)
    np.testing.assert_array_equal(samples.load(copy)["diagram"], draw(stream, 1, 43, "test").diagrams)


def test_damage_is_found_by_name_and_mended(stream, whole, copy):
    flipped, cut = copy / "diagram" / "c" / "1" / "0" / "0", copy / "delta_A_V" / "c" / "0" / "0"
    gone, bare = copy / "horizon" / "c" / "5", copy / "bare" / "c" / "0" / "0" / "0"
    values = bytearray(flipped.read_bytes())
    values[len(values) // 2] ^= 1
    flipped.write_bytes(values)
    cut.write_bytes(cut.read_bytes()[:40])
    gone.unlink()
    bare.write_bytes(b"")
    names = ["bare/c/0/0/0", "delta_A_V/c/0/0", "diagram/c/1/0/0", "horizon/c/5"]
    assert samples.damaged(copy) == samples.damaged(copy, cluster="1") == names
    assert samples.mend(copy) == names
    assert content(copy) == content(whole) and samples.mend(copy) == []


def test_a_chunk_in_the_place_of_another_is_found(whole, copy):
    for name in ("diagram/c/2/0/0", "sightline/c/2"):
        shutil.copy(copy / name.replace("c/2", "c/3"), copy / name)
    assert [name for name in samples.damaged(copy) if name.startswith("diagram")] == ["diagram/c/2/0/0"]
    samples.mend(copy)
    assert content(copy) == content(whole)


def test_storing_again_mends(stream, whole, copy):
    (copy / "outside" / "c" / "3").unlink()
    samples.store(stream, "test", 42, copy, chunk=8)
    assert content(copy) == content(whole)


def test_what_is_missing_is_refused_before_it_is_read_as_zeros(copy):
    (copy / "diagram" / "c" / "4" / "0" / "0").unlink()
    with pytest.raises(InputError, match=r"copy.zarr lacks diagram/c/4/0/0; 'milkyway-cnn sample .*' makes it again"):
        samples.load(copy)


def test_what_cannot_be_made_again_is_said(copy, monkeypatch):
    draw = samples.Stream.examples
    monkeypatch.setattr(samples.Stream, "examples", lambda self, first, n, split: draw(self, first + 1, n, split))
    (copy / "diagram" / "c" / "4" / "0" / "0").unlink()
    with pytest.raises(InputError, match=r"was stored by another version of the stream, .*: 1 of its chunks stay"):
        samples.mend(copy)
    assert "diagram/c/4/0/0" in samples.damaged(copy)


def test_what_is_no_sample_is_one_sentence(stream, copy, tmp_path):
    for work in (samples.load, samples.damaged, samples.mend, samples.checksum):
        with pytest.raises(InputError, match=r"none.zarr is no stored sample"):
            work(tmp_path / "none.zarr")
    assert not (tmp_path / "none.zarr").exists()
    (copy / "zarr.json").write_text("{")
    with pytest.raises(InputError, match=r"copy.zarr is no stored sample, or its zarr.json is damaged"):
        samples.load(copy)
    for count, chunk in ((0, 8), (8, 0)):
        with pytest.raises(InputError, match=f"a sample of {count} examples in chunks of {chunk} cannot be stored"):
            samples.store(stream, "test", count, copy, chunk=chunk)
    with pytest.raises(InputError, match="cluster = 'moon' is no place to work"):
        samples.store(stream, "test", 8, copy, cluster="moon")


def test_a_stream_travels_as_its_description(stream):
    import pickle

    text = pickle.dumps(stream)
    assert len(text) < 20_000
    again = pickle.loads(text)
    assert pickle.loads(text) is again
    np.testing.assert_array_equal(again.examples(3, 4).diagrams, stream.examples(3, 4).diagrams)


def test_the_default_chunk_is_what_training_reads_at_once(stream, tmp_path):
    samples.store(stream, "test", 3, tmp_path / "test.zarr")
    assert samples.load(tmp_path / "test.zarr")["diagram"].encoding["chunks"][0] == stored.CHUNK
