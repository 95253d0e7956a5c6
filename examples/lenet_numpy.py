"""Trains LeNet on handwritten digits in numpy, pooled by tilepool, forward and backward, and draws what pooling keeps.

LeNet-5 (LeCun, Bottou, Bengio and Haffner 1998) as textbooks have it, see
https://d2l.ai/chapter_convolutional-neural-networks/lenet.html: two convolutions, each with a pooling behind it, and
three dense layers. It was made for 28 x 28 pixels; the digits that come with scikit-learn have 8 x 8. So kernels have
3 x 3 taps instead of 5 x 5, with a padding of 1: planes have 8 x 8 cells, 4 x 4 after the first pooling, and 2 x 2
after the second. ReLU instead of the sigmoid learns faster. The first pooling takes maxima of windows that overlap,
the second averages, as in 1998. Needs scikit-learn and matplotlib, which are in the extra `examples`.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

import tilepool as tp

try:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from sklearn.datasets import load_digits
except ImportError as error:
    sys.exit(f"{error}. This example needs scikit-learn and matplotlib: pip install scikit-learn matplotlib")

Array = npt.NDArray[Any]

rng = np.random.default_rng(0)


class Layer(Protocol):
    """What every layer does, those of tilepool.nn as well."""

    def forward(self, x: Array) -> Array: ...

    def backward(self, g: Array) -> Array:
        """From the gradient with respect to the layer's result, that with respect to its input."""


class Weighted:
    """A layer that learns: its weights and bias, and how the loss changes with them."""

    def __init__(self, *shape: int) -> None:
        inputs = np.prod(shape[1:])
        self.weights: Array = rng.normal(0, np.sqrt(2 / inputs), shape)  # He et al. 2015: keeps the variance under ReLU
        self.bias: Array = np.full(shape[0], 0.01)  # not 0, where ReLU has a kink: the pictures' edges are blank
        self.gradients: tuple[Array, Array] = (np.zeros(0), np.zeros(0))

    def parameters(self) -> tuple[Array, Array]:
        return self.weights, self.bias


class Convolution(Weighted):
    """Kernels of 3 x 3 over x, n x c x h x w with one cell of padding; the result has d channels."""

    def __init__(self, channels: int, d: int) -> None:
        super().__init__(d, channels, 3, 3)

    def forward(self, x: Array) -> Array:
        self.windows = windows(x)
        sums: Array = np.einsum("nchwij,dcij->ndhw", self.windows, self.weights, optimize=True)
        return sums + self.bias[:, None, None]

    def backward(self, g: Array) -> Array:
        self.gradients = np.einsum("ndhw,nchwij->dcij", g, self.windows, optimize=True), g.sum((0, 2, 3))
        turned = self.weights[:, :, ::-1, ::-1]  # a cell is under the last tap of the first window that sees it
        result: Array = np.einsum("ndhwij,dcij->nchw", windows(g), turned, optimize=True)
        return result


def windows(x: Array) -> Array:
    """The 3 x 3 window around each cell of x, n x c x h x w, as n x c x h x w x 3 x 3."""
    return sliding_window_view(np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))), (3, 3), axis=(2, 3))


class Dense(Weighted):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(outputs, inputs)

    def forward(self, x: Array) -> Array:
        self.x = x
        result: Array = x @ self.weights.T + self.bias
        return result

    def backward(self, g: Array) -> Array:
        self.gradients = g.T @ self.x, g.sum(0)
        result: Array = g @ self.weights
        return result


class ReLU:
    def forward(self, x: Array) -> Array:
        self.passes = x > 0
        return np.maximum(x, 0)

    def backward(self, g: Array) -> Array:
        return g * self.passes


class Flatten:
    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, g: Array) -> Array:
        return g.reshape(self.shape)


def lenet() -> list[Layer]:
    return [
        Convolution(1, 6), ReLU(), tp.nn.MaxPool2d(3, stride=2, padding=1),
        Convolution(6, 16), ReLU(), tp.nn.AvgPool2d(2),
        Flatten(), Dense(64, 120), ReLU(), Dense(120, 84), ReLU(), Dense(84, 10),
    ]  # fmt: skip


def forward(network: list[Layer], x: Array) -> Array:
    for layer in network:
        x = layer.forward(x)
    return x


def loss_of(network: list[Layer], x: Array, labels: Array) -> tuple[float, Array]:
    """The cross entropy of the digits that the network sees in x, and its gradient with respect to the scores."""
    scores = forward(network, x)
    scores = scores - scores.max(1, keepdims=True)
    logarithms = scores - np.log(np.exp(scores).sum(1, keepdims=True))
    chosen = np.arange(len(x)), labels
    g = np.exp(logarithms)
    g[chosen] -= 1
    return -float(logarithms[chosen].mean()), g / len(x)


def backward(network: list[Layer], g: Array) -> Array:
    for layer in reversed(network):
        g = layer.backward(g)
    return g


def check_gradient(network: list[Layer], x: Array, labels: Array) -> None:
    """Move all weights a little along their gradients: the loss must change as backward says."""
    _, g = loss_of(network, x, labels)
    backward(network, g)
    learning = [layer for layer in network if isinstance(layer, Weighted)]
    said = sum(float(np.sum(gradient**2)) for layer in learning for gradient in layer.gradients)
    losses, step = [], 1e-6
    for sign in (1, -2, 1):  # ahead, behind, and back to where they were
        for layer in learning:
            for parameter, gradient in zip(layer.parameters(), layer.gradients, strict=True):
                parameter += sign * step * gradient
        losses.append(loss_of(network, x, labels)[0])
    measured = (losses[0] - losses[1]) / (2 * step)
    print(f"Slope of the loss along its gradient: backward says {said:.6f}, measured {measured:.6f}")
    assert abs(measured - said) < 1e-4 * said


def train(network: list[Layer], x: Array, labels: Array, rate: float) -> list[float]:
    """One epoch of stochastic gradient descent, 32 digits at a time: the losses."""
    losses = []
    for batch in np.array_split(rng.permutation(len(x)), len(x) // 32):
        loss, g = loss_of(network, x[batch], labels[batch])
        backward(network, g)
        losses.append(loss)
        for layer in network:
            if isinstance(layer, Weighted):
                for parameter, gradient in zip(layer.parameters(), layer.gradients, strict=True):
                    parameter -= rate * gradient
    return losses


def accuracy(network: list[Layer], x: Array, labels: Array) -> float:
    pools = [layer for layer in network if isinstance(layer, tp.nn.Layer)]
    for pool in pools:
        pool.eval()  # nothing has to be found again
    share = float(np.mean(forward(network, x).argmax(1) == labels))
    for pool in pools:
        pool.train()
    return share


def draw(network: list[Layer], digit: Array, label: int, losses: Array, accuracies: list[float]) -> Figure:
    """The course of the training, a digit, and what the first pooling makes of its maps, forward and backward."""
    scores = forward(network, digit)
    maps = network[1].forward(network[0].forward(digit))
    pool = tp.nn.MaxPool2d(3, stride=2, padding=1, return_indices=True)
    pooled, found = pool(maps)
    g = np.eye(10)[[label]]  # of the score of this digit
    for layer in reversed(network[3:]):
        g = layer.backward(g)
    back = pool.backward(g)

    figure = Figure(figsize=(15, 6.8), layout="constrained")
    halves: Any = figure.subfigures(1, 2, width_ratios=(3.6, 6))
    left, right = halves
    curve, picture = left.subplots(2, 1, height_ratios=(3, 2))
    epochs = len(losses)
    curve.semilogy(np.linspace(0, epochs, losses.size), losses.ravel(), "#9db7d5", lw=0.8, label="of a batch of 32")
    curve.semilogy(np.arange(epochs) + 0.5, losses.mean(1), "#1f4e8c", marker="o", ms=3, label="of an epoch")
    curve.set(xlabel="epochs", ylabel="loss", title=f"Training: {accuracies[-1]:.1%} of the test digits are right")
    curve.xaxis.get_major_locator().set_params(integer=True)
    curve.legend(loc="lower left")
    curve.grid(alpha=0.3)
    show(picture, digit[0, 0])
    picture.set_title(f"A test digit: {label}, read as {scores.argmax()}")

    rows: Any = right.subfigures(3, 1)
    titles = (
        "The six maps of the first convolution after ReLU, and where MaxPool2d(3, stride=2, padding=1) finds maxima",
        "The maps after pooling: 4 x 4 cells instead of 8 x 8",
        f"Backward: how much each cell of the maps counts for the score of {label} (red: for it, blue: against it)",
    )
    for row, title in zip(rows, titles, strict=True):
        row.suptitle(title, fontsize=11)
    most, steepest = float(maps.max()), float(np.abs(back).max())
    before, after, gradients = (row.subplots(1, 6) for row in rows)
    for channel in range(6):
        show(before[channel], maps[0, channel], most)
        cells, times = np.unique(found[0, channel], return_counts=True)
        before[channel].scatter(cells % 8, cells // 8, s=14.0 * times, c="#ff7f0e", edgecolor="black", linewidth=0.5)
        show(after[channel], pooled[0, channel], most)
        show(gradients[channel], back[0, channel], steepest, -steepest, "RdBu_r")
    return figure


def show(axes: Axes, image: Array, most: float | None = None, least: float = 0, colours: str = "gray") -> None:
    axes.imshow(image, cmap=colours, vmin=least, vmax=most, interpolation="nearest")
    axes.set(xticks=[], yticks=[])


def main() -> None:
    parser = argparse.ArgumentParser(description="Train LeNet on handwritten digits and draw what its pooling keeps.")
    default = Path("lenet_numpy.png")
    parser.add_argument("output", type=Path, nargs="?", default=default, help="PNG to write (%(default)s)")
    parser.add_argument("--epochs", type=int, default=30, help="how often all digits are seen (%(default)s)")
    arguments = parser.parse_args()

    digits = load_digits()
    x, labels = digits.images[:, None] / 16, digits.target  # n x 1 x 8 x 8, from 0 to 1
    order = rng.permutation(len(x))
    tested, learned = order[:360], order[360:]
    network = lenet()
    print(*(f"    {layer!r}" for layer in network if isinstance(layer, tp.nn.Layer)), sep="\n")
    check_gradient(network, x[learned[:32]], labels[learned[:32]])

    begin = time.perf_counter()
    losses, accuracies = [], []
    for epoch in range(arguments.epochs):
        losses.append(train(network, x[learned], labels[learned], rate=0.15 * 0.93**epoch))
        accuracies.append(accuracy(network, x[tested], labels[tested]))
        seconds = time.perf_counter() - begin
        print(f"epoch {epoch + 1:>2}: loss {np.mean(losses[-1]):.4f}, right {accuracies[-1]:.1%}, {seconds:.1f} s")
    print(f"{accuracies[-1]:.1%} of {len(tested)} digits that it has not seen are right.")
    first = tested[:1]
    draw(network, x[first], labels[first[0]], np.array(losses), accuracies).savefig(arguments.output, dpi=80)
    print(f"What the first pooling keeps: see {arguments.output}")


if __name__ == "__main__":
    main()
