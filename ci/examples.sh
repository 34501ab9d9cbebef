#!/usr/bin/env bash
# Run every examples/*.py as a reader would, with no arguments: each talks to a simulated venue and ends by itself.
set -euo pipefail
cd "$(dirname "$0")/.."

output=$(mktemp)
trap 'rm -f "$output"' EXIT

count=0
failed=0
for example in examples/*.py; do
    [ -e "$example" ] || {
        echo "there are no examples"
        exit 1
    }
    count=$((count + 1))
    status=0
    timeout 60 .venv/bin/python "$example" >"$output" 2>&1 </dev/null || status=$?
    if [ "$status" -eq 0 ]; then
        echo "ok      $example"
    else
        failed=$((failed + 1))
        echo "failed  $example (status $status)"
        sed 's/^/        /' "$output"
    fi
done
echo "$((count - failed)) of $count examples ran"
[ "$failed" -eq 0 ]
