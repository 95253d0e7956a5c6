"""Gradients of every pooling are what the definitions say, in calls in which every two values of two options meet."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import reference
import tilepool as tp
from agreement import using_isa
from gradient_cases import KINDS, Call, calls, out_of_row
from gradient_meanings import difference, gradient
from tilepool import _core

Array = NDArray[Any]
grad: Any = vars(tp)["grad"]


def check(call: Call, out_kind: str | None = None, isas: tuple[str, ...] = _core.available_isas()) -> None:
    """On each of the instruction sets; what is read stays as it is."""
    found = gradient(call.op, call.g, call.x, call.arguments)
    wanted = reference.native(call.g.dtype)
    for isa in isas:
        asked, out = (call, None) if out_kind is None else out_of_row(out_kind, call, found.values.shape)
        where = f"{asked}, out {out_kind}, {isa}"
        before = [array.tobytes() for array in (call.g, call.x)]
        with using_isa(isa):
            try:
                result = asked.backward(**({} if out is None else {"out": out}))
            except Exception as error:
                raise AssertionError(f"{where}: {error!r}") from error
        assert before == [array.tobytes() for array in (call.g, call.x)], f"{where}: was written to"
        assert type(result) is np.ndarray, where
        assert result is out if out is not None else result.dtype == wanted, f"{where}: {result.dtype}"
        wrong = difference(result, found, wanted)
        assert wrong is None, f"{where}: {wrong}"


def check_all(op: str, kind: str, first: int | None = None, isas: tuple[str, ...] | None = None) -> None:
    """Every call that is wrong is told of."""
    failures, count = [], 0
    for call, row in calls(op, kind, first):
        some = isas or _core.available_isas()[count % len(_core.available_isas()) :][:1]
        count += 1
        try:
            check(call, row["out"], some)
        except AssertionError as error:
            failures.append(str(error))
    assert not failures, f"{len(failures)} of {count} calls\n" + "\n".join(failures)
    assert count > 3


@pytest.mark.parametrize(("op", "kind"), KINDS)
def test_some_pairs(op: str, kind: str) -> None:
    check_all(op, kind, first=22 if kind == "sliding" else 7)


@pytest.mark.slow
@pytest.mark.parametrize(("op", "kind"), KINDS)
def test_all_pairs(op: str, kind: str) -> None:
    check_all(op, kind, isas=_core.available_isas())
