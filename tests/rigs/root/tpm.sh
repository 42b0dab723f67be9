#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tpm2-pkcs11 behind the resource manager, token and keys by the module's own tool: RSA-PSS too.
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=../tpm.sh
source "$rigs/tpm.sh"

authority
tpm_new
tpm_broker
tpm2_ptool init >ptool.log
tpm2_ptool addtoken --pid=1 --label=tpm --sopin=12345678 --userpin=1234 >>ptool.log
for key in 'ecc256 ES256' 'rsa2048 PS256' 'rsa3072 PS384'; do
    read -r type alg <<<"$key"
    tpm2_ptool addkey --label=tpm --key-label="$type" --userpin=1234 --algorithm="$type" >>ptool.log
    signs_by_itself "tpm-$type" "$alg" "$(tpm_uri "$type")"
done
