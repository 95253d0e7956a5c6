"""The gradients of the operators of torch, the gradients of these, and what they are under vmap.

A gradient of sums and averages is linear in that of the result, and its own gradient is the pooling of what comes in;
that of an extremum is what comes in at its place.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch.autograd import forward_ad

from .._windows import Whole
from . import torch_operators as operators
from .torch_requests import Asked, asked, planes, pooled_planes, text_of, unplaned

if TYPE_CHECKING:
    from collections.abc import Callable

is_compiling, is_grad_enabled = torch.compiler.is_compiling, torch.is_grad_enabled
modes = torch._C._len_torch_dispatch_stack
PLAIN = (torch.Tensor, torch.nn.Parameter, type(None), str)  # types of inputs that are what they seem to be
ops = torch.ops.tilepool
CELLS = Whole(True)  # windows whose planes are those of x
# The operators once more: torch.func differentiates nothing else, and without their dispatcher they are faster.
FUNCTIONAL: dict[str, Any] = {}
EAGER: dict[str, Any] = {}


def operate(operator: str, *inputs: Any) -> Any:
    """An operator on its inputs. Where nobody but autograd looks on, without torch's dispatcher: that takes longer than
    a small pooling.
    """
    if is_compiling() or not all(map(is_plain, inputs)) or modes() or forward_ad._current_level >= 0:
        return getattr(ops, operator)(*inputs)
    if is_functional():
        return FUNCTIONAL[operator].apply(*inputs) if operator in FUNCTIONAL else getattr(ops, operator)(*inputs)
    if operator in EAGER and is_grad_enabled() and any(map(is_differentiated, inputs)):
        return EAGER[operator].apply(*inputs)
    return operators.CALCULATED[operator](*inputs)


def is_plain(x: Any) -> bool:
    return type(x) in PLAIN


def is_differentiated(x: Any) -> bool:
    return isinstance(x, torch.Tensor) and x.requires_grad


def is_functional() -> bool:
    """Whether a function of torch.func transforms what happens."""
    return torch._C._functorch.maybe_current_level() is not None


# ---- vmap ------------------------------------------------------------------------------------------------------------


def batch(operator: str) -> Callable[..., Any]:
    """One call of the operator for all: x, and what has its axes, get one more in front."""
    names = [part.split()[1] for part in operators.SCHEMAS[operator].partition(")")[0][1:].split(", ")]

    def batched(info: Any, dims: Any, *inputs: Any) -> Any:
        ndim = inputs[names.index("x")].ndim - (dims[names.index("x")] is not None)
        tensors = []
        for name, value, dim in zip(names[:-1], inputs, dims, strict=False):
            if name == "seed" and dim is not None:
                raise NotImplementedError("randomness must be 'same' under vmap, where one call draws for all")
            broadcasts = name in ("mask", "seed") or (name == "weights" and operator != "weights_backward")
            if value is None or (dim is None and broadcasts):
                tensors.append(value)
                continue
            front = value.expand(info.batch_size, *value.shape) if dim is None else value.movedim(dim, 0)
            if name in ("mask", "weights"):
                front = front.reshape(front.shape[0], *(1,) * (ndim + 1 - front.ndim), *front.shape[1:])
            tensors.append(front)
        text = asked(inputs[-1]).along_last_axes(ndim)
        results = operate(operator, *tensors, text)
        if operator == "weights_backward":
            each = [n for axis, n in enumerate(inputs[3].shape) if axis != dims[3]]
            results = results.reshape(info.batch_size, *each)
        return results, (0, 0) if isinstance(results, tuple) else 0

    return batched


for operator in operators.SCHEMAS:
    torch.library.register_vmap(f"tilepool::{operator}", batch(operator))


# ---- gradients -------------------------------------------------------------------------------------------------------


def function(name: str, **methods: Any) -> Any:
    return type(name, (torch.autograd.Function,), {k: staticmethod(f) for k, f in methods.items()})


def differentiate(*names: str) -> Callable[[Any], Any]:
    """Makes a function of context and gradients the gradient of these operators."""

    def keep(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        *tensors, ctx.text = inputs
        indices = output[1:] if isinstance(output, tuple) else ()
        ctx.save_for_backward(*tensors, *indices)

    def run(name: str, ctx: Any, *inputs: Any) -> Any:
        results = operators.CALCULATED[name](*inputs)
        keep(ctx, inputs, results)
        return results

    def register(backward: Any) -> Any:
        for name in names:
            torch.library.register_autograd(f"tilepool::{name}", backward, setup_context=keep)
            EAGER[name] = function(name, forward=partial(run, name), backward=backward)
            own = {"forward": getattr(ops, name).default, "setup_context": keep, "vmap": batch(name)}
            FUNCTIONAL[name] = function(name, backward=backward, **own)
        return backward

    return register


@differentiate("pool", "pool_with_indices")
def of_pool(ctx: Any, g: Any, _: Any = None) -> Any:
    x, mask, weights, *indices = ctx.saved_tensors
    to_x, _, to_weights, _ = ctx.needs_input_grad
    return (
        operate("pool_backward", g, x, mask, weights, indices[0] if indices else None, ctx.text) if to_x else None,
        None,
        operate("weights_backward", g, x, mask, weights, ctx.text) if to_weights else None,
        None,
    )


@differentiate("draw_with_indices")
def of_draw(ctx: Any, g: Any, _: Any = None) -> Any:
    """Of maxima of windows that nobody remembers: to where they were found."""
    x, _, _, _, indices = ctx.saved_tensors
    request = asked(ctx.text).request
    cells, places = pooled_planes(g, request, x.ndim), pooled_planes(indices, request, x.ndim)
    there = places >= 0
    like = planes(x, request)
    spread = cells.new_zeros(like.shape).scatter_add(-1, places.clamp_min(0), torch.where(there, cells, 0))
    return unplaned(spread, x, request._replace(windows=CELLS), x.ndim), None, None, None, None


@differentiate("pool_backward")
def of_gradient(ctx: Any, v: Any) -> Any:
    g, x, mask, weights, _ = ctx.saved_tensors
    call = asked(ctx.text)
    if call.words.get("min_count", 0) or ctx.needs_input_grad[3]:
        raise NotImplementedError("a second derivative with weights that need one, or with min_count, is not there")
    op = call.request.op.name
    if op in ("max", "min"):
        to_g, to_x = at_places(v, g, x, mask, call), None
    else:
        mask, text = without_nans(x, mask, call)
        if op == "lp":
            wide_v, wide_g, wide_x = v.double(), g.double(), x.double()  # float32 has no room for powers
            to_g, to_x = of_norm_gradient(wide_v, wide_g, wide_x, mask, asked(text), ctx.needs_input_grad[1])
            to_g, to_x = to_g.to(g.dtype), None if to_x is None else to_x.to(x.dtype)
        else:
            to_g, to_x = operate("pool", v, mask, weights, text), None
    return to_g, to_x, None, None, None, None


def at_places(v: Any, g: Any, x: Any, mask: Any, call: Asked) -> Any:
    """What lies at the places of the extrema of x."""
    words = {"return_indices": True, "index_base": None, "index_dtype": None}
    _, indices = operate("pool_with_indices", x.detach(), mask, None, call.but(**words))
    places = pooled_planes(indices, call.request, x.ndim)
    found = planes(v, call.request).gather(-1, places.clamp_min(0))
    return unplaned(torch.where(places >= 0, found, 0), g, call.request, x.ndim)


def without_nans(x: Any, mask: Any, call: Asked) -> tuple[Any, str]:
    """The cells that count, whatever is in the other ones, and a request that does not look for NaN."""
    if call.words.get("nan_policy", "propagate") == "omit":
        numbers = ~torch.isnan(x.detach())
        mask = numbers if mask is None else mask & numbers
    return mask, call.but(nan_policy=None)


def of_norm_gradient(v: Any, g: Any, x: Any, mask: Any, call: Asked, to_x: bool) -> Any:
    """The norm is y = s(abs(x)**p)**(1/p) with s the sum, and its gradient sign(x) * abs(x)**(p-1) * t(g * y**(1-p))
    with t the transposed sum. Here are the derivatives of the product of that and v.
    """
    p = call.request.op.parameters[0]  # type: ignore[union-attr] # an Op
    if p == float("inf"):
        raise NotImplementedError("the norm of infinity has no second derivative")
    sums = sum_text(call)
    y = operate("pool", x, mask, None, call.but())
    zero = y == 0
    power = torch.where(zero, 0, torch.where(zero, 1, y) ** (1 - p))
    magnitude = x.abs()
    slope = x.sign() * magnitude ** (p - 1)
    along = operate("pool", v * slope, mask, None, sums)
    to_g = power * along
    if not to_x:
        return to_g, None
    spread = operate("pool_backward", g * power, x, mask, None, None, sums)
    flat = magnitude == 0
    curve = torch.where(flat, 2.0 * (p == 2), (p - 1) * torch.where(flat, 1, magnitude) ** (p - 2))
    through_y = along * g * (1 - p) * torch.where(zero, 0, power / torch.where(zero, 1, y))
    return to_g, v * curve * spread + operate("pool_backward", through_y, x, mask, None, None, call.but())


def sum_text(call: Asked) -> str:
    """The sums of the windows of a norm."""
    words = {name: value for name, value in call.words.items() if name != "norm_type"}
    return text_of("sum_pool", words) if call.name == "lp_pool" else text_of(call.name, words | {"op": "sum"})


@differentiate("weights_backward")
def of_weights_gradient(ctx: Any, v: Any) -> Any:
    raise NotImplementedError("a gradient with respect to weights has no gradient of its own")


@differentiate("unpool")
def of_unpool(ctx: Any, g: Any) -> Any:
    """What lies where a value went, unless a later one went there, too."""
    x, indices = ctx.saved_tensors
    call = asked(ctx.text)
    ranks = torch.arange(1, x.numel() + 1, device=x.device).reshape(x.shape)
    last = operate("unpool", ranks, indices, ctx.text)
    places = planes(indices, call.request).clamp_min(0)
    stays = planes(last, call.request).gather(-1, places) == planes(ranks, call.request)
    cells = torch.where(stays, planes(g, call.request).gather(-1, places), 0)
    return unplaned(cells, x, call.request, x.ndim), None, None
