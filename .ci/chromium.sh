#!/bin/sh
# Install the browser of the tests in tests/browser where it is missing and that is possible.
#
# Debian's own Chromium: Playwright drives what the machine has and downloads none. Status 1 where there is none.
set -eu

for name in chromium chromium-browser google-chrome google-chrome-stable; do
    ! command -v "$name" >/dev/null || exit 0
done
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "chromium: there is none, and it cannot be installed here (that takes root and apt)." >&2
    exit 1
fi
echo "chromium: installing Debian's package for the browser tests"
export DEBIAN_FRONTEND=noninteractive
{ apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } >/dev/null || {
    echo "chromium: apt-get could not install it; the message above says why." >&2
    exit 1
}
