#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SoftHSM: a key of every type that it makes and the profiles take, with and without a login before each signature.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

authority
for key in 'P-256 ES256' 'P-384 ES384' 'P-521 ES512' 'RSA-2048 PS256' 'RSA-3072 PS384' 'RSA-4096 PS512'; do
    read -r type alg <<<"$key"
    "$sigbridge" token keygen -q "pkcs11:token=release?module-path=$softhsm" --label "$type" --type "$type" \
        --pin-file pin >/dev/null
    signs_by_itself "softhsm-$type" "$alg" "pkcs11:token=release;object=$type?module-path=$softhsm"
done

pkcs11-tool --module "$softhsm" --token-label release --login --pin 1234 --keypairgen --key-type EC:prime256v1 --id 77 \
    --label always --always-auth >keygen.log
signs softhsm-always ES256 "pkcs11:token=release;object=always?module-path=$softhsm"
