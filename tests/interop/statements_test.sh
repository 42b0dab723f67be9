#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Statements of every key type and shape, made by keys in a token, are what the profile says byte for byte; and with a
# bit flipped in any part neither the independent checker nor the command takes them.
source "$(dirname "${BASH_SOURCE[0]}")/keys.sh"

payload=$scratch/payload.json
artifact=$scratch/artifact
printf '{"build":{"number":7}}\n' >"$payload"
head -c 100000 /dev/urandom >"$artifact"
flipped=0

check() { # STATEMENT OPTION...
    quietly "$python" tests/interop/check_statement.py "$1" --root "$rig/root.pem" --eku "$eku" --subject "$subject" \
        --svn "$svn" --content-type application/json "${@:2}"
}

every_part_counts() { # PROFILE FOLDER OPTION...
    local file
    for file in "$2"/*.cose; do
        refused "$1" "$file" "${@:3}"
        flipped=$((flipped + 1))
    done
}

attached() { # TYPE ALG PROFILE
    local statement=$scratch/$1-attached.cose parts=$scratch/$1-attached
    mkdir "$parts"
    sign "$1" "$3" "$payload" "$statement"
    verify "$3" "$statement" >/dev/null || die "$1: our own statement is refused"
    check "$statement" --alg "$2" --payload "$payload" --flip-into "$parts"
    every_part_counts "$3" "$parts"
}

envelope() { # TYPE ALG PROFILE HASH
    local statement=$scratch/$1-envelope.cose parts=$scratch/$1-envelope
    mkdir "$parts"
    sign "$1" "$3" "$artifact" "$statement" --hash "$4" --location https://files.example/artifact
    verify "$3" "$statement" --artifact "$artifact" >/dev/null || die "$1: our own hash envelope is refused"
    check "$statement" --alg "$2" --artifact "$artifact" --location https://files.example/artifact --flip-into "$parts"
    every_part_counts "$3" "$parts" --artifact "$artifact"
    refused "$3" "$statement" --artifact "$payload"
}

detached() { # TYPE ALG
    local statement=$scratch/$1-detached.cose parts=$scratch/$1-detached
    mkdir "$parts"
    sign "$1" cose "$payload" "$statement" --detached
    verify cose "$statement" --payload "$payload" >/dev/null || die "$1: our own detached statement is refused"
    check "$statement" --alg "$2" --payload "$payload" --flip-into "$parts"
    every_part_counts cose "$parts" --payload "$payload"
    refused cose "$statement" --payload "$artifact"
    refused mst "$statement" --payload "$payload"
}

make_cas P-384
for key in "${KEYS[@]}"; do
    read -r type alg _ hash profile id <<<"$key"
    make_leaf "$type" "$id"
    attached "$type" "$alg" "$profile"
    envelope "$type" "$alg" "$profile" "$hash"
    detached "$type" "$alg"
done
check "$scratch/P-256-attached.cose" --every-byte
passed "$((3 * ${#KEYS[@]})) statements, $flipped flipped ones refused"
