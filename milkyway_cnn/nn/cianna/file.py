"""CIANNA's network files, binary and text: the same fields in the same order, described once.

Binary files are little-endian without padding, magic number or version; text files write the letter after its
values and keep 6 digits of a weight. Dimensions are in the order width, height, depth. Sizes of dense layers follow
from the layers before.
"""

from __future__ import annotations

import math
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np

from milkyway_cnn.errors import InputError
from milkyway_cnn.nn.activation import Softmax
from milkyway_cnn.nn.cianna.convert import as_cianna
from milkyway_cnn.nn.cianna.layers import BiasedConvolution, BoundedActivation, PivotDense, Thinning, WindowAverage
from milkyway_cnn.nn.layer import Layer
from milkyway_cnn.nn.network import Network
from milkyway_cnn.nn.normalization import GroupNormalization
from milkyway_cnn.nn.pooling import AveragePooling, MaxPooling
from milkyway_cnn.storage import replacing

__all__ = ["load", "save"]

_LEAST_DROPOUT = 0.01  # lower rates are ignored there
_EPSILON = 1e-3
_STRUCTS = {"C": "<i3i3i3i3i3ii2f40s", "P": "<3i3i3iif40s40s", "N": "<40sii40s", "D": "<i2f40s"}
_THREE = r"(\d+)x(\d+)x(\d+)"
_REAL = r"(-?[\d.]+)"
_PATTERNS = {
    "C": re.compile(rf"C(\d+)f{_THREE}\.{_THREE}s{_THREE}p{_THREE}ip{_THREE}x(\d+)idim{_REAL}d{_REAL}b(\S+)"),
    "P": re.compile(rf"P{_THREE}\.{_THREE}s{_THREE}p(\d)g_{_REAL}d(MAX|AVG) (\S+)"),
    "N": re.compile(r"N (GN) S(\d+)_O(\d+)(\S+)"),
    "D": re.compile(rf"D(\d+)n{_REAL}d{_REAL}b(\S+)"),
}
_FORMS = {
    "C": "C{}f{}x{}x{}.{}x{}x{}s{}x{}x{}p{}x{}x{}ip{}x{}x{}x{}idim{:f}d{:f}b{} ",
    "P": "P{}x{}x{}.{}x{}x{}s{}x{}x{}p{}g_{:f}d{} {} ",
    "N": "N {} S{}_O{}{} ",
    "D": "D{}n{:f}d{:f}b{} ",
}


class _Binary:
    """Fields and weights of a binary file, one after the other."""

    def __init__(self, content: bytes):
        self.content, self.place = content, 16
        self.dimensions = struct.unpack("<4i", content[:16])

    def letter(self) -> str:
        self.place += 1
        return self.content[self.place - 1 : self.place].decode("latin-1")

    def fields(self, letter: str) -> list[Any]:
        form = struct.Struct(_STRUCTS[letter])
        values = form.unpack_from(self.content, self.place)
        self.place += form.size
        return [v.split(b"\0")[0].decode("latin-1") if isinstance(v, bytes) else v for v in values]

    def expect(self, rows: int, columns: int) -> None:
        """Refuse sizes that the rest of the file cannot fill, before there is memory for them."""
        if 4 * rows * columns > len(self.content) - self.place:
            raise ValueError

    def weights(self, rows: int, columns: int) -> np.ndarray:
        values = np.frombuffer(self.content, "<f4", rows * columns, self.place)
        self.place += values.nbytes
        return values.reshape(rows, columns).astype(np.float32)


class _Text:
    """The same of a text file."""

    def __init__(self, content: bytes):
        self.lines = [line.strip() for line in content.decode("ascii").splitlines() if line.strip()]
        self.dimensions = tuple(int(number) for number in self.lines.pop(0).split("x"))
        self.lines.reverse()

    def letter(self) -> str:
        return self.lines[-1][0] if self.lines else ""

    def fields(self, letter: str) -> list[Any]:
        match = _PATTERNS[letter].fullmatch(self.lines.pop())
        if match is None:
            raise ValueError
        return [
            float(g) if "." in g and g[-1].isdigit() and g[0] in "-.0123456789" else _number(g) for g in match.groups()
        ]

    def expect(self, rows: int, columns: int) -> None:
        if rows > len(self.lines) or len(self.lines[-1].split()) != columns:
            raise ValueError

    def weights(self, rows: int, columns: int) -> np.ndarray:
        values = np.array([self.lines.pop().split() for _ in range(rows)], np.float32)
        return values.reshape(rows, columns)


def _number(text: str) -> int | str:
    return int(text) if text.isdigit() else text


def _activation(name: str, *, pivot: bool = False, forward_too: bool = True) -> list[Layer]:
    """Layer of an activation string such as ``RELU_S800.00_L0.05``; none for the linear one."""
    kind, *rest = name.split("_")
    values = {part[0]: float(part[1:]) for part in rest}
    if kind == "LIN":
        return []
    if kind == "SMAX":
        return [Softmax()]
    if kind == "RELU":
        return [BoundedActivation(kind, values.get("S", 800.0), values.get("L", 0.05), pivot, forward_too)]
    if kind == "LOGI":
        return [BoundedActivation(kind, values.get("S", 6.0), values.get("B", 1.0), pivot, forward_too)]
    msg = f"has the activation {name!r}, which is not supported"
    raise _Unsupported(msg)


class _Unsupported(ValueError):
    """A feature of CIANNA that is refused by name."""


def _dropout(rate: float, *, pivot: bool = False) -> list[Layer]:
    return [Thinning(rate, pivot)] if rate > _LEAST_DROPOUT else []


def load(path: Path | str, scheme: str | None = None) -> Network:
    """Network of a CIANNA file, binary or text; it computes and trains as CIANNA does on a processor.

    Its input is (n, channels, depth, height, width), with axes of length 1 in front left out. Train it with
    `Quadratic` (or `CrossEntropy`), `SGD` and `ExponentialDecay` to follow CIANNA's own training.

    Raises
    ------
    InputError
        If the file is missing or damaged, or has what is not supported: YOLO heads, LRN, zeros between input
        pixels, incomplete groups of a normalization.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
        source = _Text(content) if re.match(rb"\d+x\d+x\d+x\d+\s", content) else _Binary(content)
        width, height, depth, channels = source.dimensions
        if min(source.dimensions) < 1:
            raise ValueError
        size = [depth, height, width]
        while len(size) > 1 and size[0] == 1:
            size.pop(0)
        network, values = _read(source, (channels, *size), scheme)
    except FileNotFoundError as error:
        msg = f"{path} does not exist; give the path of a network that CIANNA saved"
        raise InputError(msg) from error
    except InputError as error:  # shapes that cannot connect
        msg = f"{path} is damaged: {error}"
        raise InputError(msg) from error
    except _Unsupported as error:
        msg = f"{path} {error}; leave it out of the network"
        raise InputError(msg) from error
    except (OSError, ValueError, KeyError, IndexError, struct.error, MemoryError) as error:
        msg = f"{path} is damaged or no CIANNA network; save it again with CIANNA's save()"
        raise InputError(msg) from error
    for parameter, value in zip(network.parameters, values, strict=True):
        parameter.value[...] = value.reshape(parameter.value.shape)
    return network


def _read(source: Any, shape: tuple[int, ...], scheme: str | None) -> tuple[Network, list[np.ndarray]]:
    """Layers and weights of a file, until its end."""
    layers: list[Layer] = []
    values: list[np.ndarray] = []
    whole, axes = shape, len(shape) - 1
    dense = False
    rng = np.random.default_rng(0)

    def add(*new: Layer) -> None:
        nonlocal shape
        for layer in new:
            shape = layer.connect(shape, rng)
            layers.append(layer)

    def sides(numbers: list[int]) -> tuple[int, ...]:
        return tuple(reversed(numbers[:axes]))

    while letter := source.letter():
        if letter not in _STRUCTS:
            msg = f"has a layer {letter!r} (LRN)" if letter == "L" else f"has a layer {letter!r}"
            raise _Unsupported(msg)
        fields = source.fields(letter)
        if letter == "C":
            filters = fields[0]
            dropout, bias, name = fields[17:]
            kernel, stride, padding, between = (fields[i : i + 3] for i in (1, 4, 7, 10))
            if any(between):
                msg = "has zeros between input pixels (int_padding)"
                raise _Unsupported(msg)
            if name.startswith("YOLO"):
                msg = "has a YOLO head"
                raise _Unsupported(msg)
            source.expect(filters, math.prod(kernel[:axes]) * shape[0] + 1)
            add(BiasedConvolution(filters, sides(kernel), sides(stride), sides(padding), slope=1.0, bias_value=bias))
            weights = source.weights(filters, layers[-1].parameters[0].value[0].size + 1)
            values += [weights[:, :-1], weights[:, -1]]
            add(*_dropout(dropout), *_activation(name))
        elif letter == "P":
            window, stride, padding = (fields[i : i + 3] for i in (0, 3, 6))
            whole_image, dropout, kind, name = fields[9:]
            average = WindowAverage if any(padding) else AveragePooling
            steps = None if window == stride else sides(stride)
            size = None if whole_image else sides(window)
            pooling = (MaxPooling if kind == "MAX" else average)(size, steps, sides(padding) if any(padding) else 0)
            add(pooling, *_dropout(dropout), *_activation(name))
        elif letter == "N":
            _, group, off, name = fields
            if off or group < 1 or shape[0] % group:
                msg = "has a normalization with groups left out or incomplete"
                raise _Unsupported(msg)
            add(GroupNormalization(shape[0] // group, _EPSILON, shared=True))
            values += [source.weights(1, shape[0] // group) for _ in range(2)]
            add(*_activation(name, forward_too=False))
        else:
            units, dropout, bias, name = fields
            source.expect(math.prod(shape) + (not dense), units + 1)
            add(PivotDense(units, bias, dense))
            values.append(source.weights(*layers[-1].parameters[0].value.shape))
            add(*_dropout(dropout, pivot=True), *_activation(name, pivot=True))
            dense = True
    if dense:
        _end(layers)
    if not layers:
        raise ValueError
    return Network(layers, whole, scheme=scheme or "cpu"), values  # its layers have no loops for a card


def _end(layers: list[Layer]) -> None:
    """Cut the pivot off the last dense layer."""
    for layer in reversed(layers):
        if isinstance(layer, BoundedActivation | Thinning):
            layer.pivot = False
        if isinstance(layer, PivotDense):
            layer.last = True
            return


def save(network: Network, path: Path | str, *, text: bool = False) -> None:
    """Write a network as CIANNA does, binary or text (6 digits).

    Networks from `load` are written as they were. Ours are written so that they give the same outputs there,
    without input scaling and dropout: a neuron that is always 1 carries the biases of the next dense layer past
    CIANNA's dead pivot.

    Raises
    ------
    InputError
        If CIANNA has no counterpart of a layer, or the place cannot be written.
    """
    network = as_cianna(network)
    axes = len(network.input_shape) - 1
    dimensions = [*reversed(network.input_shape[1:]), *[1] * (3 - axes), network.input_shape[0]]
    parts = [struct.pack("<4i", *dimensions)] if not text else ["{}x{}x{}x{}\n".format(*dimensions).encode()]
    layers = network.layers
    for i, layer in enumerate(layers):
        if not isinstance(layer, BiasedConvolution | MaxPooling | AveragePooling | GroupNormalization | PivotDense):
            continue
        rate, name = 0.0, "LIN"
        for after in layers[i + 1 : i + 3]:
            if isinstance(after, Thinning):
                rate = after.rate
            elif isinstance(after, BoundedActivation):
                name = f"{after.function}_S{after.a:.2f}_{'L' if after.function == 'RELU' else 'B'}{after.b:.2f}"
            elif isinstance(after, Softmax):
                name = "SMAX"
            else:
                break
        letter, fields, weights = _describe(layer, axes, rate, name)
        if text:
            rows = "".join("".join(f"{value:g} " for value in row) + "\n" for row in weights)
            parts.append((_FORMS[letter].format(*fields) + "\n" + rows + "\n").encode())
        else:
            packed = [field.encode() if isinstance(field, str) else field for field in fields]
            parts += [letter.encode(), struct.pack(_STRUCTS[letter], *packed), weights.astype("<f4").tobytes()]
    try:
        with replacing(path) as place:
            place.write_bytes(b"".join(parts))
    except OSError as error:
        msg = f"{path} cannot be written ({error.strerror}); choose another place or make room"
        raise InputError(msg) from error


def _describe(layer: Layer, axes: int, rate: float, name: str) -> tuple[str, list[Any], np.ndarray]:
    """Letter, fields in the file's order, and rows of weights of a layer."""
    values = [parameter.value for parameter in layer.parameters]

    def three(numbers: tuple[int, ...]) -> list[int]:
        return list(reversed(numbers))

    if isinstance(layer, BiasedConvolution):
        image = [*three(layer.images[1:]), layer.images[0]]
        fields = [layer.filters, *three(values[0].shape[2:]), *three(layer.strides), *three(layer.pad), 0, 0, 0]
        weights = np.column_stack([values[0].reshape(layer.filters, -1), values[1]])
        return "C", [*fields, *image, rate, layer.bias_value, name], weights
    if isinstance(layer, GroupNormalization):
        return "N", ["GN", layer.shape[0] // layer.groups, 0, name], np.stack(values)
    if isinstance(layer, PivotDense):
        return "D", [layer.width, rate, layer.bias_value, name], values[0]
    assert isinstance(layer, MaxPooling | AveragePooling)
    geometry = [number for numbers in (layer.window, layer.strides, layer.pad) for number in three(numbers)]
    kind = "MAX" if isinstance(layer, MaxPooling) else "AVG"
    return "P", [*geometry, int(layer.size is None), rate, kind, name], np.empty((0, 0))
