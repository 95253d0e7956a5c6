"""The benchmarks measure what they say: a case of every op and dtype, checked against a definition that is right."""

import numpy as np
import pytest

import tilepool
from cases import read_cases
from ops import OPS
from peers_arrays import Tilepool
from tilepool import _core, _reducers
from verify import difference, spot_check


def test_every_op_of_every_dtype_is_a_case() -> None:
    pairs = {(case.op, case.dtype) for case in read_cases("every/*")}
    assert {(op, dtype) for op in _reducers.OPS for dtype in _core.dtypes} <= pairs
    assert {op for op, _ in pairs} == set(OPS)


def test_names_are_unique() -> None:
    names = [case.name for case in read_cases()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("dtype", ["int16", "float32"])
@pytest.mark.parametrize("op", OPS)
def test_results_are_those_of_the_definition(op: str, dtype: str) -> None:
    cases = read_cases(f"every/cache/{op}/{dtype}")
    assert len(cases) == (OPS[op].of == "any" or dtype != "float32")
    threads = tilepool.get_threads()
    try:
        peer = Tilepool(1)
        for case in cases:
            x = case.make_input()
            reused, fresh = (peer.prepare(label, case, x) for label in peer.labels(case))
            result = fresh.result(fresh.call())
            assert result.dtype == case.result_dtype
            assert spot_check(case, x, result) is None
            assert difference(case, x, reused.result(reused.call()), result) is None
            wrong = np.array(result)
            wrong.flat[0] = not wrong.flat[0]
            assert spot_check(case, x, wrong) is not None
    finally:
        tilepool.set_threads(threads)
