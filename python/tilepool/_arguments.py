"""One helper for each kind of argument: an integer per axis, a real number, one of these strings, and so on.

Sentences read *argument, rule, value*; a wrong kind is a TypeError, a wrong value a ValueError (docs/semantics.md). All
arithmetic here is on Python's integers, which do not overflow; only what fits 64 bits is handed on.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeGuard

PerAxis: TypeAlias = int | tuple[int, ...]  # of all pooled axes, or of each

LIMIT = 2**63
MAX_THREADS = 1024
INTEGERS = "an integer or a tuple of integers"


def shown(value: object) -> str:
    """`value` for the end of a sentence: never long, and never an error of its own."""
    try:
        text = repr(value)
    except Exception:  # Python refuses to print integers of many digits, and anything may refuse
        text = f"an unprintable {type(value).__name__}"
    return text if len(text) <= 100 else text[:100] + "..."


def choices(values: Sequence[str]) -> str:
    """'a', 'b' or 'c'."""
    return f"{', '.join(map(repr, values[:-1]))} or {values[-1]!r}"


def is_integer(value: object) -> TypeGuard[int | np.integer[Any]]:
    # numpy counts time spans as integers
    return isinstance(value, int | np.integer) and not isinstance(value, bool | np.timedelta64)


def is_list(value: object) -> TypeGuard[tuple[Any, ...] | list[Any]]:
    return isinstance(value, tuple | list)


def listed(value: object) -> object:
    """The numbers of an array of integers as a list; anything else as it is."""
    return value.tolist() if type(value) is np.ndarray and value.ndim > 0 and value.dtype.kind in "iu" else value


def integers(name: str, value: object, rule: str = INTEGERS) -> PerAxis:
    """An integer for all pooled axes, or a tuple with one for each."""
    value = listed(value)
    if is_integer(value):
        return int(value)
    if not is_list(value) or not all(map(is_integer, value)):
        raise TypeError(f"{name} must be {rule}, not {shown(value)}")
    return tuple(int(number) for number in value)


def positive(name: str, value: object, rule: str = INTEGERS) -> PerAxis:
    numbers = integers(name, value, rule)
    each = (numbers,) if isinstance(numbers, int) else numbers
    if min(each, default=1) < 1:
        raise ValueError(f"{name} must be positive, not {shown(value)}")
    if max(each, default=1) >= LIMIT:
        raise ValueError(f"{name} must be below 2**63, not {shown(value)}")
    return numbers


def for_each(name: str, value: PerAxis, count: int) -> tuple[int, ...]:
    """One integer for each of `count` pooled axes."""
    if isinstance(value, int):
        return (value,) * count
    if len(value) != count:
        raise ValueError(f"{name} must have one value for each of {count} pooled axes, not {shown(value)}")
    return value


def flag(name: str, value: object) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, not {shown(value)}")
    return bool(value)


def choice(name: str, value: object, values: Sequence[str], when: str = "") -> str:
    """One of these strings."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be {choices(values)}{when}, not {shown(value)}")
    if value not in values:
        raise ValueError(f"{name} must be {choices(values)}{when}, not {shown(value)}")
    return str(value)


def real(name: str, value: object, rule: str, allowed: Callable[[float], bool]) -> float:
    """A real number that is allowed."""
    if not (is_integer(value) or isinstance(value, float | np.floating)):
        raise TypeError(f"{name} must be a real number, not {shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        raise ValueError(f"{name} must be {rule} and within float64, not {shown(value)}") from None
    if not allowed(number):
        raise ValueError(f"{name} must be {rule}, not {shown(value)}")
    return number


def positive_real(name: str, value: object) -> float:
    return real(name, value, "positive", lambda number: number > 0)


def finite_real(name: str, value: object) -> float:
    return real(name, value, "positive and finite", lambda number: 0 < number < inf)


def quantile(name: str, value: object) -> float:
    return real(name, value, "from 0 to 1", lambda number: 0 <= number <= 1)


def degrees(name: str, value: object) -> float:
    """A number to subtract from a number of cells."""
    if not is_integer(value):
        raise TypeError(f"{name} must be an integer, not {shown(value)}")
    if not 0 <= value < 2**53:
        raise ValueError(f"{name} must be from 0 to 2**53 - 1, not {shown(value)}")
    return float(value)


def divisor(name: str, value: object) -> float:
    """A divisor that float64 holds exactly; 0, which the core takes for none, where `value` is None."""
    if value is None:
        return 0.0
    if not is_integer(value):
        raise TypeError(f"{name} must be None or an integer, not {shown(value)}")
    number = int(value)
    if number == 0:
        raise ValueError(f"{name} must not be zero, not 0")
    if abs(number) >= 2**53:
        raise ValueError(f"{name} must be below 2**53 in magnitude, not {shown(value)}")
    return float(number)


def count(name: str, value: object) -> int:
    """A number of cells."""
    if not is_integer(value) or value < 0:
        exception = ValueError if is_integer(value) else TypeError
        raise exception(f"{name} must be an integer of 0 or more, not {shown(value)}")
    return int(value)


def threads(value: object) -> int:
    """A number of threads; 0, which the core takes for the default, where `value` is None."""
    if value is None:
        return 0
    if not is_integer(value):
        raise TypeError(f"threads must be None or an integer, not {shown(value)}")
    number = int(value)
    if not 1 <= number <= MAX_THREADS:
        raise ValueError(f"threads must be between 1 and {MAX_THREADS}, not {shown(value)}")
    return number


def generator(name: str, value: object) -> np.random.Generator:
    """What random numbers are drawn from; a seed makes one, None a new one."""
    if isinstance(value, np.random.Generator):
        return value
    if value is not None and not is_integer(value):
        raise TypeError(f"{name} must be None, an integer or a numpy.random.Generator, not {shown(value)}")
    if value is not None and value < 0:
        raise ValueError(f"{name} must not be negative, not {shown(value)}")
    return np.random.default_rng(value)


def shape(value: object, name: str = "shape") -> tuple[int, ...]:
    """The shape of an array."""
    value = listed(value)
    if not is_list(value) or not all(map(is_integer, value)):
        raise TypeError(f"{name} must be a tuple of integers, not {shown(value)}")
    sizes = tuple(map(int, value))
    if min(sizes, default=0) < 0:
        raise ValueError(f"{name} must not be negative, not {shown(value)}")
    if max(sizes, default=0) >= LIMIT:
        raise ValueError(f"{name} must be below 2**63, not {shown(value)}")
    return sizes
