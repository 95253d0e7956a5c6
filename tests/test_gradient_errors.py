"""What gradients refuse: arguments, exception, and the sentence that says why; names are those of the poolings."""

import inspect
import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tilepool as tp
from gradient_cases import OPS, WORDS
from test_errors import RULES, all_refused, refused

Array = NDArray[Any]
grad: Any = vars(tp)["grad"]

NAMED = ("pool", "adaptive_pool", "global_pool", "pyramid_pool")
WINDOWS: dict[str, dict[str, Any]] = {
    "pool": {"kernel_size": 2},
    "adaptive_pool": {"output_size": 2},
    "global_pool": {},
    "pyramid_pool": {"grids": (1, 2)},
}
OWN: dict[str, dict[str, Any]] = {
    **{f"{op}_pool": {"kernel_size": 2, **words} for op, words in WORDS.items()},
    **{f"adaptive_{op}_pool": {"output_size": 2} for op in ("max", "min", "sum", "avg")},
    **{f"fractional_{op}_pool": {"boundaries": ([0, 2, 4], [0, 1, 4])} for op in ("max", "avg")},
}
# Every function, with what it cannot be called without, and what it keeps of its windows.
CALLS: dict[str, tuple[str, str, dict[str, Any]]] = {
    **{name: (name, name.split("_")[-2], words) for name, words in OWN.items()},
    **{
        f"{name} {op}": (name, op, {"op": op, **WINDOWS[name], **words})
        for name in NAMED
        for op, words in WORDS.items()
    },
}
LATER = ("gem", "logsumexp", "softmax", "var", "std", "median", "quantile", "mixed", "stochastic")
RESULT_ONLY = {"return_indices", "index_dtype", "dtype", "rounding", "return_boundaries"}
OF_GRADIENTS = {"indices", "index_base", "wrt"}
X = np.random.default_rng(0).integers(-9, 9, (2, 3, 4, 4)).astype(np.float32)


def result_shape(name: str) -> tuple[int, ...]:
    function, _, words = CALLS[name]
    shape: tuple[int, ...] = getattr(tp, function)(X, **words).shape
    return shape


def call(name: str, g: Any, x: Any = X, **more: Any) -> Any:
    function, _, words = CALLS[name]
    return getattr(grad, function)(g, x, **{**words, **more})


# ---- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*OWN, *NAMED])
def test_signatures_are_those_of_the_poolings(name: str) -> None:
    """Names, order and defaults behind g and x; what changes only the form of a result is not there."""
    theirs = inspect.signature(getattr(tp, name)).parameters
    ours = inspect.signature(getattr(grad, name)).parameters
    assert list(ours)[:2] == ["g", "x"]
    drawn = {"output_size", "output_ratio", "pseudorandom", "rng"} if name.startswith("fractional") else set()
    left = [word for word in theirs if word not in RESULT_ONLY | OF_GRADIENTS | drawn]
    same = [word for word in ours if word not in {"g"} | OF_GRADIENTS]
    if drawn:  # boundaries stand where the sizes did that they replace
        assert set(same) == set(left)
    else:
        assert same == left
    for word in same:
        assert ours[word].kind == theirs[word].kind, word
        if word != "boundaries":
            assert ours[word].default == theirs[word].default, word
    extrema = name in NAMED or "max" in name or "min" in name
    weighted = name in NAMED or "sum" in name or "avg" in name
    for word, there, default in (("indices", extrema, None), ("index_base", extrema, "plane"), ("wrt", weighted, "x")):
        assert (word in ours) == there, word
        if there:
            assert ours[word].kind == inspect.Parameter.KEYWORD_ONLY
            assert ours[word].default == default
    if drawn:
        assert ours["boundaries"].default is inspect.Parameter.empty


def test_every_pooling_has_its_name_there() -> None:
    poolings = {name for name in tp.__all__ if name.endswith("pool") and name != "max_unpool"}
    assert {name for name in poolings if not hasattr(grad, name)} == set()
    assert poolings == {name for name in dir(grad) if name.endswith("pool")}
    assert all(getattr(grad, name).__doc__ for name in poolings)
    assert "grad" in dir(tp)


@pytest.mark.parametrize("op", LATER)
def test_what_comes_later_says_so(op: str) -> None:
    required: dict[str, dict[str, Any]] = {"quantile": {"q": 0.5}, "stochastic": {"rng": 0}}
    words = required.get(op, {})
    g = np.ones((2, 3, 2, 2), np.float32)
    name = f"{op}_pool"
    with pytest.raises(NotImplementedError, match=rf"\b{name}\b"):
        getattr(grad, name)(g, X, *([0.5] if op == "quantile" else []), kernel_size=2)
    for named in NAMED:
        with pytest.raises(NotImplementedError, match=rf"\b{op}\b|\b{name}\b"):
            getattr(grad, named)(g, X, op=op, **WINDOWS[named], **words)


def test_products_come_later() -> None:
    for named in NAMED:
        with pytest.raises(NotImplementedError, match=r"\bprod\b"):
            getattr(grad, named)(np.ones((2, 3, 2, 2)), X, op="prod", **WINDOWS[named])


@pytest.mark.parametrize("op", ["mode", "any", "all", "count_nonzero"])
def test_what_has_no_gradient_says_so(op: str) -> None:
    g = np.ones((2, 3, 2, 2), np.float32)
    for named in NAMED:
        with pytest.raises(TypeError, match=rf"\b{op}(_pool)?\b.*\bgradient\b|\bgradient\b.*\b{op}(_pool)?\b"):
            getattr(grad, named)(g, X, op=op, **WINDOWS[named])
    if op == "mode":
        with pytest.raises(TypeError, match=r"\bmode_pool\b"):
            grad.mode_pool(g, X, 2)


def test_unknown_ops() -> None:
    for named in NAMED:
        for op, error in (("maximum", ValueError), ("", ValueError), (None, TypeError), (1, TypeError)):
            with pytest.raises(error, match=r"^op must be "):
                getattr(grad, named)(np.ones((2, 3, 2, 2)), X, op=op, **WINDOWS[named])
    g = np.ones((2, 3, 2, 2), np.float32)
    for alias in ("mean", "average"):
        assert np.array_equal(grad.pool(g, X, 2, op=alias), grad.avg_pool(g, X, 2))


# ---- g and x ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CALLS)
def test_wrong_g(name: str) -> None:
    shape = result_shape(name)
    out = np.full(X.shape, 7.0)
    g: Any
    for g in (
        np.ones((*shape, 1)), np.ones(shape[1:]), np.ones((*shape[:-1], shape[-1] + 1)), np.ones(()),
        np.ones((0, *shape[1:])), np.ones((1, *shape[1:])), np.ones(X.shape),
    ):  # fmt: skip
        refused(ValueError, rf"^g (must )?ha(s|ve) .*shape.*{re.escape(str(shape))}", call, name, g, out=out)
    for g in (
        np.ones(shape, int), np.ones(shape, bool), np.ones(shape, np.uint8), np.ones(shape, complex),
        np.ones(shape, object), np.full(shape, "1"), None, "text", object(), np.ones(shape, np.longdouble),
    ):  # fmt: skip
        refused(TypeError, "^g must be ", call, name, g, out=out)
    assert (out == 7).all()
    assert call(name, np.ones(shape)).shape == X.shape


@pytest.mark.parametrize("name", CALLS)
def test_wrong_x(name: str) -> None:
    g = np.ones(result_shape(name))
    out = np.full(X.shape, 7.0)
    x: Any
    for x in (X.astype(complex), X.astype(object), X.astype("U3")):
        refused(TypeError, "^x must be ", call, name, g, x, out=out)
    for x in (None, "text", object()):
        with pytest.raises((TypeError, ValueError), match=r"^x must "):
            call(name, g, x, out=out)
    for shape in ((2, 3, 0, 4), (4, 4), (4,), ()):
        with pytest.raises(ValueError, match=r"^(x|g) must "):
            call(name, g, np.zeros(shape))
    with pytest.raises(ValueError, match=r"^g (must )?ha"):
        call(name, g, np.zeros((2, 4, 4, 4)))
    assert (out == 7).all()


@pytest.mark.parametrize("name", CALLS)
def test_shapes(name: str) -> None:
    """Sums and averages need no more of x, unless NaNs are asked for."""
    g = np.ones(result_shape(name))
    out = np.full(X.shape, 7.0)
    if CALLS[name][1] not in ("sum", "avg"):
        with pytest.raises((TypeError, ValueError), match=r"^x must"):
            call(name, g, X.shape, out=out)
        assert (out == 7).all()
        return
    assert call(name, g, X.shape).shape == X.shape
    for policy in ("omit", "raise"):
        with pytest.raises(TypeError, match=r"\bnan_policy\b"):
            call(name, g, X.shape, nan_policy=policy, out=out)
    with pytest.raises(TypeError, match=r"\bx\b"):
        call(name, g, X.shape, weights=np.ones(X.shape), wrt="weights", out=out)
    for shape in (
        (2, 3, 4),
        (2, 3, 4, 4, 1),
        (2, 3, 4, 5),
        (1, 3, 4, 4),
        (2, 3, -4, 4),
        (2, 3, 0, 4),
        (2**70, 3, 4, 4),
        (),
    ):
        if shape == (2, 3, 4, 5) and "kernel_size" in CALLS[name][2]:
            continue  # as many windows
        if shape == (2, 3, 4, 5) and not name.startswith("fractional"):
            continue
        with pytest.raises(ValueError, match=r"^(x|g|boundaries|out)\b"):
            call(name, g, shape, out=out)
    other: Any
    for other in ((2, 3, 4, 4.0), (2, 3, 4, "4"), (2, 3, 4, None), (2, 3, 4, True)):
        with pytest.raises(TypeError, match=r"^x must"):
            call(name, g, other, out=out)
    assert (out == 7).all()


# ---- indices ---------------------------------------------------------------------------------------------------------

EXTREMA = [name for name, (_, op, _) in CALLS.items() if op in ("max", "min")]


@pytest.mark.parametrize("name", EXTREMA)
def test_wrong_indices(name: str, isa: str) -> None:
    shape = result_shape(name)
    g, out = np.ones(shape), np.full(X.shape, 7.0)
    for bad in (16, -2, 2**40, -(2**63), 2**63 - 1, 255):
        for place in (0, -1, np.prod(shape) // 2):
            indices = np.zeros(shape, np.int64)
            indices.flat[place] = bad
            refused(ValueError, "^indices must ", call, name, g, indices=indices, out=out)
    for base, limit in (("batch", 48), ("array", 96)):
        refused(ValueError, "^indices must", call, name, g, indices=np.full(shape, limit), index_base=base, out=out)
    for dtype, bad in ((np.int32, 16), (np.int32, -2), (np.uint8, 16), (np.uint8, 254)):
        refused(ValueError, "^indices must", call, name, g, indices=np.full(shape, bad, dtype), out=out)
    wrong: Any
    word: Any
    for other in ((*shape, 1), shape[1:], (1, *shape[1:]), ()):
        wrong = np.zeros(other, int)
        refused(ValueError, "^indices must have the shape of g", call, name, g, indices=wrong, out=out)
    for wrong in (*(np.zeros(shape, dtype) for dtype in (float, bool, complex, object)), "0", object()):
        refused(TypeError, "^indices must be ", call, name, g, indices=wrong, out=out)
    for word, error in (("planes", ValueError), ("", ValueError), (None, TypeError), (1, TypeError)):
        refused(error, "^index_base must be ", call, name, g, indices=np.zeros(shape, int), index_base=word, out=out)
    refused(ValueError, r"\bindex_base\b", call, name, g, index_base="array", out=out)
    refused(ValueError, "^indices must ", call, name, g, indices=np.full(shape, 2**64 - 1, np.uint64), out=out)
    assert (out == 7).all()
    for nothing in (np.full(shape, -1), np.full(shape, -1, np.int32), np.full(shape, 255, np.uint8)):
        assert not call(name, g, indices=nothing).any()


def test_taps_that_lie_in_the_padding() -> None:
    """Numbers of taps name no cell where the tap lies in the padding, nor behind the last."""
    g, x, out = np.ones(2), np.arange(4.0), np.full(4, 7.0)
    words = {"kernel_size": 3, "stride": 2, "padding": 1, "axis": 0, "index_base": "window"}
    assert grad.max_pool(g, x, indices=np.array([1, 2]), **words).tolist() == [1, 0, 0, 1]
    for taps in ([0, 2], [1, 3], [-2, 1]):
        refused(ValueError, "^indices must", grad.max_pool, g, x, indices=np.array(taps), out=out, **words)
    batch = {"indices": np.zeros(2, int), "index_base": "batch", "axis": 0}
    refused(ValueError, r"\bindex_base\b", grad.max_pool, g, x, 2, out=out, **batch)
    assert (out == 7).all()


@pytest.mark.parametrize("name", [name for name in CALLS if name not in EXTREMA])
def test_indices_of_what_has_none(name: str) -> None:
    g = np.ones(result_shape(name))
    with pytest.raises(TypeError, match=r"\bindices\b"):
        call(name, g, indices=np.zeros(g.shape, int))


# ---- keywords --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CALLS)
def test_keywords_that_do_not_apply(name: str) -> None:
    """What only changes the form of a result, or belongs to others, is refused by its name."""
    function, op, words = CALLS[name]
    g, out = np.ones(result_shape(name)), np.full(X.shape, 7.0)
    values: dict[str, Any] = {
        "return_indices": True, "index_dtype": "int32", "dtype": "float64", "rounding": "floor", "rng": 0, "q": 0.5,
        "return_boundaries": True, "alpha": 0.5, "ddof": 1, "temperature": 2.0, "p": 2, "eps": 1.0, "method": "lower",
        "no_such_argument": 1,
    }  # fmt: skip
    others: dict[str, tuple[Any, bool]] = {
        "weights": (np.ones(X.shape), op in ("sum", "avg")),
        "wrt": ("weights", op in ("sum", "avg")),
        "count_include_pad": (False, op == "avg" and "kernel_size" in words),
        "divisor_override": (2, op == "avg" and ("kernel_size" in words or function in NAMED)),
        "norm_type": (2, op == "lp"),
        "keepdims": (True, function == "global_pool"),
        "output_size": (2, "output_size" in words),
        "kernel_size": (2, "kernel_size" in words or function.startswith("fractional")),
        "grids": ((1, 2), "grids" in words),
    }
    values |= {word: value for word, (value, there) in others.items() if not there}
    for word, value in values.items():
        with pytest.raises(TypeError, match=rf"\b{word}\b"):
            call(name, g, **{word: value}, out=out)
    assert (out == 7).all()


@pytest.mark.parametrize("name", [name for name, (_, op, _) in CALLS.items() if op in ("sum", "avg")])
def test_weights(name: str) -> None:
    g, out = np.ones(result_shape(name)), np.full(X.shape, 7.0)
    weights = np.ones(X.shape)
    for wrt, error in (("y", ValueError), ("", ValueError), (None, TypeError), (1, TypeError)):
        refused(error, "^wrt must be 'x' or 'weights'", call, name, g, weights=weights, wrt=wrt, out=out)
    refused((TypeError, ValueError), r"\bweights\b", call, name, g, wrt="weights", out=out)  # type: ignore[arg-type]
    for wrt in ("x", "weights"):
        for wrong, error in (
            (np.full(X.shape, np.nan), ValueError), (np.ones((5,)), ValueError), (np.ones((1, *X.shape)), ValueError),
            (np.ones(X.shape, complex), TypeError), ("text", TypeError),
        ):  # fmt: skip
            refused(error, "^weights must ", call, name, g, weights=wrong, wrt=wrt, out=out)
    assert (out == 7).all()
    refused(ValueError, "^out has shape", call, name, g, weights=np.ones(4), wrt="weights", out=out)


@pytest.mark.parametrize("name", CALLS)
def test_outputs_that_cannot_be_written(name: str) -> None:
    g = np.ones(result_shape(name))
    read_only = np.zeros(X.shape)
    read_only.flags.writeable = False
    for out, exception, pattern in (
        (0.0, TypeError, "^out must be a numpy array, not"),
        ((np.zeros(X.shape), None), TypeError, "^out must be a numpy array, not"),
        (np.ma.zeros(X.shape), TypeError, "^out must be .* MaskedArray"),
        (np.zeros(g.shape[:-1]), ValueError, rf"^out has shape .*, expected {re.escape(str(X.shape))}$"),
        (np.zeros((*X.shape, 1)), ValueError, "^out has shape"),
        (np.zeros(X.shape, np.int64), TypeError, "^out must have a dtype .*not int64"),
        (read_only, ValueError, "^output array is read-only$"),
        (np.lib.stride_tricks.as_strided(np.zeros(4), X.shape, (0, 0, 0, 8)), ValueError, "^out must not share memory"),
    ):
        refused(exception, pattern, call, name, g, out=out)


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("batch", [1, 0], ids=["", "empty batch"])
def test_arguments_of_windows(op: str, batch: int) -> None:
    """The rules of the poolings, in their words."""
    x = np.arange(batch * 16, dtype=np.float32).reshape(batch, 1, 4, 4)
    g = np.ones((batch, 1, 2, 2))

    def of_x(x: Array, **words: Any) -> Any:
        return grad.pool(g, x, op=op, **words, **WORDS[op])

    all_refused(of_x, x, RULES, kernel_size=2)
    assert of_x(x, kernel_size=2).shape == x.shape


@pytest.mark.parametrize("name", CALLS)
def test_what_is_left_out(name: str) -> None:
    g, out = np.ones(result_shape(name)), np.full(X.shape, 7.0)
    x = X.copy()
    x[1, 2, 3, 0] = np.nan
    nan = r"^x must be free of NaN where nan_policy is 'raise', not NaN at \(1, 2, 3, 0\)"
    refused(ValueError, nan, call, name, g, x, nan_policy="raise", out=out)
    refused(ValueError, "^nan_policy must be ", call, name, g, nan_policy="ignore", out=out)
    refused(ValueError, "^min_count must ", call, name, g, min_count=-1, out=out)
    refused(TypeError, "^min_count must ", call, name, g, min_count=1.0, out=out)
    refused(TypeError, "^mask must ", call, name, g, mask=np.ones(X.shape, int), out=out)
    refused(ValueError, "^mask must ", call, name, g, mask=np.ones(5, bool), out=out)
    assert (out == 7).all()


def test_fractional_poolings_need_their_boundaries() -> None:
    g = np.ones((2, 3, 2, 2))
    for op in ("max", "avg"):
        function = getattr(grad, f"fractional_{op}_pool")
        with pytest.raises(TypeError, match=r"\bboundaries\b"):
            function(g, X)
        with pytest.raises((TypeError, ValueError), match=r"^boundaries must "):
            function(g, X, boundaries=None)
        for word, value in (("output_size", 2), ("output_ratio", 0.5), ("rng", 0), ("pseudorandom", True)):
            with pytest.raises(TypeError, match=rf"\b{word}\b"):
                function(g, X, boundaries=([0, 2, 4], [0, 2, 4]), **{word: value})
        for points in (([0, 2, 5], [0, 2, 4]), ([0, 2, 4],), ([0, 2, 1], [0, 2, 4]), ([-1, 2, 4], [0, 2, 4])):
            with pytest.raises(ValueError, match=r"\bboundaries\b"):
                function(g, X, boundaries=points)


def test_a_photo_without_axes() -> None:
    """As the poolings: a word that the axes should be named."""
    x = np.zeros((64, 64, 3), np.uint8)
    with pytest.raises(ValueError, match="looks like a photo"):
        grad.max_pool(np.ones((64, 64, 1)), x, 3)
    with pytest.warns(UserWarning, match="looks like a photo"):
        grad.max_pool(np.ones((64, 64, 1)), x.astype(np.float32), 3)
