#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SoftHSM, while another user of the module in the process closes every session, logs out, or finalises the
# module: to a signer of the library, and to an EVP_PKEY of the provider.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

authority
"$sigbridge" token keygen -q "pkcs11:token=release?module-path=$softhsm" --label key --type P-256 --pin-file pin >/dev/null
key="pkcs11:token=release;object=key?module-path=$softhsm"
leaf_of "$key" leaf.pem
configured "$softhsm"

for event in close-all-sessions logout finalize; do
    survives "$key" leaf.pem --module "$softhsm" --event "$event"
    all_good 1000
    survives "pkcs11:token=release;object=key" leaf.pem --config provider.cnf --module "$softhsm" --event "$event"
    all_good 1000
done
