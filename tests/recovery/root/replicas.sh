#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # what lib.sh has
# Two nodes with one key, reached through p11-kit-proxy: one dies, comes back, the other dies, comes back.
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=../../rigs/p11kit.sh
source "$rigs/p11kit.sh"

node_new() { # NAME: a SoftHSM with the key, in a folder of its own, and its server
    mkdir -p "$work/$1"
    printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$work/$1" >"$work/$1.conf"
    SOFTHSM2_CONF=$work/$1.conf token_of "$softhsm" "$1"
    SOFTHSM2_CONF=$work/$1.conf softhsm2-util --import key.pem --token "$1" --label key --id 01 --pin 1234 >/dev/null
    node_starts "$1"
}
node_starts() { # NAME
    SOFTHSM2_CONF=$work/$1.conf server_start "$1" "$1"
    node_pid[$1]=$server_pid
}
declare -A node_pid

authority
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem 2>/dev/null # in two tokens, so made outside
node_new one
node_new two
rm key.pem
mount -t tmpfs none /usr/share/p11-kit/modules
for node in one two; do
    printf 'remote: %s\n' "$(server_address "$node")" >"/usr/share/p11-kit/modules/$node.module"
done
key="pkcs11:object=key?module-path=$p11kit_proxy"
leaf_of "pkcs11:token=one;object=key?module-path=$p11kit_proxy" leaf.pem

# Without the option two tokens are one too many.
refused 3 token-ambiguous '2 tokens match' "$sigbridge" sign --key "$key" --cert leaf.pem "${anchors[@]}" "${claims[@]}" payload.json \
    -o none.cose --pin-file pin

turn=0
nodes_come_and_go() {
    case $((turn++ % 4)) in
    0) server_dies "${node_pid[one]}" ;;
    1) node_starts one ;;
    2) server_dies "${node_pid[two]}" ;;
    3) node_starts two ;;
    esac
}
survives_when nodes_come_and_go "$key" leaf.pem --replicas
all_good 1000
