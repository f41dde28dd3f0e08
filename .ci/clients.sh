#!/bin/sh
# Run the tests of Redis with other releases of redis-py: `sh .ci/clients.sh [RELEASE...]`.
#
# Each release is put in front of the one that is installed. TASKQ_TEST_REDIS names another server.
set -eu

cd "$(dirname "$0")/.."
python=.venv/bin/python
[ $# -gt 0 ] || set -- '5.0.*' '5.3.*' '6.*' '7.*' '8.*'

for release; do
    place=.ci/venvs/redis-py-$(printf %s "$release" | tr -c '0-9\n' -)
    rm -rf "$place"
    "$python" -m pip install --quiet --target "$place" "redis==$release" ||
        { echo "clients: redis-py $release could not be installed." >&2; exit 1; }
    echo "clients: redis-py $(PYTHONPATH=$place "$python" -c 'import redis; print(redis.__version__)')"
    PYTHONPATH=$place "$python" -m pytest -q -k redis \
        tests/stores/redis tests/stores/test_contract.py tests/backends tests/conformance
done
