"""Reproduces the pooling chapter of a textbook, Dive into Deep Learning 7.5, and checks each of its results.

Chapter: https://d2l.ai/chapter_convolutional-neural-networks/pooling.html (Zhang, Lipton, Li and Smola).
Beside each call of tilepool, of a function and of a layer, stands the same call in the four frameworks. PyTorch and
MXNet keep the channels first, Flax and Keras last; tilepool takes both. No framework is needed to run this file, only
numpy.
"""

import numpy as np
import numpy.typing as npt

import tilepool as tp

Array = npt.NDArray[np.float32]

FRAMEWORKS = """\
The calls below assume these imports:

    tilepool   import tilepool as tp
    layer      the objects of tilepool.nn, which are called as those of PyTorch, on numpy arrays
    PyTorch    from torch import nn
    MXNet      from mxnet.gluon import nn
    Flax       from flax import linen as nn
    Keras      from keras import layers, ops"""


def step(title: str, result: Array, by_layer: Array, expected: npt.ArrayLike, **calls: str) -> None:
    """Print what is done, how each library says it, and the result, which must be what the chapter has, both ways."""
    print(f"\n{title}\n")
    for library, call in calls.items():
        print(f"    {library:<10} {call}")
    print(f"\n{result}  shape {result.shape}")
    assert result.dtype == np.float32, f"{title}: dtype {result.dtype}"
    for found in (result, by_layer):
        assert np.array_equal(found, np.array(expected)), f"{title}: the chapter has\n{np.array(expected)}"


def main() -> None:
    print(FRAMEWORKS)

    # ---- 7.5.1 Maximum pooling and average pooling -------------------------------------------------------------
    # A plain matrix has no batch and no channels, so `axis` names the two axes to pool. The frameworks want both.
    X: Array = np.arange(9, dtype=np.float32).reshape(3, 3)
    print("\n== Maximum pooling and average pooling: X is\n", X, sep="\n")

    step(
        "The largest value in each 2 x 2 window",
        tp.max_pool(X, 2, stride=1, axis=(0, 1)),
        tp.nn.MaxPool2d(2, stride=1)(X[None])[0],
        [[4, 5], [7, 8]],
        tilepool="tp.max_pool(X, 2, stride=1, axis=(0, 1))",
        layer="tp.nn.MaxPool2d(2, stride=1)(X[None])[0]",
        PyTorch="nn.MaxPool2d(2, stride=1)(X[None, None])",
        MXNet="nn.MaxPool2D(2, strides=1)(X[None, None])",
        Flax="nn.max_pool(X[None, :, :, None], (2, 2), strides=(1, 1))",
        Keras="layers.MaxPool2D(2, strides=1)(X[None, :, :, None])",
    )
    step(
        "The average of each 2 x 2 window",
        tp.avg_pool(X, 2, stride=1, axis=(0, 1)),
        tp.nn.AvgPool2d(2, stride=1)(X[None])[0],
        [[2, 3], [5, 6]],
        tilepool="tp.avg_pool(X, 2, stride=1, axis=(0, 1))",
        layer="tp.nn.AvgPool2d(2, stride=1)(X[None])[0]",
        PyTorch="nn.AvgPool2d(2, stride=1)(X[None, None])",
        MXNet="nn.AvgPool2D(2, strides=1)(X[None, None])",
        Flax="nn.avg_pool(X[None, :, :, None], (2, 2), strides=(1, 1))",
        Keras="layers.AveragePooling2D(2, strides=1)(X[None, :, :, None])",
    )

    # An edge detector gives 1 where white turns to black. Move the image by one pixel and the 1 moves along; after
    # 2 x 2 max pooling the old place still sees it.
    image = np.ones((6, 8), dtype=np.float32)
    image[:, 2:6] = 0
    moved = np.roll(image, 1, axis=1)
    edges, moved_edges = (np.ascontiguousarray(x[:, :-1] - x[:, 1:]) for x in (image, moved))
    print("\n== An edge that moves: one row of the edge detector, before and after the image moves by one pixel\n")
    print(edges[0], moved_edges[0], sep="\n")
    assert np.all(edges[:, 1] == 1)
    assert np.all(moved_edges[:, 1] == 0)  # without pooling, column 1 has lost the edge

    edge_calls = {
        "tilepool": "tp.max_pool(edges, 2, stride=1, axis=(0, 1))",
        "layer": "tp.nn.MaxPool2d(2, stride=1)(edges[None])[0]",
        "PyTorch": "nn.MaxPool2d(2, stride=1)(edges[None, None])",
        "MXNet": "nn.MaxPool2D(2, strides=1)(edges[None, None])",
        "Flax": "nn.max_pool(edges[None, :, :, None], (2, 2), strides=(1, 1))",
        "Keras": "layers.MaxPool2D(2, strides=1)(edges[None, :, :, None])",
    }
    step(
        "2 x 2 max pooling sees the edge in columns 0 and 1 ...",
        tp.max_pool(edges, 2, stride=1, axis=(0, 1)),
        tp.nn.MaxPool2d(2, stride=1)(edges[None])[0],
        [[1, 1, 0, 0, 0, 0]] * 5,
        **edge_calls,
    )
    step(
        "... and still sees it in column 1 when it has moved by one pixel",
        tp.max_pool(moved_edges, 2, stride=1, axis=(0, 1)),
        tp.nn.MaxPool2d(2, stride=1)(moved_edges[None])[0],
        [[0, 1, 1, 0, 0, 0]] * 5,
        **{library: call.replace("edges", "moved_edges") for library, call in edge_calls.items()},
    )

    # ---- 7.5.2 Padding and stride ------------------------------------------------------------------------------
    # One image with one channel, in both layouts: X has the channels first, X_last has them last.
    X = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
    X_last = X.reshape(1, 4, 4, 1)
    print("\n== Padding and stride: X is 1 x 1 x 4 x 4, X_last the same as 1 x 4 x 4 x 1\n", X, sep="\n")

    step(
        "Window 3 x 3; the stride is that of the window where none is given (Flax has 1 instead)",
        tp.max_pool(X, 3),
        tp.nn.MaxPool2d(3)(X),
        [[[[10]]]],
        tilepool="tp.max_pool(X, 3)",
        layer="tp.nn.MaxPool2d(3)(X)",
        PyTorch="nn.MaxPool2d(3)(X)",
        MXNet="nn.MaxPool2D(3)(X)",
    )
    step(
        "The same, channels last",
        tp.max_pool(X_last, 3, layout="channels_last"),
        tp.nn.MaxPool2d(3, layout="channels_last")(X_last),
        [[[[10]]]],
        tilepool='tp.max_pool(X_last, 3, layout="channels_last")',
        layer='tp.nn.MaxPool2d(3, layout="channels_last")(X_last)',
        Flax="nn.max_pool(X_last, (3, 3), strides=(3, 3))",
        Keras="layers.MaxPool2D(3)(X_last)",
    )

    step(
        "Window 3 x 3, stride 2, one cell of padding on every side",
        tp.max_pool(X, 3, stride=2, padding=1),
        tp.nn.MaxPool2d(3, stride=2, padding=1)(X),
        [[[[5, 7], [13, 15]]]],
        tilepool="tp.max_pool(X, 3, stride=2, padding=1)",
        layer="tp.nn.MaxPool2d(3, stride=2, padding=1)(X)",
        PyTorch="nn.MaxPool2d(3, stride=2, padding=1)(X)",
        MXNet="nn.MaxPool2D(3, strides=2, padding=1)(X)",
    )
    # Here the chapter pads only above and to the left: the last row and column of padding were never looked at.
    # Keras pads no amount of one's choice, so the zeros come from ops.pad (they would win over negative values).
    step(
        "The same, channels last, with one cell of padding above and to the left only",
        tp.max_pool(X_last, 3, stride=2, padding=((1, 0), (1, 0)), layout="channels_last"),
        tp.nn.MaxPool2d(3, stride=2, padding=((1, 0), (1, 0)), layout="channels_last")(X_last),
        [[[[5], [7]], [[13], [15]]]],
        tilepool='tp.max_pool(X_last, 3, stride=2, padding=((1, 0), (1, 0)), layout="channels_last")',
        layer='tp.nn.MaxPool2d(3, stride=2, padding=((1, 0), (1, 0)), layout="channels_last")(X_last)',
        Flax="nn.max_pool(X_last, (3, 3), strides=(2, 2), padding=((1, 0), (1, 0)))",
        Keras="layers.MaxPool2D(3, strides=2)(ops.pad(X_last, ((0, 0), (1, 0), (1, 0), (0, 0))))",
    )

    step(
        "Window 2 x 3, stride 2 x 3, padding to the left and right only",
        tp.max_pool(X, (2, 3), stride=(2, 3), padding=(0, 1)),
        tp.nn.MaxPool2d((2, 3), stride=(2, 3), padding=(0, 1))(X),
        [[[[5, 7], [13, 15]]]],
        tilepool="tp.max_pool(X, (2, 3), stride=(2, 3), padding=(0, 1))",
        layer="tp.nn.MaxPool2d((2, 3), stride=(2, 3), padding=(0, 1))(X)",
        PyTorch="nn.MaxPool2d((2, 3), stride=(2, 3), padding=(0, 1))(X)",
        MXNet="nn.MaxPool2D((2, 3), strides=(2, 3), padding=(0, 1))(X)",
    )
    step(
        "The same, channels last",
        tp.max_pool(X_last, (2, 3), stride=(2, 3), padding=((0, 0), (1, 1)), layout="channels_last"),
        tp.nn.MaxPool2d((2, 3), stride=(2, 3), padding=((0, 0), (1, 1)), layout="channels_last")(X_last),
        [[[[5], [7]], [[13], [15]]]],
        tilepool='tp.max_pool(X_last, (2, 3), stride=(2, 3), padding=((0, 0), (1, 1)), layout="channels_last")',
        layer='tp.nn.MaxPool2d((2, 3), stride=(2, 3), padding=((0, 0), (1, 1)), layout="channels_last")(X_last)',
        Flax="nn.max_pool(X_last, (2, 3), strides=(2, 3), padding=((0, 0), (1, 1)))",
        Keras="layers.MaxPool2D((2, 3), strides=(2, 3))(ops.pad(X_last, ((0, 0), (0, 0), (1, 1), (0, 0))))",
    )

    # ---- 7.5.3 Multiple channels -------------------------------------------------------------------------------
    # Each channel is pooled on its own: two channels in, two channels out.
    X = np.concatenate((X, X + 1), axis=1)
    X_last = np.concatenate((X_last, X_last + 1), axis=3)
    print("\n== Multiple channels: X and X + 1 as the two channels of one image\n", X, sep="\n")

    step(
        "Window 3 x 3, stride 2, padding 1",
        tp.max_pool(X, 3, stride=2, padding=1),
        tp.nn.MaxPool2d(3, stride=2, padding=1)(X),
        [[[[5, 7], [13, 15]], [[6, 8], [14, 16]]]],
        tilepool="tp.max_pool(X, 3, stride=2, padding=1)",
        layer="tp.nn.MaxPool2d(3, stride=2, padding=1)(X)",
        PyTorch="nn.MaxPool2d(3, stride=2, padding=1)(X)",
        MXNet="nn.MaxPool2D(3, strides=2, padding=1)(X)",
    )
    step(
        "The same, channels last: the two channels lie side by side in each cell",
        tp.max_pool(X_last, 3, stride=2, padding=((1, 0), (1, 0)), layout="channels_last"),
        tp.nn.MaxPool2d(3, stride=2, padding=((1, 0), (1, 0)), layout="channels_last")(X_last),
        [[[[5, 6], [7, 8]], [[13, 14], [15, 16]]]],
        tilepool='tp.max_pool(X_last, 3, stride=2, padding=((1, 0), (1, 0)), layout="channels_last")',
        layer='tp.nn.MaxPool2d(3, stride=2, padding=((1, 0), (1, 0)), layout="channels_last")(X_last)',
        Flax="nn.max_pool(X_last, (3, 3), strides=(2, 2), padding=((1, 0), (1, 0)))",
        Keras="layers.MaxPool2D(3, strides=2)(ops.pad(X_last, ((0, 0), (1, 0), (1, 0), (0, 0))))",
    )

    print("\nAll results match the chapter.")


if __name__ == "__main__":
    main()
