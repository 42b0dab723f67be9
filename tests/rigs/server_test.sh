#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SoftHSM behind `p11-kit server`: what its protocol cannot carry (EdDSA, hash-and-sign PSS) is not needed. Certificates
# and keys are made through it too.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$rigs/p11kit.sh"

authority
token_of "$softhsm" far
server_start node far
P11_KIT_SERVER_ADDRESS=$(server_address node)
export P11_KIT_SERVER_ADDRESS
for key in 'P-256 ES256' 'P-384 ES384' 'RSA-2048 PS256'; do
    read -r type alg <<<"$key"
    "$sigbridge" token keygen -q "pkcs11:token=far?module-path=$p11kit_client" --label "$type" --type "$type" \
        --pin-file pin >/dev/null
    signs_by_itself "server-$type" "$alg" "$(client_uri far "$type")"
done

# The server goes, and comes back: a process that starts meanwhile is told so.
gone "$server_pid"
refused 3 token-absent 'no token' "$sigbridge" sign --key "$(client_uri far P-256)" --cert server-P-256.pem "${anchors[@]}" \
    "${claims[@]}" payload.json -o none.cose --pin-file pin
server_start node far
sign_as "$(client_uri far P-256)" server-P-256.pem again.cose
judged_good again.cose ES256
