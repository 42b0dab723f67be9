#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What .ci/run runs: the tests, then every gate, the quick ones first. A red gate does not hide the next one.
#   ci/all.sh            all of it
#   ci/all.sh GATE...    these alone: ci/all.sh check-format check-shell
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

gates=(
    test check-skips
    check-format check-shell check-words check-length check-layers.sh check-secrets.sh
    check-compilers check-exports check-man check-docs check-install check-cppcheck check-tidy
    check-modules check-sanitizers check-valgrind check-threads check-coverage check-fuzz
    demo interop selftest bench
)
if [ $# -gt 0 ]; then gates=("$@"); fi

ci/setup gates
red=()
report=()
for gate in "${gates[@]}"; do
    [ -x "ci/$gate" ] || die "there is no ci/$gate"
    printf '\n=== ci/%s\n' "$gate"
    began=$SECONDS
    verdict=passed
    "ci/$gate" || { verdict=FAILED; red+=("$gate"); }
    report+=("$(printf '%-20s %-7s %4d s' "$gate" "$verdict" $((SECONDS - began)))")
done

printf '\n'
printf '%s\n' "${report[@]}"
printf '%d gates passed, %d failed, %d s\n' $((${#gates[@]} - ${#red[@]})) "${#red[@]}" "$SECONDS"
[ "${#red[@]}" -eq 0 ]
