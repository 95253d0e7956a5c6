"""Layers: what they give forward and backward is what the functions give, and they look like those of torch.nn."""

import copy
import doctest
import inspect
import pickle
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import tilepool as tp
from tilepool import nn

Array = np.ndarray[Any, Any]

rng = np.random.default_rng(0)

SLIDING = [
    ("MaxPool", (3,), {"stride": 2, "padding": 1}, tp.max_pool, tp.grad.max_pool),
    ("MaxPool", (2, 1, 0, 2), {"ceil_mode": True}, tp.max_pool, tp.grad.max_pool),
    ("MinPool", (3,), {"stride": 2, "padding": 1}, tp.min_pool, tp.grad.min_pool),
    ("AvgPool", (3,), {"stride": 2, "padding": 1, "count_include_pad": False}, tp.avg_pool, tp.grad.avg_pool),
    ("AvgPool", (2, 1, 1, True), {"divisor_override": 3, "dilation": 2}, tp.avg_pool, tp.grad.avg_pool),
    ("LPPool", (2, 3), {"stride": 2, "ceil_mode": True}, tp.lp_pool, tp.grad.lp_pool),
    ("LPPool", (3.0, 2), {"padding": 1, "dilation": 2}, tp.lp_pool, tp.grad.lp_pool),
    ("AdaptiveMaxPool", (3,), {}, tp.adaptive_max_pool, tp.grad.adaptive_max_pool),
    ("AdaptiveAvgPool", (3,), {}, tp.adaptive_avg_pool, tp.grad.adaptive_avg_pool),
]


def same(a: Array, b: Array) -> None:
    assert a.dtype == b.dtype
    assert a.shape == b.shape
    assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("batch", [(), (2,)])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("spatial", [1, 2, 3])
@pytest.mark.parametrize(("name", "arguments", "options", "function", "gradient"), SLIDING)
def test_layers_are_the_functions(
    name: str, arguments: tuple[Any, ...], options: dict[str, Any], function: Any, gradient: Any, spatial: int,
    last: bool, batch: tuple[int, ...], training: bool,
) -> None:  # fmt: skip
    """Also with ties, which there are in numbers from -2 to 2."""
    sizes = (7, 6, 5)[:spatial]
    x = rng.integers(-2, 3, (*batch, *sizes, 3) if last else (*batch, 3, *sizes)).astype(np.float32)
    axis = tuple(range(len(batch) + (not last), len(batch) + (not last) + spatial))
    layout = {"layout": "channels_last"} if last else {}
    layer = getattr(nn, f"{name}{spatial}d")(*arguments, **options, **layout).train(training)
    values = layer(x)
    same(values, function(x, *arguments, **options, axis=axis))
    g = rng.normal(size=values.shape)
    same(layer.backward(g), gradient(g, x, *arguments, **options, axis=axis))


def test_backward_is_of_the_last_call() -> None:
    layer = nn.MaxPool1d(2)
    first, second = np.array([[1.0, 2, 4, 3]]), np.array([[2.0, 1, 3, 4]])
    g = np.array([[1.0, 10]])
    layer(first)
    layer(second)
    assert layer.backward(g).tolist() == [[1, 0, 0, 10]]
    assert layer.backward(g).tolist() == [[1, 0, 0, 10]]
    layer.eval()
    layer(first)
    assert layer.backward(g).tolist() == [[0, 1, 10, 0]]


def test_training_spares_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """In training the indices of the call go to the gradient, as int32; in eval none, but those returned."""
    given: list[Any] = []
    monkeypatch.setattr(tp.grad, "max_pool", lambda g, x, *, indices=None, **options: given.append(indices))
    layer = nn.MaxPool2d(2)
    assert layer.training
    for mode in (True, False):
        assert (layer.train() if mode else layer.eval()) is layer
        assert layer.train(mode).training is mode
        layer(np.eye(4)[None])
        layer.backward(np.ones((1, 2, 2)))
    returns = nn.MaxPool2d(2, return_indices=True).eval()
    values, indices = returns(np.eye(4)[None])
    assert returns.forward(np.eye(4)[None])[1].dtype == indices.dtype == np.int64
    returns.backward(values)
    assert [None if found is None else found.dtype.name for found in given] == ["int32", None, "int64"]
    assert given[0].tolist() == given[2].tolist() == indices.tolist() == [[[0, 2], [8, 10]]]


@pytest.mark.parametrize("layer", [nn.MaxPool1d(2, 1, return_indices=True), nn.AdaptiveMaxPool1d(2, True)])
def test_return_indices(layer: nn.Layer) -> None:
    values, indices = layer(np.array([[3, 5, 5]]))
    assert values.tolist() == [[5, 5]]
    assert indices.tolist() == [[1, 1]]
    assert layer.backward(np.array([[1.0, 10]])).tolist() == [[0, 11, 0]]


def test_planes_beyond_int32_have_indices_of_int64(monkeypatch: pytest.MonkeyPatch) -> None:
    """An array broadcast from one cell has that many cells; the pooling of it is not run."""
    asked: list[Any] = []

    def max_pool(x: Any, *, index_dtype: Any, **options: Any) -> tuple[Any, Any]:
        asked.append(index_dtype)
        return x, None

    layer = nn.MaxPool2d(2)
    monkeypatch.setattr(nn.MaxPool2d, "_pools", staticmethod(max_pool))
    for columns in (2**16 - 1, 2**16):
        layer(np.broadcast_to(np.uint8(0), (1, 2**15, columns)))
    assert asked == ["int32", "int64"]


# What torch.nn of PyTorch 2.13 prints of the same calls.
REPRS = {
    "MaxPool2d(3, padding=1, stride=2)": "MaxPool2d(kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=False)",
    "MaxPool2d((3, 2))": "MaxPool2d(kernel_size=(3, 2), stride=(3, 2), padding=0, dilation=1, ceil_mode=False)",
    "MaxPool1d(3)": "MaxPool1d(kernel_size=3, stride=3, padding=0, dilation=1, ceil_mode=False)",
    "MaxPool3d(2, 1, 0, 2, True, True)": "MaxPool3d(kernel_size=2, stride=1, padding=0, dilation=2, ceil_mode=True)",
    "AvgPool1d(3)": "AvgPool1d(kernel_size=(3,), stride=(3,), padding=(0,))",
    "AvgPool1d(3, 2, 1)": "AvgPool1d(kernel_size=(3,), stride=(2,), padding=(1,))",
    "AvgPool2d(3)": "AvgPool2d(kernel_size=3, stride=3, padding=0)",
    "AvgPool3d(3, 2, 1, True, False, 5)": "AvgPool3d(kernel_size=3, stride=2, padding=1)",
    "LPPool1d(2, 3)": "LPPool1d(norm_type=2, kernel_size=3, stride=None, ceil_mode=False)",
    "LPPool2d(1.5, 3, 2)": "LPPool2d(norm_type=1.5, kernel_size=3, stride=2, ceil_mode=False)",
    "LPPool3d(2, 3, ceil_mode=True)": "LPPool3d(norm_type=2, kernel_size=3, stride=None, ceil_mode=True)",
    "AdaptiveMaxPool2d((5, None))": "AdaptiveMaxPool2d(output_size=(5, None))",
    "AdaptiveAvgPool3d(2)": "AdaptiveAvgPool3d(output_size=2)",
}
OWN_REPRS = {
    "AvgPool2d(2, dilation=2)": "AvgPool2d(kernel_size=2, stride=2, padding=0, dilation=2)",
    "LPPool1d(2, 3, padding=1, layout='channels_last')": (
        "LPPool1d(norm_type=2, kernel_size=3, stride=None, ceil_mode=False, layout='channels_last', padding=1)"
    ),
    "MinPool1d(2)": "MinPool1d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)",
}


@pytest.mark.parametrize(("call", "text"), [*REPRS.items(), *OWN_REPRS.items()])
def test_reprs(call: str, text: str) -> None:
    assert repr(eval(f"nn.{call}")) == text


def test_arguments_are_those_of_torch() -> None:
    """Names, order and defaults, where PyTorch is installed; what it does not have is by keyword only."""
    torch_nn = pytest.importorskip("torch.nn")
    compared = 0
    for name in nn.__all__:
        if theirs := getattr(torch_nn, name, None):
            ours = inspect.signature(getattr(nn, name)).parameters.values()
            positional = {each.name: each.default for each in ours if each.kind is each.POSITIONAL_OR_KEYWORD}
            if name == "AvgPool1d":
                assert positional.pop("divisor_override") is None
            assert positional == {each.name: each.default for each in inspect.signature(theirs).parameters.values()}
            compared += 1
    assert compared == 15


def test_signatures() -> None:
    assert list(inspect.signature(nn.MaxPool2d).parameters) == [
        "kernel_size", "stride", "padding", "dilation", "return_indices", "ceil_mode", "layout",
    ]  # fmt: skip
    assert list(inspect.signature(nn.LPPool1d).parameters)[:4] == ["norm_type", "kernel_size", "stride", "ceil_mode"]


def test_errors() -> None:
    layer = nn.MaxPool2d(2)
    with pytest.raises(
        RuntimeError, match=r"^backward must follow a call of the layer: MaxPool2d\(.*\) has pooled not"
    ):
        layer.backward(np.ones((1, 2, 2)))
    with pytest.raises(
        ValueError, match=r"^x must be \(channel, height, width\) or \(batch, channel, height, width\) "
    ):
        layer(np.ones((4, 4)))
    with pytest.raises(
        ValueError, match=r"^x must be \(length, channel\) or \(batch, length, channel\) for AvgPool1d\("
    ):
        nn.AvgPool1d(2, layout="channels_last")(np.ones(4))
    with pytest.raises(ValueError, match=r"^kernel_size must be positive, not 0"):
        nn.AvgPool3d(0)
    with pytest.raises(ValueError, match=r"^norm_type must be positive, not -1"):
        nn.LPPool2d(-1, 2)
    with pytest.raises(TypeError, match=r"^output_size must be .*, not 1\.5"):
        nn.AdaptiveAvgPool2d(1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^layout must be 'channels_first' or 'channels_last', not 'NHWC'"):
        nn.MaxPool2d(2, layout="NHWC")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^return_indices must be True or False, not 1"):
        nn.MaxPool2d(2, return_indices=1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^mode must be True or False, not 'eval'"):
        layer.train("eval")  # type: ignore[arg-type]
    with pytest.raises(
        ValueError, match=r"^g must have the shape of the result of the pooling, \(1, 2, 2\), not \(1, 4, 4\)"
    ):
        layer.backward(np.ones_like(layer(np.eye(4)[None]), shape=(1, 4, 4)))


@pytest.mark.parametrize("copied", [lambda layer: pickle.loads(pickle.dumps(layer)), copy.copy, copy.deepcopy])
def test_copies_are_new_layers(copied: Any) -> None:
    layer = nn.MaxPool2d((2, 1), return_indices=True, layout="channels_last").eval()
    layer(np.ones((4, 4, 3)))
    twin = copied(layer)
    assert repr(twin) == repr(layer)
    assert not twin.training
    assert len(pickle.dumps(twin)) < 500, "the array goes along"
    with pytest.raises(RuntimeError):
        twin.backward(np.ones((2, 4, 3)))
    assert twin(np.ones((4, 4, 3)))[1].shape == (2, 4, 3)


@pytest.mark.parametrize("name", nn.__all__)
def test_docstrings(name: str) -> None:
    layer = getattr(nn, name)
    assert layer.__module__ == "tilepool.nn"
    tests = doctest.DocTestFinder(recurse=False).find(layer, name, module=False, globs={})
    results = [doctest.DocTestRunner().run(test) for test in tests]
    assert sum(result.failed for result in results) == 0
    assert sum(result.attempted for result in results) >= 6 or name == "Layer"
    assert not re.search(r"%\(|[{]name", layer.__doc__)


def test_layers_are_loaded_when_they_are_named() -> None:
    code = """if True:
        import sys, tilepool
        assert "tilepool.nn" not in sys.modules
        assert "nn" in dir(tilepool)
        assert tilepool.nn.MaxPool2d(2).kernel_size == 2
        assert sys.modules["tilepool.nn"] is tilepool.nn
        assert not hasattr(tilepool, "layers")
    """
    subprocess.run([sys.executable, "-c", code], check=True)
