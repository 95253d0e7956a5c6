"""Modules with the names of torch's, and models whose poolings are replaced. Runs where torch is installed."""

import copy
import doctest
import pickle
import re
from pathlib import Path
from typing import Any

import pytest

from agreement import differs, expected

torch: Any = pytest.importorskip("torch")
import tilepool.torch as ours  # noqa: E402 # where torch is
from tilepool.torch import replacing  # noqa: E402

nn, functional = torch.nn, torch.nn.functional
SHAPES = {1: (2, 3, 16), 2: (2, 3, 16, 15), 3: (2, 3, 8, 9, 7)}
ARGUMENTS: dict[str, list[dict[str, Any]]] = {
    "MaxPool": [
        {"kernel_size": 2},
        {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
        {"kernel_size": 2, "stride": 1, "dilation": 2, "return_indices": True},
    ],
    "AvgPool": [{"kernel_size": 2}, {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False}],
    "LPPool": [{"norm_type": 2, "kernel_size": 2}, {"norm_type": 4, "kernel_size": 3, "stride": 2}],
    "AdaptiveMaxPool": [{"output_size": 3}, {"output_size": 1, "return_indices": True}],
    "AdaptiveAvgPool": [{"output_size": 3}, {"output_size": 1}],
}
CASES = [
    (f"{name}{rank}d", SHAPES[rank], words) for name, each in ARGUMENTS.items() for words in each for rank in SHAPES
]


# What float32 may lose, as a share of the same results of magnitudes: 64 + log2(512) roundings of a sum of 512 taps at
# most, two of a quotient or a root, and as many again of the result that a gradient begins with.
LOST = 2 * (64 + 9 + 2) * 2.0**-24


def results_of(module: Any, x: Any) -> tuple[Any, ...]:
    result = module(x)
    return result if isinstance(result, tuple) else (result,)


def results_and_slope(module: Any, x: Any) -> tuple[Any, ...]:
    """What a module gives, and the gradient of the sum of its squares."""
    y = x.clone().requires_grad_()
    results = results_of(module, y)
    results[0].square().sum().backward()
    return *(result.detach() for result in results), y.grad


@pytest.mark.parametrize(("name", "shape", "words"), CASES)
def test_modules_of_torch(name: str, shape: tuple[int, ...], words: dict[str, Any]) -> None:
    """The same text, state, results and gradients, with and without a batch.

    Maxima, their indices and gradients are equal. Averages and norms are near those that torch has in float64: what is
    lost is a share of what the cells' magnitudes give, of which nothing is subtracted.
    """
    theirs, mine = getattr(nn, name)(**words), getattr(ours, name)(**words)
    assert repr(mine) == repr(theirs)
    assert isinstance(mine, getattr(nn, name))
    assert mine.state_dict() == theirs.state_dict() == {}
    assert repr(pickle.loads(pickle.dumps(mine))) == repr(theirs)
    x = torch.randn(shape)
    found = results_and_slope(mine, x)
    if "Max" in name:
        assert all(map(torch.equal, found, results_and_slope(theirs, x)))
    else:
        exact, most = (results_and_slope(theirs, numbers.double()) for numbers in (x, x.abs()))
        for result, value, bound in zip(found, exact, most, strict=True):
            assert ((result - value).abs() <= LOST * bound).all()
    assert all(torch.equal(one, all_[0]) for one, all_ in zip(results_of(mine, x[0]), results_of(mine, x), strict=True))


def test_unpooling_and_fractional_modules() -> None:
    for rank in (1, 2, 3):
        x = torch.randn(SHAPES[rank])
        values, indices = getattr(ours, f"MaxPool{rank}d")(2, return_indices=True)(x)
        mine, theirs = getattr(ours, f"MaxUnpool{rank}d")(2), getattr(nn, f"MaxUnpool{rank}d")(2)
        assert repr(mine) == repr(theirs)
        assert torch.equal(mine(values, indices, output_size=x.shape), theirs(values, indices, output_size=x.shape))
    for rank in (2, 3):
        x = torch.randn(SHAPES[rank]).requires_grad_()
        words: dict[str, Any] = {"kernel_size": 2, "output_ratio": 0.5, "return_indices": True}
        mine, theirs = (getattr(of, f"FractionalMaxPool{rank}d")(**words) for of in (ours, nn))
        assert repr(mine) == repr(theirs)
        values, indices = mine(x)
        assert values.shape == theirs(x)[0].shape
        assert torch.equal(x.flatten(2).gather(2, indices.flatten(2)).view(values.shape), values)
        values.sum().backward()
        assert x.grad.sum() == values.numel()
        with pytest.raises(TypeError, match="_random_samples must be None"):
            getattr(ours, f"FractionalMaxPool{rank}d")(2, 3, _random_samples=torch.rand(2, 3, rank))(x)


def test_modules_that_torch_does_not_have() -> None:
    x = torch.randn(2, 3, 9, 8)
    assert repr(ours.SoftPool2d(3, 2)) == "SoftPool2d(kernel_size=3, stride=2, padding=0, dilation=1, ceil_mode=False)"
    assert repr(ours.GeMPool2d(p=2)) == "GeMPool2d(p=2, eps=1e-06)"
    assert repr(ours.GeMPool2d(2)) == "GeMPool2d(kernel_size=2, stride=2, padding=0, p=3.0, eps=1e-06)"
    for module, op, kernel in ((ours.SoftPool2d(2), "softmax", 2), (ours.GeMPool2d(), "gem", (9, 8)),
                               (ours.GeMPool2d(2), "gem", 2)):  # fmt: skip
        values, _, bound = expected(op, x.numpy(), (2, 3), {"kernel_size": kernel})
        assert not differs(module(x).numpy(), values, bound).any(), module
    drawing = ours.StochasticPool2d(2)
    drawn = drawing(x)
    assert drawn.shape == (2, 3, 4, 4)
    assert torch.isin(drawn, torch.cat([x.flatten(), torch.zeros(1)])).all()
    drawing.eval()
    assert torch.equal(drawing(x), drawing(x))
    for module in (ours.SoftPool2d(2), ours.GeMPool2d(), drawing):
        with pytest.raises(NotImplementedError, match=r"pass x.detach\(\)"):
            module(x.clone().requires_grad_())


class Functional(nn.Module):
    """Calls of all kinds that torch.fx writes down in other ways."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.size, self.pool = nn.Conv2d(3, 4, 3), 2, nn.MaxPool2d(2)

    def forward(self, x: Any) -> Any:
        x = self.pool(self.convolution(x))
        x = functional.max_pool2d(functional.relu(x), self.size, stride=1, padding=1)
        parts = [
            functional.avg_pool2d(x, 2),
            functional.adaptive_avg_pool2d(x, (None, 3)),
            functional.max_pool2d(x, 2, return_indices=True)[0],
            functional.adaptive_max_pool2d(x, 3, return_indices=True)[0],
            torch.max_pool2d(x, 2),
            functional.max_pool1d(x.flatten(2), 3),
            functional.adaptive_avg_pool1d(x.flatten(2), 3),
        ]
        return torch.cat([part.flatten(1) for part in parts], 1)


class Branching(Functional):
    def forward(self, x: Any) -> Any:
        return functional.max_pool2d(x, 2) if x.sum() > 0 else x


class Dropping(Functional):
    def forward(self, x: Any) -> Any:
        return functional.dropout(functional.max_pool2d(x, 2), training=self.training)


class Unpooling(Functional):
    def forward(self, x: Any) -> Any:
        return functional.lp_pool2d(functional.max_pool2d(x, 2), 2, 2)


class Own(nn.MaxPool2d):
    pass


def near(found: Any, before: Any) -> None:
    """Results of `Functional` for 32 by 32 cells: maxima, and averages of numbers that are not negative.

    The largest windows have 86 of 16 * 16 cells in a line: each side is off by 85 additions and a division.
    """
    bound = 2 * (85 + 1) * 2.0**-24
    assert ((found - before).abs() <= bound * before).all()


def test_replace() -> None:
    model = nn.ModuleDict({
        "calls": Functional(),
        "branches": Branching(),
        "drops": Dropping(),
        "norms": Unpooling(),
        "odd": nn.LPPool2d(3, 2),
        "back": nn.MaxUnpool2d(2),
        "drawn": nn.FractionalMaxPool2d(2, 3),
        "own": Own(2),
        "ready": ours.MaxPool2d(2),
    })  # fmt: skip
    x = torch.randn(2, 3, 32, 32)
    before = model["calls"](x)
    report = ours.replace(model)
    pools = ("calls.pool", "branches.pool", "drops.pool", "norms.pool")
    assert dict.fromkeys(pools, "MaxPool2d").items() <= report.replaced.items()
    assert report.replaced.keys() - set(pools) == {"calls.forward"}
    assert report.replaced["calls.forward"].count("pool") == 8
    assert report.left == {
        "branches.forward": "torch.fx cannot follow it: symbolically traced variables cannot be used as inputs to "
        "control flow",
        "drops.forward": "it does other things in training",
        "norms.forward": replacing.NORMS,
        "odd": replacing.NORMS,
        "back": "torch is as fast",
        "drawn": "torch draws other windows for each image and channel",
        "own": "Own is a class of its own",
    }
    assert type(model["calls"].pool) is ours.MaxPool2d
    assert "odd: left, for torch takes no magnitudes of odd norms" in str(report)
    near(model["calls"](x), before)
    copied = copy.deepcopy(model)["calls"]
    assert copied.forward.__self__ is copied  # with its own weights
    compiled = torch.compile(model["calls"], fullgraph=True, backend="aot_eager")
    near(compiled(x), before)
    assert str(ours.replace(nn.Sequential(nn.ReLU()))) == "no poolings"


def test_replace_keeps_hooks_and_refuses_other_devices() -> None:
    model = nn.Sequential(nn.MaxPool2d(2))
    called = []
    model[0].register_forward_hook(lambda *_: called.append(1))
    ours.replace(model)
    model(torch.zeros(1, 1, 4, 4))
    assert called == [1]
    with pytest.raises(TypeError, match=r"model must be on the CPU, where tilepool is, not weight on meta"):
        ours.replace(nn.Conv2d(1, 1, 1, device="meta"))


def test_every_pooling_of_torch_has_its_module_and_function() -> None:
    names = {name for name in nn.modules.pooling.__all__ if not re.match("(Lazy|_)", name)}
    assert names == {kind.__name__ for kind in replacing.KINDS}
    assert names <= set(ours.__all__)
    functions = {f.__name__ for f in vars(ours.functional).values() if getattr(f, "__name__", "").endswith("d")}
    assert {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().replace("lppool", "lp_pool") for name in names} == {
        name for name in functions if hasattr(functional, name)
    }


def test_page_and_docstrings() -> None:
    page = Path(__file__).parents[1] / "docs" / "torch.md"
    results = doctest.testfile(str(page), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert results.failed == 0
    assert results.attempted >= 10
    assert doctest.testmod(replacing).failed == 0
