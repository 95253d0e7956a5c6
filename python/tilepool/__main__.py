"""`python -m tilepool` shows in a second whether an install works: the configuration, and one array pooled."""

import numpy as np

from . import max_pool, show_config

show_config()
x = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
print(f"\nx of shape {x.shape}:\n{x}\n\nmax_pool(x, 2):\n{max_pool(x, 2)}")
