#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SoftHSM, while another user of the module in the process closes every session, logs out, or finalises the module.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

authority
"$sigbridge" token keygen -q "pkcs11:token=release?module-path=$softhsm" --label key --type P-256 --pin-file pin >/dev/null
key="pkcs11:token=release;object=key?module-path=$softhsm"
leaf_of "$key" leaf.pem

for event in close-all-sessions logout finalize; do
    survives "$key" leaf.pem --module "$softhsm" --event "$event"
    all_good 1000
done
