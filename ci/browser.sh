#!/usr/bin/env bash
# The tests that drive a browser. A Chromium is installed if there is none and we may; if there is none even then, they
# are skipped, which in CI is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."

browser() {
    local name
    for name in "${CTRADER_BROWSER:-}" chromium chromium-browser google-chrome; do
        if [ -n "$name" ] && command -v "$name"; then
            return
        fi
    done
    return 1
}

if ! browser >/dev/null && command -v apt-get >/dev/null && [ "$(id -u)" -eq 0 ]; then
    echo "Installing Chromium ..."
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update && apt-get -qq install -y --no-install-recommends chromium >/dev/null || true
fi

if ! found=$(browser); then
    echo "there is no Chromium; install one, or name it: CTRADER_BROWSER=/path/to/chrome"
    [ "${CI:-}" != true ] || exit 1
    echo "skipped"
    exit 0
fi

echo "$found"
make --no-print-directory test ARGS=tests/browser
