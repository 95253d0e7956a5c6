"""Every public function that takes an array, a file a family: signature, docstring, and a line that says what it asks.

A function decorated by `pooling` only describes a pooling, by values of `_ops` and `_windows`; `_run` does it. The last
arguments (`nan_policy`, `min_count`, `mask`, `weights`, `out`, `threads`) stand in the signatures for the reader:
`_run` takes them.
"""
