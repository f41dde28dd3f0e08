#!/bin/sh
# Make a virtual environment with everything this project needs for work on it.
#
#   .ci/bootstrap.sh [DIRECTORY]          default: .venv
#   .ci/bootstrap.sh --which              only say which Python it would take; status 1 if none
#
#   TASKQ_PYTHON=3.12    only this version of Python; otherwise the first of 3.13, 3.12, 3.14
#   TASKQ_DJANGO=6.0     only this series of Django; otherwise the one in .ci/constraints.txt
#   TASKQ_GROUP=test     the dependency group to install; otherwise dev
set -eu

cd "$(dirname "$0")/.."
venv=${1:-.venv}
wanted=${TASKQ_PYTHON:-}
series=${TASKQ_DJANGO:-}
group=${TASKQ_GROUP:-dev}
extras=mysql,opentelemetry,postgresql,redis,sentry
constraints=.ci/constraints.txt

# A pip or uv setting of the caller's must not lead the installation into another environment.
unset VIRTUAL_ENV PYTHONHOME PYTHONPATH PIP_TARGET PIP_PREFIX PIP_USER 2>/dev/null || :
export PIP_DISABLE_PIP_VERSION_CHECK=1

fail() {
    echo "bootstrap: $*" >&2
    exit 1
}

# A candidate counts only if it runs: a shim of pyenv may exist for a Python that is not active.
fits() {
    "$1" - "$wanted" >/dev/null 2>&1 <<'PYTHON'
import sys
version = "%d.%d" % sys.version_info[:2]
wanted = sys.argv[1]
sys.exit(not (version == wanted if wanted else sys.version_info >= (3, 12)))
PYTHON
}

find_python() {
    for version in ${wanted:-3.13 3.12 3.14}; do
        for candidate in "python$version" \
            "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version"*/bin/python \
            "$HOME"/.local/share/uv/python/cpython-"$version"*/bin/python3; do
            if fits "$candidate"; then
                echo "$candidate"
                return
            fi
        done
    done
    for candidate in python3 python; do
        if fits "$candidate"; then
            echo "$candidate"
            return
        fi
    done
}

has_uv() {
    uv --version >/dev/null 2>&1
}

make_venv_with_uv() {
    for choice in "$python" "${wanted:-3.13}" "${wanted:->=3.12}"; do
        # Without a Python on the machine uv fetches one, where it can.
        [ -z "$choice" ] || ! uv venv --quiet --clear --python "$choice" "$venv" 2>/dev/null || return 0
    done
    fail "uv found no Python ${wanted:-3.12 or newer} and could not fetch one; install Python ${wanted:-3.13}."
}

make_venv_with_pip() {
    [ -n "$python" ] ||
        fail "no Python ${wanted:-3.12 or newer} was found; install one (or uv) and try again."
    "$python" -c "import ensurepip, venv" >/dev/null 2>&1 ||
        fail "$python cannot make a virtual environment; install its venv package (on Debian: apt-get install python3-venv)."
    "$python" -m venv --clear "$venv" ||
        fail "$python could not make the virtual environment $venv; the message above says why."
}

# Pips older than 25.1, as bundled with Python, do not know dependency groups; uv leaves pip out.
prepare_pip() {
    "$venv/bin/python" -m pip --version >/dev/null 2>&1 ||
        "$venv/bin/python" -m ensurepip >/dev/null 2>&1 ||
        fail "$venv holds no pip; remove it and try again."
    "$venv/bin/python" -m pip install --quiet --upgrade "pip>=25.1" ||
        fail "pip could not be upgraded; check that a package index can be reached."
}

# The pins of another Django series must go, or the two requirements could never both hold.
chosen_constraints() {
    if [ -n "$series" ]; then
        grep -v '^django==' "$constraints" >"$venv/constraints.txt"
        echo "django==$series.*" >>"$venv/constraints.txt"
        constraints=$venv/constraints.txt
    fi
}

install_all() {
    if has_uv; then
        uv pip install --quiet --python "$venv/bin/python" \
            --constraints "$constraints" --editable ".[$extras]" --group "$group"
    else
        prepare_pip
        "$venv/bin/python" -m pip install --quiet \
            --constraint "$constraints" --editable ".[$extras]" --group "$group"
    fi || fail "the packages could not be installed; the message above says why."
}

python=$(find_python)
if [ "$venv" = --which ]; then
    [ -n "$python" ] || exit 1
    echo "$python"
    exit
fi
if ! fits "$venv/bin/python"; then
    if has_uv; then make_venv_with_uv; else make_venv_with_pip; fi
fi
chosen_constraints
install_all
echo "bootstrap: $venv is ready ($("$venv/bin/python" --version), Django $("$venv/bin/python" -m django --version))."
