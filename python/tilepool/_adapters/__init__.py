"""Arrays of other libraries come back as what they were. An adapter is imported when such an array comes."""

from __future__ import annotations

import sys
from typing import Any

KNOWN: dict[type, Any] = {}  # what pools arrays of the usual types of adapters that are loaded


def pool_of(kind: type) -> Any:
    """What pools arrays of that type, if it is one of a library that has an adapter."""
    torch = sys.modules.get("torch")
    if torch is None or not issubclass(kind, torch.Tensor):
        return None
    from . import torch as adapter

    KNOWN.update(dict.fromkeys((torch.Tensor, torch.nn.Parameter), adapter.call))
    return adapter.call
