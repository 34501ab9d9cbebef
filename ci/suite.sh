#!/usr/bin/env bash
# suite.sh lowest|newest: the tests in an environment of their own.
#   lowest  the oldest Python found, and the lower bound of every requirement
#   newest  the newest Python found, and the newest releases
set -euo pipefail
cd "$(dirname "$0")/.."

pythons=$(bash ci/pythons.sh)
newest=$(tail -n 1 <<<"$pythons")
constraints=()
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

case $1 in
lowest)
    chosen=$(head -n 1 <<<"$pythons")
    "${chosen#* }" ci/lowest.py >"$work/lowest.txt"
    cat "$work/lowest.txt"
    constraints=(--constraint "$work/lowest.txt")
    ;;
newest)
    chosen=$newest
    if used=$(.venv/bin/python -c 'import platform; print(platform.python_version())') && [ "$used" = "${newest%% *}" ]; then
        echo "skipped: no Python here is newer than $used, which 'make test' has used with the newest releases"
        exit 0
    fi
    ;;
*)
    echo "usage: suite.sh lowest|newest" >&2
    exit 2
    ;;
esac

echo "Python ${chosen%% *}"
"${chosen#* }" -m venv "$work/venv"
"$work/venv/bin/python" -m pip --quiet --disable-pip-version-check install "${constraints[@]}" \
    --config-settings editable_mode=compat --editable '.[test]'
"$work/venv/bin/python" -m pip list --disable-pip-version-check 2>/dev/null |
    grep -i -E '^(twisted|protobuf|wsproto|pyopenssl|service-identity|cryptography|filelock|treq|click|rich|pyarrow|pytest|pytest-twisted|pytest-xdist|hypothesis) '
# As `make test` does.
PYTHONDONTWRITEBYTECODE='' "$work/venv/bin/python" -m compileall -q ctrader_twisted twisted
PYTHONDONTWRITEBYTECODE='' "$work/venv/bin/python" -m pytest -p no:cacheprovider --numprocesses auto --dist loadfile -m "not soak"
