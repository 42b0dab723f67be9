#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Receipts of our log, both trees and both curves, judged by a program that shares no code with it (check_receipts.py); inclusion
# and consistency of RFC 9162 for every size below 70.
source "$(dirname "${BASH_SOURCE[0]}")/keys.sh"

testlog=${SIGBRIDGE_BUILD:-$root/build}/tests/testlog
make_cas P-256
make_leaf P-256 11
keygen P-256 ledger-256
keygen P-384 ledger-384
for i in {1..69}; do
    printf '{"number":%d}' "$i" >"$scratch/$i.json"
    sign P-256 mst "$scratch/$i.json" "$scratch/$i.cose"
done

logged() { # FOLDER KEY TREE OPTION... STATEMENT...
    rm -rf "$1"
    mkdir "$1"
    quietly "$testlog" --module "$module" --pin-file "$pin" --key "pkcs11:token=demo;object=$2" --tree "$3" --issuer ledger.example \
        --out "$1" "${@:4}"
}
judged() { # WANTED FOLDER BEFORE STATEMENT...
    local said
    said=$("$python" "$root/tests/interop/check_receipts.py" "${@:2}") || die "$said"
    [ "$said" = "$1" ] || die "found $said, wanted $1"
}

for key in ledger-256 ledger-384; do
    logged "$scratch/ccf" "$key" ccf --before 5 --after 90 --seals 1 "$scratch/1.cose" "$scratch/2.cose"
    judged '2 0 [2]' "$scratch/ccf" 5 "$scratch/1.cose" "$scratch/2.cose"
done

# every leaf of every tree, then every two trees
logged "$scratch/rfc" ledger-384 rfc9162 --before 5 --seals 3 --continuations 1 "$scratch/1.cose" "$scratch/2.cose"
judged '6 3 [1]' "$scratch/rfc" 5 "$scratch/1.cose" "$scratch/2.cose"
statements=()
for size in {1..69}; do
    statements+=("$scratch/$size.cose")
    logged "$scratch/rfc" ledger-256 rfc9162 --seals 1 "${statements[@]}"
    judged "$size 0 [1]" "$scratch/rfc" 0 "${statements[@]}"
done
logged "$scratch/rfc" ledger-256 rfc9162 --seals 69 --continuations 1 "$scratch/1.cose"
judged '69 2346 [1]' "$scratch/rfc" 0 "$scratch/1.cose"
passed "2,415 inclusions and 2,346 continuations of RFC 9162, 4 receipts of CCF"
