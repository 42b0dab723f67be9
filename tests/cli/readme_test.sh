#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The worked example of README.md does what it says, pasted as it stands.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { printf '%s\n' "$*" >&2 && exit 1; }

sed -n '/^<!-- example begin -->$/,/^<!-- example end -->$/p' README.md | sed '1,2d;$d' | sed '$d' >"$work/example"
[ "$(grep -c sigbridge "$work/example")" -ge 8 ] || fail "README.md has no worked example"
# another build folder than the one that it names
sed -i "s,\$PWD/build/bin,$(dirname "$SIGBRIDGE")," "$work/example"

env -i HOME="$work" PATH=/usr/bin:/bin TMPDIR="$work" bash -eu "$work/example" >"$work/said" 2>&1 </dev/null ||
    { cat "$work/said" && fail "the example fails"; }

made=$(find "$work" -name payload.cose)
[ -s "$made" ] || fail "the example made no statement"
folder=$(dirname "$made")
eku=$(sed -n 's/^eku=\(2\.25\.[0-9]*\).*/\1/p' "$work/example")
"$SIGBRIDGE" verify --root "$folder/root.pem" --eku "$eku" --subject svc.example --min-svn 7 "$made" 2>/dev/null ||
    fail "what the example made does not verify"
if "$SIGBRIDGE" verify --root "$folder/root.pem" --eku "$eku" --min-svn 8 "$made" 2>"$work/refusal"; then
    fail "svn 7 passes a floor of 8"
fi
grep -q 'svn' "$work/refusal" || fail "the refusal does not say svn"
