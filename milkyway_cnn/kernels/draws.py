"""Counter-based random numbers: a key and a counter in, the same draw out on any thread or machine.

`bits` is the output function of SplitMix64 (Steele, Lea & Flood 2014, OOPSLA, doi:10.1145/2660193.2660195)
at the state ``key + counter * golden ratio``; `fork` makes the key of an independent stream. Keys, counters and
bits are uint64. `keys` and `uniforms` make arrays; the other functions are scalar bodies for use inside kernels.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from milkyway_cnn import backend
from milkyway_cnn.kernels._elementary import exponential, normal_quantile
from milkyway_cnn.kernels._twin import Twin, cuda, each, exact, exact_loop, prange

__all__ = [
    "RUN",
    "below",
    "bits",
    "fork",
    "keys",
    "neighbor",
    "normal",
    "part",
    "poisson",
    "rough_normal",
    "uniform",
    "uniforms",
]

RUN = 64  # neighbors drawn together

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31 = np.uint64(27), np.uint64(30), np.uint64(31)
_S8, _S32, _S40 = np.uint64(8), np.uint64(32), np.uint64(40)
_LOW_16, _LOW_24 = np.uint64(0xFFFF), np.uint64(0xFFFFFF)
_TO_PART, _TO_UNIT = np.float32(2.0**-16), np.float32(2.0**-24)
_HALF, _ONE, _TWO = np.float32(0.5), np.float32(1.0), np.float32(2.0)
_TWO_PI = np.float32(2.0 * math.pi)


@exact
def bits(key, counter):
    """64 random bits number `counter` of the stream `key`."""
    z = np.uint64(key) + np.uint64(counter) * _GOLDEN
    z = (z ^ (z >> _S30)) * _MIX_1
    z = (z ^ (z >> _S27)) * _MIX_2
    return z ^ (z >> _S31)


@exact
def fork(key, branch):
    """Key of stream number `branch` below `key`."""
    return bits(bits(key, branch), np.uint64(1))


@exact
def uniform(word):
    """Uniform float32 in (0, 1) from the upper 24 of 64 random bits."""
    return (np.float32(word >> _S40) + _HALF) * _TO_UNIT


@exact
def normal(word):
    """Two independent standard normal float32 from 64 random bits (Box & Muller 1958).

    The first uniform has 24 bits, so no draw lies beyond 5.9 standard deviations.
    """
    u = (np.float32(word >> _S40) + _HALF) * _TO_UNIT
    v = np.float32((word >> _S8) & _LOW_24) * _TO_UNIT
    radius = math.sqrt(np.float32(-2.0) * math.log(u))
    angle = _TWO_PI * v
    return radius * math.cos(angle), radius * math.sin(angle)


@exact
def part(word, place):
    """Uniform float32 in (0, 1), one of 65536 values, from 16 of 64 random bits: four are in a word, `place` 0 to 3."""
    return (np.float32(np.int32((word >> np.uint64(16 * place)) & _LOW_16)) + _HALF) * _TO_PART


@exact
def below(word, number):
    """Uniform int64 from 0 to `number` - 1, of less than 2^31, from the upper 32 of 64 random bits."""
    return np.int64(((word >> _S32) * np.uint64(number)) >> _S32)


@exact
def neighbor(key, i, number):
    """Place that draw `i` takes in a list of `number`: runs of neighbors begin anywhere and go on at its start."""
    begin = i // RUN * RUN
    k = below(bits(key, np.uint64(begin)), number) + i - begin
    while k >= number:  # a remainder of 64 bits takes a card longer
        k -= number
    return k


@exact
def rough_normal(word, place):
    """One of 65536 equally likely values of a standard normal, float32, from the same bits as `part`.

    Without logarithm and cosine it costs a tenth of `normal`; no draw lies beyond 4.3 standard deviations, and its
    chances are those of `_elementary.normal_quantile`. For noise on what is binned anyway.
    """
    return normal_quantile(part(word, place) * _TWO - _ONE)


@exact
def poisson(mean, key):
    """Poisson draw of the given mean, an int, from the stream `key`.

    Exact by multiplication of uniforms below 30 (Knuth); above, the normal approximation with continuity
    correction, whose skewness is wrong by less than 1 / sqrt(mean).
    """
    if mean <= 0.0:
        return 0
    if mean > 30.0:
        z = np.float64(rough_normal(bits(key, np.uint64(0)), 3))
        return max(0, math.floor(mean + math.sqrt(mean) * z + 0.5))
    threshold = np.float64(exponential(-np.float32(mean)))
    count = 0
    product = 1.0
    while True:
        product *= np.float64(uniform(bits(key, np.uint64(count))))
        if product <= threshold:
            return count
        count += 1


@exact_loop
def _keys_cpu(key, numbers, out):
    for i in prange(out.size):
        out[i] = fork(key, np.uint64(numbers[i]))


def _keys_cuda(key, numbers, out):
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        out[i] = fork(key, np.uint64(numbers[i]))


_keys = Twin(_keys_cpu, _keys_cuda, lambda key, numbers, out: each(out.size))


def keys(seed: int, *path: int | np.ndarray) -> np.ndarray:
    """Keys below `seed`: forked along the scalars of `path`, then once for each number of its last, (n,).

    ``keys(7, 1, np.arange(n))`` are the keys of numbers 0 to n - 1 in branch 1 of seed 7: (n,) uint64. They are where
    the numbers are.
    """
    key = np.uint64(seed)
    for branch in path[:-1]:
        key = np.uint64(fork(key, np.uint64(branch)))
    numbers: Any = path[-1]
    place = backend.home(numbers)
    if not place.holds(numbers):
        numbers = np.ascontiguousarray(numbers, np.uint64)
    out = place.empty(numbers.shape, np.uint64)
    _keys(key, numbers, out)
    return out


@exact_loop
def _uniforms_cpu(keys, branch, out):
    for n in prange(out.shape[0]):
        key = fork(keys[n], branch)
        for j in range(out.shape[1]):
            out[n, j] = uniform(bits(key, np.uint64(j)))


def _uniforms_cuda(keys, branch, out):
    for n in range(cuda.grid(1), out.shape[0], cuda.gridsize(1)):
        key = fork(keys[n], branch)
        for j in range(out.shape[1]):
            out[n, j] = uniform(bits(key, np.uint64(j)))


_uniforms = Twin(_uniforms_cpu, _uniforms_cuda, lambda keys, branch, out: each(out.shape[0]))


def uniforms(keys: np.ndarray, branch: int, columns: int) -> np.ndarray:
    """Uniform draws in (0, 1), row n from branch number `branch` of ``keys[n]``: (n, columns) float32."""
    out = backend.home(keys).empty((keys.size, columns), np.float32)
    _uniforms(keys, np.uint64(branch), out)
    return out
