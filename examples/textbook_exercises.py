"""Works out the exercises of the pooling chapter of a textbook, Dive into Deep Learning 7.5, and checks each answer.

Chapter: https://d2l.ai/chapter_convolutional-neural-networks/pooling.html (Zhang, Lipton, Li and Smola). The numbers
are those of its exercises. Convolutions, ReLU and softmax are written here in numpy; tilepool pools.
"""

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt

import tilepool as tp

Array = npt.NDArray[Any]

rng = np.random.default_rng(7)


def convolve(x: Array, kernel: Array, stride: tuple[int, int] = (1, 1)) -> Array:
    """What networks call a convolution: x is c x h x w, kernel d x c x p_h x p_w, the result has d channels."""
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[2:], axis=(1, 2))
    result: Array = np.einsum("chwij,dcij->dhw", windows[:, :: stride[0], :: stride[1]], kernel)
    return result


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


def average_pooling_is_a_convolution() -> None:
    print("\n1. Average pooling is a convolution\n")
    c, p_h, p_w = 3, 2, 4
    X = rng.integers(-50, 50, (c, 8, 12)).astype(float)  # whole numbers, and eighths of them: nothing is rounded
    kernel = np.zeros((c, c, p_h, p_w))
    for channel in range(c):
        kernel[channel, channel] = 1 / (p_h * p_w)  # channels are not mixed
    by_convolution = convolve(X, kernel, (p_h, p_w))
    by_pooling = tp.avg_pool(X, (p_h, p_w), axis=(1, 2))
    assert np.array_equal(by_convolution, by_pooling)
    print(f"The kernel of channel i is 1 / {p_h * p_w} on a {p_h} x {p_w} window of channel i, and 0 on all others;")
    print("the stride is that of the pooling. Channel 0 by convolution and by tp.avg_pool:\n")
    print(by_convolution[0], by_pooling[0], sep="\n\n")


def max_pooling_is_no_convolution() -> None:
    print("\n2. Max pooling is no convolution\n")
    x, y = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    apart = tp.max_pool(x, 2, axis=0) + tp.max_pool(y, 2, axis=0)
    together = tp.max_pool(x + y, 2, axis=0)
    assert apart.tolist() == [2]
    assert together.tolist() == [1]
    print("A convolution is linear: that of x + y is that of x plus that of y. One pair of inputs shows that the")
    print(f"maximum is not: x = {x} and y = {y} have the maxima 1 and 1, and x + y = {x + y} has 1, not 2.")
    averages = tp.avg_pool(x, 2, axis=0) + tp.avg_pool(y, 2, axis=0)
    assert np.array_equal(averages, tp.avg_pool(x + y, 2, axis=0))  # the average is linear
    print("A bias does not help: the maximum of zeros is 0, so the bias would have to be 0.")


def max_pool_by_relu(x: Array, window: tuple[int, int]) -> tuple[Array, list[tuple[int, ...]]]:
    """Max pooling (stride 1) of an h x w image by convolutions and ReLUs alone, and the shapes of the kernels.

    Between layers, three channels that ReLU leaves as they are stand for one value:

        max(a, b) = relu(b - a) + relu(a) - relu(-a)

    A layer takes the maximum of two values of the layer before, `step` cells apart. Windows grow from 1 to 2, 3 or 4,
    5 to 8 ... cells, because the two halves of a window may overlap in a maximum.
    """
    value = np.array([1.0])  # how the channels add up to the value
    kernels: list[tuple[int, ...]] = []
    x = x[None]
    for axis, size in enumerate(window):
        reach = 1
        while reach < size:
            step = min(reach, size - reach)
            extent = (step + 1, 1) if axis == 0 else (1, step + 1)
            kernel = np.zeros((3, len(value), *extent))
            kernel[:, :, 0, 0] = np.outer([-1, 1, -1], value)  # a, for each of the three channels
            kernel[:, :, -1, -1] = np.outer([1, 0, 0], value)  # b
            x = relu(convolve(x, kernel))
            kernels.append(kernel.shape)
            value = np.array([1.0, 1, -1])
            reach += step
    kernel = value.reshape(1, -1, 1, 1)
    kernels.append(kernel.shape)
    return convolve(x, kernel)[0], kernels


def max_pooling_by_relu() -> None:
    print("\n3. Max pooling by ReLU\n")
    numbers = np.arange(-3.0, 4)
    a, b = np.meshgrid(numbers, numbers)
    assert np.array_equal(np.maximum(a, b), a + relu(b - a))
    assert np.array_equal(np.maximum(a, b), relu(a) - relu(-a) + relu(b - a))
    print("(a) max(a, b) = a + relu(b - a), and a = relu(a) - relu(-a) where a itself has to pass through a ReLU.\n")
    print("(b) So a convolution to 3 channels and a ReLU take the maximum of two neighbours; the next convolution adds")
    print("    the channels up and takes the next maximum, and a last one of 1 x 1 adds up the result.\n")
    print("(c) For one channel of input (with c of them, c times as many channels, which do not mix):\n")
    X = rng.integers(-99, 100, (9, 11)).astype(float)
    for window, layers in {(2, 2): 2, (3, 3): 4, (1, 5): 3, (4, 7): 5}.items():
        by_relu, kernels = max_pool_by_relu(X, window)
        assert np.array_equal(by_relu, tp.max_pool(X, window, stride=1, axis=(0, 1)))
        assert len(kernels) == layers + 1
        assert [shape[0] for shape in kernels] == [3] * layers + [1]
        assert layers == sum((size - 1).bit_length() for size in window)  # logarithms to base 2, rounded up
        shapes = ", ".join(f"{d}<-{c} of {p_h}x{p_w}" for d, c, p_h, p_w in kernels)
        print(
            f"    {window[0]} x {window[1]}: {layers} layers of 3 channels with ReLU, then a 1 x 1 convolution; kernels"
        )
        print(f"           {shapes}")
    print(
        "\n    In general log2 of the height and log2 of the width, each rounded up, layers of 3 channels. For inputs"
    )
    print("    that are not negative, relu(-a) is 0 and 2 channels are enough.")
    print("    On floats this is no max pooling: b - a is rounded, and infinity - infinity is NaN.")
    a, b = np.float32(-1e8), np.float32(1)
    assert np.maximum(a, b) == 1
    assert a + np.maximum(b - a, 0) == 0
    print("    In float32, a + relu(b - a) of -1e8 and 1 is 0.")


def cost_of_pooling() -> None:
    print("\n4. The cost of a pooling layer\n")
    c, h, w, (p_h, p_w), (s_h, s_w), (pad_h, pad_w) = 64, 112, 112, (3, 3), (2, 2), (1, 1)
    out_h, out_w = (h + 2 * pad_h - p_h) // s_h + 1, (w + 2 * pad_w - p_w) // s_w + 1
    layer = tp.cost((c, h, w), (p_h, p_w), (s_h, s_w), (pad_h, pad_w), axis=(1, 2))
    assert layer.output_shape == (c, out_h, out_w)
    print("Outputs per channel: (h + 2 pad_h - p_h) // s_h + 1 times the same of the width. Each combines p_h * p_w")
    print("values, p_h * p_w - 1 times two of them. Windows that reach into the padding have fewer.\n")
    print(f"c x h x w = {c} x {h} x {w}, window {p_h} x {p_w}, stride {s_h} x {s_w}, padding {pad_h} x {pad_w}:\n")
    most = c * out_h * out_w * (p_h * p_w - 1)
    convolution = c * c * out_h * out_w * p_h * p_w
    print(f"    c * out_h * out_w * (p_h * p_w - 1)   {most:>12,}")
    print(f"    tp.cost, exact at the edges           {layer.operations:>12,}")
    print(f"    a convolution of c to c channels      {convolution:>12,}  multiplications, and as many additions")
    print(f"    bytes read and written, float32       {layer.bytes_read + layer.bytes_written:>12,}\n")
    # The sum of ones is the number of taps inside the image.
    taps = tp.sum_pool(np.ones((h, w), np.int64), (p_h, p_w), (s_h, s_w), (pad_h, pad_w), axis=(0, 1))
    assert layer.operations == c * int(np.sum(taps - 1)) <= most
    print(f"About {layer.operations / (c * h * w):.1f} comparisons for each cell read: what costs time is the memory.")
    for (p_h, p_w), (s_h, s_w) in itertools.product([(2, 2), (1, 5), (4, 3)], [(1, 1), (2, 3)]):
        out_h, out_w = (h - p_h) // s_h + 1, (w - p_w) // s_w + 1
        without_padding = tp.cost((c, h, w), (p_h, p_w), (s_h, s_w), axis=(1, 2))
        assert without_padding.operations == c * out_h * out_w * (p_h * p_w - 1)


def max_and_average_differ() -> None:
    print("\n5. Why max and average pooling work differently\n")
    dots, holes = np.zeros((4, 4)), np.ones((4, 4))
    dots[::2, ::2], holes[::2, ::2] = 1, 0
    for name, X, highest, mean in (("A dot in each window", dots, 1, 0.25), ("A hole in each window", holes, 1, 0.75)):
        maxima, averages = tp.max_pool(X, 2, axis=(0, 1)), tp.avg_pool(X, 2, axis=(0, 1))
        assert np.all(maxima == highest)
        assert np.all(averages == mean)
        print(f"{name:<21}  max {maxima[0, 0]:.2f}  average {averages[0, 0]:.2f}")
    image = rng.integers(0, 256, (8, 8)).astype(float)
    assert tp.avg_pool(image, 2, axis=(0, 1)).mean() == image.mean()
    assert tp.max_pool(image, 2, axis=(0, 1)).mean() > image.mean()
    print("\nThe maximum says whether something is there and forgets how much of it; it does not see the holes. The")
    print("average weighs all cells alike: it keeps the mean of the image and dilutes what is rare.")


def min_pooling() -> None:
    print("\n6. Min pooling is max pooling of the negative\n")
    X: Array = rng.normal(size=(6, 6))
    X[0, 0], X[5, 5] = -np.inf, np.inf
    smallest = tp.min_pool(X, 3, axis=(0, 1))
    assert np.array_equal(-tp.max_pool(-X, 3, axis=(0, 1)), smallest)
    assert np.array_equal(-tp.nn.MaxPool2d(3)(-X[None])[0], smallest)
    assert np.array_equal(tp.nn.MinPool2d(3)(X[None])[0], smallest)
    print("-tp.max_pool(-X, 3) equals tp.min_pool(X, 3) for floats, so no layer of its own is needed; tp.min_pool, and")
    print("tp.nn.MinPool2d as a layer, save the two passes over memory.")
    print("Integers have numbers without a negative; there, turn the bits around instead:\n")
    lowest, highest = np.iinfo(np.int32).min, np.iinfo(np.int32).max
    edges: list[Any] = [np.array([lowest, 0, 5, highest], np.int32), np.array([0, 1, 2, 255], np.uint8)]
    for X in edges:
        smallest = tp.min_pool(X, 2, axis=0)
        negated, flipped = -tp.max_pool(-X, 2, axis=0), ~tp.max_pool(~X, 2, axis=0)
        assert np.array_equal(flipped, smallest)
        assert not np.array_equal(negated, smallest)
        print(f"    {X.dtype} {X}: minima {smallest}, ~max(~X) {flipped}, -max(-X) {negated}")


def softmax_pool(x: Array, size: int, sharpness: float) -> Array:
    """The average of each window weighted by softmax(sharpness * cells), of an h x w image, without overlap."""
    cells = np.lib.stride_tricks.sliding_window_view(x, (size, size))[::size, ::size].reshape(-1, size * size)
    weights = np.exp(sharpness * (cells - cells.max(axis=1, keepdims=True)))  # the largest is 1: nothing overflows
    means: Array = np.sum(weights * cells, axis=1) / np.sum(weights, axis=1)
    return means.reshape(x.shape[0] // size, x.shape[1] // size)


def softmax_pooling() -> None:
    print("\n7. Softmax pooling\n")
    X, taps = rng.normal(size=(6, 6)), 9
    average, largest = tp.avg_pool(X, 3, axis=(0, 1)), tp.max_pool(X, 3, axis=(0, 1))
    rounding = 1e-12
    before = average - rounding
    print("Weights softmax(t * cells): t = 0 gives the average, and the larger t, the nearer the maximum.\n")
    print(f"    {'average':<10} {average[0]}")
    for t in (0.0, 1.0, 4.0, 16.0, 1e3, 1e6):
        soft = softmax_pool(X, 3, t)
        assert np.all(soft >= before)  # it grows with t: its derivative is the variance under these weights
        assert np.all(soft <= largest + rounding)
        if t == 0:
            assert np.allclose(soft, average, rtol=0, atol=rounding)
        else:
            assert np.allclose(soft, tp.softmax_pool(X, 3, axis=(0, 1), temperature=1 / t), rtol=1e-12)
            # d * exp(-t * d) <= 1 / (e * t) for each cell that is smaller by d
            assert np.all(largest - soft <= (taps - 1) / (np.e * t) + rounding)
        before = soft - rounding
        print(f"    t = {t:<6g} {soft[0]}")
    print(f"    {'maximum':<10} {largest[0]}\n")
    assert np.array_equal(softmax_pool(X * 1e6, 3, 1.0), largest * 1e6)  # stable, too
    layer = tp.cost((64, 112, 112), 3, axis=(1, 2))
    exponentials = layer.operations + int(np.prod(layer.output_shape))
    print(
        f"Why it is rare: an exponential for each tap ({exponentials:,} for 64 x 112 x 112 and 3 x 3 windows, each far"
    )
    print("more work than a comparison), and a result that depends on the scale of the numbers, so that t is one more")
    print("number to choose. Max and average pooling of 2 X are 2 times those of X; softmax pooling is not:")
    assert np.array_equal(tp.max_pool(2 * X, 3, axis=(0, 1)), 2 * largest)
    assert np.array_equal(tp.avg_pool(2 * X, 3, axis=(0, 1)), 2 * average)
    twice, scaled = softmax_pool(2 * X, 3, 1.0), 2 * softmax_pool(X, 3, 1.0)
    assert np.max(np.abs(twice - scaled)) > 0.1
    print(f"{twice[0, 0]:.4f} of 2 X, 2 times {scaled[0, 0] / 2:.4f} of X.")


def main() -> None:
    np.set_printoptions(precision=4, suppress=True)
    average_pooling_is_a_convolution()
    max_pooling_is_no_convolution()
    max_pooling_by_relu()
    cost_of_pooling()
    max_and_average_differ()
    min_pooling()
    softmax_pooling()
    print("\nAll answers hold.")


if __name__ == "__main__":
    main()
