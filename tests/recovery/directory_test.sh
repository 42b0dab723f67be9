#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The token's folder is moved away, and back: a disk that is late, a device that is unplugged.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

authority
"$sigbridge" token keygen -q "pkcs11:token=release?module-path=$softhsm" --label key --type P-256 --pin-file pin >/dev/null
key="pkcs11:token=release;object=key?module-path=$softhsm"
leaf_of "$key" leaf.pem

token_is_away_for_a_while() {
    mv tokens away
    sleep 0.1
    mv away tokens
}
token_is_away() {
    mv tokens away
}

survives_when token_is_away_for_a_while "$key" leaf.pem
all_good 1000

limit=$(patient_ms 1000)
survives_when token_is_away "$key" leaf.pem --points 1 --timeout "$limit" --within "$((limit + limit / 2))" --until-refused
all_refused module 'C_Initialize gave CKR_GENERAL_ERROR'
