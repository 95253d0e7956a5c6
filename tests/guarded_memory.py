"""Memory that tells when more of it is touched than should be: pages that fault, margins that must keep their bytes."""

import ctypes
import math
import mmap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

PROT_NONE = 0  # <sys/mman.h>
POISON = 0xA5  # as float32 or float64 a tiny negative number, as an integer neither zero nor an extreme

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


@contextmanager
def between_guard_pages(shape: Sequence[int], dtype: Any, *, at_end: bool) -> Iterator[Array]:
    """A C-contiguous array whose last byte is followed by a page that must not be touched, or whose first follows one.

    An access to that page, be it a read of one byte, ends the process with SIGSEGV. The array must not be used after.
    """
    page = mmap.PAGESIZE
    size = math.prod(shape) * np.dtype(dtype).itemsize
    inside = -(-max(size, 1) // page) * page
    memory = mmap.mmap(-1, inside + 2 * page)
    whole = np.frombuffer(memory, np.uint8)
    for guard in (0, page + inside):
        if _libc.mprotect(whole.ctypes.data + guard, page, PROT_NONE) != 0:
            raise OSError(ctypes.get_errno(), "mprotect")
    begin = page + (inside - size if at_end else 0)
    whole[page : page + inside] = POISON
    yield whole[begin : begin + size].view(dtype).reshape(shape)
    del whole  # the mapping goes when the last view does


class Margins:
    """An array with poison before, behind and (where it has gaps) between its elements, and whether it is still there.

    `steps` are the distances of neighbours per axis, in elements, as multiples of those of a C-contiguous array.
    """

    def __init__(self, shape: Sequence[int], dtype: Any, steps: Sequence[int] | None = None, margin: int = 256) -> None:
        steps = [1] * len(shape) if steps is None else steps
        extents = [max(1, n) * step for n, step in zip(shape, steps, strict=True)]
        size = math.prod(extents) * np.dtype(dtype).itemsize
        self._memory = np.full(size + 2 * margin + 64, POISON, np.uint8)
        begin = margin + -(self._memory.ctypes.data + margin) % 64
        inside = self._memory[begin : begin + size].view(dtype).reshape(extents)
        cut = tuple(slice(0, n * step, step) for n, step in zip(shape, steps, strict=True))
        self.array: Array = inside[cut]

    def intact(self) -> bool:
        """Whether all bytes that are not the array's are still poison. Overwrites the array."""
        self.array.view(np.dtype((np.void, self.array.itemsize)))[...] = np.void(bytes([POISON] * self.array.itemsize))
        return bool(np.all(self._memory == POISON))
