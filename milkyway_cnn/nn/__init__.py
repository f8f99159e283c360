"""A small neural network framework on Numba and BLAS; it knows no astronomy.

>>> net = nn.Network("C5x5.8-P2-D256-D10", input_shape=(1, 28, 28), seed=0)
>>> net.step(x, target, loss=nn.SquaredError(), optimizer=nn.SGD(momentum=0.9), rate=1e-3)
>>> net.predict(x)

A network is a list of layers (`layer` says what a layer is, one file each), all arithmetic goes through a compute
scheme (`scheme`), `fit` trains by the epoch with what `Batches` makes of arrays and stores, `file` is what is on disk.
"""

from milkyway_cnn.nn import cianna
from milkyway_cnn.nn.activation import LeakyReLU, Logistic, Softmax
from milkyway_cnn.nn.batches import Batches
from milkyway_cnn.nn.convolution import Convolution
from milkyway_cnn.nn.dense import Dense
from milkyway_cnn.nn.dropout import Dropout
from milkyway_cnn.nn.fit import Record, fit
from milkyway_cnn.nn.loss import AbsoluteError, CrossEntropy, GaussianNLL, SquaredError
from milkyway_cnn.nn.network import Network
from milkyway_cnn.nn.normalization import BatchNormalization, GroupNormalization
from milkyway_cnn.nn.optimizer import SGD, AdamW
from milkyway_cnn.nn.pooling import AveragePooling, MaxPooling
from milkyway_cnn.nn.prefetch import prefetch
from milkyway_cnn.nn.scaling import Scaling
from milkyway_cnn.nn.schedule import Cosine, ExponentialDecay
from milkyway_cnn.nn.scheme import use

__all__ = [
    "SGD",
    "AbsoluteError",
    "AdamW",
    "AveragePooling",
    "BatchNormalization",
    "Batches",
    "Convolution",
    "Cosine",
    "CrossEntropy",
    "Dense",
    "Dropout",
    "ExponentialDecay",
    "GaussianNLL",
    "GroupNormalization",
    "LeakyReLU",
    "Logistic",
    "MaxPooling",
    "Network",
    "Record",
    "Scaling",
    "Softmax",
    "SquaredError",
    "cianna",
    "fit",
    "prefetch",
    "use",
]
