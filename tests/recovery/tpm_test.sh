#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A TPM (simulated) that loses its power, and comes back.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=../rigs/tpm.sh
source "$rigs/tpm.sh"

authority
tpm_new
token_of "$tpm_module" tpm
tpm_key EC:prime256v1 key 01
key=$(tpm_uri key)
leaf_of "$key" leaf.pem

power_is_cut() {
    tpm_stop
    tpm_start
}

# The module calls the PIN wrong when the power goes in the middle of a login (it cannot unseal its key then), and a PIN
# is never tried twice: that is the one thing that may stop a run, and a run that it does not stop is whole.
whole=0
for _ in 1 2 3; do
    plays_when power_is_cut "$key" leaf.pem --threads 1
    if [ "$status" -eq 0 ]; then
        all_good 1000
        whole=1
        break
    fi
    [ "$(grep '^refused' said | cut -d ' ' -f 3 | sort -u)" = pin-incorrect ] || die 'refused for another reason'
    all_good 1
done
[ "$whole" -eq 1 ] || die 'every run met a login'
