#!/usr/bin/env bash
# What other people's type checkers see: every public name has a type (pyright --verifytypes), and wrong uses are refused (tests/typing).
set -euo pipefail
cd "$(dirname "$0")/.."
make --no-print-directory .venv/dev.stamp

root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# pyright looks for packages where the first python of PATH does, and not where a project of its own may lie.
export PATH="$root/.venv/bin:$PATH" PYRIGHT_PYTHON_IGNORE_WARNINGS=1
cd "$work"

pyright --verifytypes ctrader_twisted --ignoreexternal >verified.txt || true
tail -n 20 verified.txt
# The score is rounded: 100% is what is said of three ambiguous names among 8,900, too.
exported=$(sed -n '/^Symbols exported/,/^$/p' verified.txt)
if ! grep -q '^Type completeness score: 100%$' verified.txt || ! grep -q '  With ambiguous type: 0$' <<<"$exported" \
    || ! grep -q '  With unknown type: 0$' <<<"$exported"; then
    grep -E '^ctrader_twisted|error:' verified.txt | head -n 60
    exit 1
fi

# A copy: pyright reads nothing that lies outside of its project. The comments that suppress an error are held to suppress one.
cp -R "$root/tests/typing" uses
cat >pyrightconfig.json <<END
{"include": ["uses"], "reportUnnecessaryTypeIgnoreComment": "error", "enableTypeIgnoreComments": false}
END
pyright --project pyrightconfig.json
mypy --config-file "$root/setup.cfg" --warn-unused-ignores uses
