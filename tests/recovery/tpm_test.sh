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
# is never tried twice: so each cut waits until the token is well after the last one, and nobody logs in then.
survives_when power_is_cut "$key" leaf.pem --threads 1 --apart --timeout 30000
all_good 1000

# Four threads meet each cut at once.
survives_when power_is_cut "$key" leaf.pem --apart --timeout 30000
all_good 1000
