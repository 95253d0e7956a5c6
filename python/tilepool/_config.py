"""The threads of a process, and what this install is made of."""

from typing import SupportsIndex

import numpy as np

from . import _arguments as arguments
from . import _core


def set_threads(threads: SupportsIndex | None) -> int | None:
    """Set the number of threads of calls that name none, for the whole process.

    Parameters
    ----------
    threads : int or None
        1 to 1024, or None for the default: ``TILEPOOL_THREADS`` from the environment, else ``OMP_NUM_THREADS``, else
        the CPUs that the process may use.

    Returns
    -------
    int or None
        What was set before, to be set again later.

    Raises
    ------
    TypeError, ValueError
        `threads` is not such a number.

    Examples
    --------
    >>> import tilepool as tp
    >>> before = tp.set_threads(2)
    >>> tp.get_threads()
    2
    >>> tp.set_threads(before)
    2
    """
    return _core.set_threads(arguments.threads(threads)) or None


def get_threads() -> int:
    """The number of threads of calls that name none; see `set_threads`.

    Small arrays are pooled by one thread whatever the number.

    Examples
    --------
    >>> import tilepool as tp
    >>> tp.get_threads() >= 1
    True
    """
    return _core.get_threads()


def show_config() -> None:
    """Print version, compiler, instruction sets and threads.

    Examples
    --------
    >>> import tilepool as tp
    >>> tp.show_config()  # doctest: +ELLIPSIS
    tilepool ...
    """
    built, usable, used = _core.built_isas(), _core.available_isas(), _core.get_isa()
    print(
        f"tilepool {_core.__version__}",
        f"numpy             {np.__version__}",
        f"compiler          {_core.compiler}",
        f"instruction sets  {', '.join(built)} (this CPU: {', '.join(usable)}; in use: {used})",
        f"threads           {_core.get_threads()} ({_core.backend})",
        f"element types     {', '.join(_core.dtypes)}",
        sep="\n",
    )
