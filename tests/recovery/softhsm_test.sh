#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SoftHSM, while another user of the module in the process closes every session, logs out, or finalises the
# module, or while the device fails calls: to a signer of the library, and to an EVP_PKEY of the provider.
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

# The device itself fails a few calls, whoever made them, each time in another way.
export SIGB_FAULT_MODULE=$softhsm
fault=${SIGBRIDGE_BUILD:-$top/build}/lib/fault_module.so
configured "$fault"
survives "pkcs11:token=release;object=key?module-path=$fault" leaf.pem --module "$fault" --event device-errors
all_good 1000
survives "pkcs11:token=release;object=key" leaf.pem --config provider.cnf --module "$fault" --event device-errors
all_good 1000

# A key that is copied into each session that ends is copied anew. (Ours cannot be changed, and SoftHSM copies no such key.)
pkcs11-tool --module "$softhsm" --token-label release --login --pin "$(<pin)" --keypairgen --key-type EC:prime256v1 --id 78 \
    --label copied >keygen.log
key="pkcs11:token=release;object=copied?module-path=$softhsm"
leaf_of "$key" copied.pem
for event in close-all-sessions logout finalize; do
    survives "$key" copied.pem --module "$softhsm" --event "$event" --copy-key
    all_good 1000
done
