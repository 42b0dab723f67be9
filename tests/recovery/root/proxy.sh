#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # what lib.sh has
# A token on a server, reached through p11-kit-proxy: the process that serves us is killed while several threads sign.
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=../../rigs/p11kit.sh
source "$rigs/p11kit.sh"

authority
token_of "$softhsm" far
"$sigbridge" token keygen -q "pkcs11:token=far?module-path=$softhsm" --label key --type P-256 --pin-file pin >/dev/null
leaf_of "pkcs11:token=far;object=key?module-path=$softhsm" leaf.pem
server_start node far
only_module remote "remote: $(server_address node)"

our_process_is_killed() {
    # shellcheck disable=SC2046 # numbers
    kill -KILL $(server_remotes "$server_pid") 2>/dev/null || true
}

# Of threads that wait in p11-kit for answers when the connection breaks, some would wait for ever.
survives_when our_process_is_killed "pkcs11:token=far;object=key?module-path=$p11kit_proxy" leaf.pem --apart --timeout 30000
all_good 1000
