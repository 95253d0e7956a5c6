"""Golden bits: the results of many thousand calls are those that tests/golden/bits.txt remembers, on every ISA."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tilepool as tp
from golden import record
from golden.cases import FAMILIES
from golden.digests import CLASSES

Array = NDArray[Any]

PARTS = 4  # of the sample, so that none takes long


@pytest.mark.parametrize("part", range(PARTS))
def test_bits_of_a_sample(part: int, isa: str) -> None:
    report = record.compare(record.sample()[part::PARTS])
    assert not report, report


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_bits(family: str, isa: str) -> None:
    report = record.compare(record.lines([family]))
    assert not report, report


def test_the_file_has_all_cases_and_no_others() -> None:
    assert {family.count % record.CASES for family in FAMILIES.values()} == {0}
    assert list(record.read()) == [line.name for line in record.lines()]


# ---- that the net has no holes ---------------------------------------------------------------------------------------

# Lines that have every class.
SOME = [
    *[record.Line(family, 0) for family in ("small", "order", "surveys", "indices", "index_specials", "stochastic")],
    *[record.Line("layouts", first) for first in (0, 20, 40, 60)],
    record.Line("unpooled", 0),
]


def changes_of(change: Callable[[Array], Array], monkeypatch: pytest.MonkeyPatch) -> record.Report:
    """What is reported where every result is changed."""

    def changed(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **words: Any) -> Any:
            result = function(*args, **words)
            if "out" in words:
                return result
            return tuple(map(change, result)) if isinstance(result, tuple) else change(result)

        return call

    for name in tp.__all__:
        if name.endswith("pool"):
            monkeypatch.setattr(tp, name, changed(getattr(tp, name)))
    return record.compare(SOME)


def another_bit(array: Array) -> Array:
    """The last one of the first element."""
    result = array.copy(order="K")
    result.view(f"u{result.itemsize}")[(0,) * result.ndim] ^= 1
    return result


def other_zeros(array: Array) -> Array:
    """Of floats, with the other sign."""
    if array.dtype.kind in "biu":
        return array
    return np.where(array == 0, -array, array)


def in_another_order(array: Array) -> Array:
    return np.asfortranarray(array) if array.flags.c_contiguous else np.ascontiguousarray(array)


def test_a_changed_bit_is_seen_in_every_class(monkeypatch: pytest.MonkeyPatch) -> None:
    report = changes_of(another_bit, monkeypatch)
    assert {digest.kind for digest in report.changed} == {*CLASSES} - {"memory order"}
    first = report.changed[0]
    assert f"{record.RERUN} {first.case.name} --isa" in str(report)
    assert first.kind in str(report)


def test_signs_of_zeros_are_a_class_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    report = changes_of(other_zeros, monkeypatch)
    assert {digest.kind for digest in report.changed} - {"float sums", "float reducers"} == {"zeros"}


def test_the_order_in_memory_is_a_class_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    report = changes_of(in_another_order, monkeypatch)
    assert {digest.kind for digest in report.changed} == {"memory order"}


def test_what_fails_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(array: Array) -> Array:
        raise RuntimeError("no result")

    report = changes_of(refuse, monkeypatch)
    assert len(report.changed) == report.compared.total() > 0
    assert "RuntimeError: no result" in str(report)


def test_cases_that_ask_something_else_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody takes a change of the cases for a change of the results."""
    monkeypatch.setitem(FAMILIES, "small", FAMILIES["direct"])
    report = record.compare([record.Line("small", 0)])
    assert report.strangers == ["small/0"]
    assert "small/0" in str(report)
    assert not report.changed
