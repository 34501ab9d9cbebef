#!/usr/bin/env bash
# Print every released Python from 3.11 on that is found on PATH or under pyenv, oldest first, one a line: VERSION PATH.
set -euo pipefail

candidates() {
    compgen -c python3 | grep -E '^python3(\.[0-9]+)?$' | sort -u | while read -r name; do
        type -aP "$name"
    done
    if command -v pyenv >/dev/null; then
        pyenv versions --bare | while read -r version; do
            echo "$(pyenv prefix "$version" 2>/dev/null)/bin/python"
        done
    fi
}

describe='
import sys
import ensurepip, venv
if sys.version_info >= (3, 11) and sys.version_info.releaselevel == "final":
    print("%d.%02d.%02d" % sys.version_info[:3], sys.executable)
'
candidates | sort -u | while read -r python; do
    "$python" -c "$describe" 2>/dev/null || true
done | sort -u -k1,1 | sed -E 's/^([0-9]+)\.0?([0-9]+)\.0?([0-9]+) /\1.\2.\3 /'
