#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# docs/verify-by-hand.md: every step prints what the page says.
set -euo pipefail

page=$PWD/docs/verify-by-hand.md
corpus=${SIGBRIDGE_CORPUS:-$PWD/../shared/corpus}/mst
if [ ! -d "$corpus" ]; then
    echo "skipped: there is no $corpus"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$corpus/uvm-transparent.cose" "$corpus/esrp-cts-db.json" "$work"
cd "$work"

# Steps as N.sh with N.wanted, and by_hand.py.
awk '/^<!-- run -->$/ { file = ++steps ".sh" }
    /^<!-- prints -->$/ { file = steps ".wanted" }
    /^<!-- save / { file = $3 }
    /^```/ { inside = !inside && file != ""; if (!inside) file = ""; next }
    inside { print > file }' "$page"
[ "$(find . -name '*.sh' | wc -l)" -eq 6 ] || { echo "the page has another number of steps"; exit 1; }

PATH=$(dirname "$SIGBRIDGE"):/usr/bin:/bin
export PATH
for step in 1 2 3 4 5 6; do
    bash -eu "$step.sh" >said 2>&1 || { cat said; echo "step $step fails"; exit 1; }
    printf '%s\n' "$(cat said)" | diff - "$step.wanted" || { echo "step $step prints something else"; exit 1; }
done
