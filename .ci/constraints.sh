#!/bin/sh
# Write .ci/constraints.txt: the newest versions that fit pyproject.toml, for every Python it allows.
set -eu

cd "$(dirname "$0")/.."
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

if uv --version >/dev/null 2>&1; then
    uv=uv
else
    python=$(sh .ci/bootstrap.sh --which) || {
        echo "constraints: no Python 3.12 or newer was found." >&2
        exit 1
    }
    "$python" -m venv "$place/venv"
    "$place/venv/bin/python" -m pip install --quiet uv
    uv=$place/venv/bin/uv
fi

"$uv" pip compile pyproject.toml --quiet --all-extras --group dev --universal \
    --python-version 3.12 --no-header --no-annotate --no-emit-index-url --upgrade \
    --output-file "$place/constraints.txt"
cp "$place/constraints.txt" .ci/constraints.txt
echo "constraints: .ci/constraints.txt holds $(wc -l <.ci/constraints.txt) packages."
