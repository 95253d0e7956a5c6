"""How a specialist takes part: functions of its library are called as home_cases.csv names them, with what it says."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.metadata import version
from operator import attrgetter
from typing import Any

import numpy as np

from contender import Contender
from home_cases import HomeCase
from ops import Array

Run = Callable[[], Any]


class Specialist:
    """A library whose functions take an array first. A method of a function's name does what is not to be timed."""

    target = ""  # the keyword of the memory for a result

    def __init__(self, name: str, module: str, package: str, threads: int) -> None:
        self.name, self.threads = name, threads
        self.library: Any = import_module(module)
        self.version = version(package) if package else str(self.library.__version__)

    def labels(self, case: HomeCase) -> tuple[str, ...]:
        return (self.name,)

    def prepare(self, label: str, case: HomeCase, x: Array) -> Contender:
        call = case.call(self.name)
        way = getattr(self, f"{call.name.replace('.', '_')}_of", None) or self.function(call.name)
        run = way(x, *call.arguments, **call.keywords)
        if case.memory == "reused" and self.target:
            run = partial(run, **{self.target: run()})
        return Contender(run, self.array)

    def function(self, name: str) -> Callable[..., Run]:
        return partial(partial, attrgetter(name)(self.library))

    def array(self, result: Any) -> Array:
        """Of several results (a pyramid's) the last."""
        return np.asarray(result[-1] if isinstance(result, list) else result)


class Wrapped(Specialist):
    """A library with a type of its own: what the calls name are methods of it, which take no array."""

    def function(self, name: str) -> Callable[..., Run]:
        return lambda x, *arguments, **keywords: partial(attrgetter(name)(self.wrap(x)), *arguments, **keywords)

    def wrap(self, x: Array) -> Any:
        return self.library.Series(x)
