"""Tensors of torch: read and written where they lie, or, where a gradient or a graph is wanted, by its operators.

A tensor that needs no gradient, in a call that nobody traces, goes straight to numpy and back. All else goes to the
operators of `torch_operators`, which torch can differentiate, batch, compile and export.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.autograd import forward_ad
from torch.autograd.graph import increment_version

import tilepool

from .._arguments import shown
from .._core import call_key
from .torch_gradients import PLAIN, is_functional, operate
from .torch_requests import asked_for
from .torch_requests import plain as plain_value
from .torch_tensors import array_of, refuse, refuse_arithmetic, tensors_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Pool: TypeAlias = Callable[..., Any]
    Kept: TypeAlias = dict[Any, Any]

Tensor, bfloat16, ndarray = torch.Tensor, torch.bfloat16, np.ndarray
is_dynamo_compiling, is_grad_enabled = torch.compiler.is_dynamo_compiling, torch.is_grad_enabled
from_numpy, modes = torch.from_numpy, torch._C._len_torch_dispatch_stack
NOTHING = (None, None)
DRAWS = {tilepool.fractional_max_pool, tilepool.fractional_avg_pool, tilepool.stochastic_pool}


def call(
    pool: Pool, kept: Kept, x: Any, args: tuple[Any, ...], out: Any, mask: Any, weights: Any, options: dict[str, Any]
) -> Any:
    """A public function on a tensor, where `kept` are the calls that it has planned."""
    if modes() or forward_ad._current_level >= 0:
        return traced(pool, x, args, out, mask, weights, options)
    try:
        array = x.numpy()
    except (RuntimeError, TypeError):  # its gradient is wanted, it has no memory, that is not here; or bfloat16
        if x.dtype is not bfloat16 or is_wanted(x) or not has_memory(x):
            return traced(pool, x, args, out, mask, weights, options)
        array = array_of(x)
    if out is None and mask is None and weights is None:
        _, planned = kept.get(call_key(array, args, options), NOTHING)
        if planned is not None:  # half a microsecond less than by the function itself
            result = planned.run(array, None, 0)
            if not planned.plain:
                return tensors_of(result)
            return from_numpy(result) if type(result) is ndarray else tuple(map(from_numpy, result))
    if is_wanted(weights) or is_functional():
        return traced(pool, x, args, out, mask, weights, options)
    options = plain_options(pool, mask, weights, options)
    refuse_arithmetic(x, {*options, pool.__name__})
    if out is None:
        return tensors_of(pool(array, *args, **options))
    pool(array, *args, out=written(out), **options)
    for part in out if isinstance(out, tuple) else (out,):
        if part is not None:
            increment_version(part)
    return out


@torch.compiler.substitute_in_graph(call, skip_signature_check=True)  # type: ignore[untyped-decorator]
def call_in_graph(pool: Pool, kept: Kept, *arguments: Any) -> Any:
    """The same where a compiler looks on. A question whether one does would take a fortieth of a small call."""
    return traced(pool, *arguments)


def is_wanted(x: Any) -> bool:
    """Whether a gradient with respect to x is wanted."""
    return isinstance(x, Tensor) and x.requires_grad and is_grad_enabled()


def has_memory(x: Any) -> bool:
    """Whether x lies in the memory of the CPU, and is what it seems to be."""
    return type(x) in PLAIN and bool(x.is_cpu) and not is_functional()


def plain_options(pool: Pool, mask: Any, weights: Any, options: dict[str, Any]) -> dict[str, Any]:
    """All arguments by their names, without tensors; what draws does so from torch's generator."""
    options = options | {k: v for k, v in (("mask", mask), ("weights", weights)) if v is not None}
    options = {name: plain(name, value) for name, value in options.items()}
    given = options.get("rng") is not None or options.get("boundaries") is not None
    if pool in DRAWS and not given and options.get("training", True):
        options["rng"] = int(new_seed())
    return options


def unpool(pool: Pool, x: Any, indices: Any, args: tuple[Any, ...], out: Any, options: dict[str, Any]) -> Any:
    """`max_unpool` on a tensor."""
    watched = is_dynamo_compiling() or is_functional() or modes() or forward_ad._current_level >= 0
    if out is None and (watched or x.requires_grad or x.dtype is bfloat16):
        refuse("x", x)
        request = asked_for("max_unpool", (None, *args), options, False)[1]
        return operate("unpool", x, beside("indices", indices), request)
    return call(pool, {}, x, (plain("indices", indices), *args), out, None, None, options)


def new_seed() -> Any:
    """The next number of torch's generator."""
    return torch.randint(2**62, (), device="cpu")


def plain(name: str, value: Any) -> Any:
    """An argument as numpy's functions take it."""
    if isinstance(value, Tensor):
        refuse(name, value)
        return array_of(value.detach())
    if isinstance(value, tuple):
        return tuple(plain(name, part) for part in value)
    return plain_value(value) if isinstance(value, torch.dtype) else value


def written(out: Any) -> Any:
    """Each `out` as an array on the memory of the tensor."""
    if isinstance(out, tuple):
        return tuple(None if part is None else written(part) for part in out)
    if not isinstance(out, Tensor):
        raise TypeError(f"out must be a tensor where x is one, not {shown(out)}")
    refuse("out", out)
    return array_of(out)


def traced(
    pool: Pool, x: Any, args: tuple[Any, ...], out: Any, mask: Any, weights: Any, options: dict[str, Any]
) -> Any:
    """The same by an operator of torch."""
    refuse("x", x)
    gradient = is_grad_enabled() and (x.requires_grad or (isinstance(weights, Tensor) and weights.requires_grad))
    if out is not None and gradient:
        raise TypeError("out must be None where a gradient is needed: pass x.detach()")
    operator, request, wanted = asked_for(pool.__name__, args, options, gradient)
    inputs = [x, beside("mask", mask), beside("weights", weights)]
    if operator.startswith("draw"):
        inputs.append(new_seed() if options.get("rng") is None else None)
    results = operate(operator, *inputs, request)
    if isinstance(results, tuple) and wanted == 1:
        results = results[0]
    return results if out is None else copied(results, out)


def beside(name: str, value: Any) -> Any:
    """A mask or weights as a tensor."""
    if value is None:
        return None
    if not isinstance(value, Tensor):
        return torch.as_tensor(value, device="cpu")
    refuse(name, value)
    return value


def copied(results: Any, out: Any) -> Any:
    """The results, in the tensors given for them."""
    if not isinstance(out, tuple):
        if isinstance(results, tuple):
            return copied(results, (out, None))
        if out.shape != results.shape:
            raise ValueError(f"out has shape {tuple(out.shape)}, expected {tuple(results.shape)}")
        return out.copy_(results)
    return tuple(result if part is None else copied(result, part) for result, part in zip(results, out, strict=True))
