#!/usr/bin/env bash
# Spotware's own package and ours in one process, with the newest and with the lowest protobuf that ours takes.
# What it pins clashes with what ours needs, so it is unpacked without.
set -euo pipefail
cd "$(dirname "$0")/.."

theirs=ctrader-open-api==0.9.2
tests=(tests/loopback/test_compat_both.py tests/compat)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --target "$work/theirs" "$theirs"
lowest=$(.venv/bin/python ci/lowest.py | grep '^protobuf==')

try() {
    local status=0
    "$1" -c 'import google.protobuf; print("protobuf", google.protobuf.__version__)'
    CTRADER_OPEN_API=$work/theirs "$1" -m pytest -p no:cacheprovider -q "${tests[@]}" | tee "$work/output" || status=$?
    if [ "$status" -eq 0 ] && grep -qi skipped "$work/output"; then
        echo "a test was skipped, which shows nothing"
        status=1
    fi
    return "$status"
}

failed=0
try .venv/bin/python || failed=1

.venv/bin/python -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --config-settings editable_mode=compat --editable '.[oauth]' requests \
    pytest pytest-twisted pytest-xdist hypothesis "$lowest"
try "$work/venv/bin/python" || failed=1

exit "$failed"
