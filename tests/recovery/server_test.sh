#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A token behind `p11-kit server`: the server is killed and started again; the process that serves us is killed; the server
# goes for good.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=../rigs/p11kit.sh
source "$rigs/p11kit.sh"

authority
token_of "$softhsm" far
"$sigbridge" token keygen -q "pkcs11:token=far?module-path=$softhsm" --label key --type P-256 --pin-file pin >/dev/null
leaf_of "pkcs11:token=far;object=key?module-path=$softhsm" leaf.pem
server_start node far
P11_KIT_SERVER_ADDRESS=$(server_address node)
export P11_KIT_SERVER_ADDRESS
key=$(client_uri far key)

server_is_started_again() {
    server_dies "$server_pid"
    server_start node far
}
our_process_is_killed() {
    # shellcheck disable=SC2046 # numbers
    kill -KILL $(server_remotes "$server_pid") 2>/dev/null || true
}
server_is_gone() {
    server_dies "$server_pid"
}

# A login that a connection broke in is not tried again, for the PIN may have been judged: so events keep apart. The time is
# what the command allows: without a deadline repairs end after three seconds, and a server may take longer to start.
survives_when server_is_started_again "$key" leaf.pem --apart --timeout 30000
all_good 1000
survives_when our_process_is_killed "$key" leaf.pem --apart --timeout 30000
all_good 1000

# The same under an EVP_PKEY of the provider.
configured "$p11kit_client" 'token-timeout = 30'
for happens in server_is_started_again our_process_is_killed; do
    survives_when "$happens" 'pkcs11:token=far;object=key' leaf.pem --apart --config provider.cnf
    all_good 1000
done

# What does not come back is refused in time, to every thread in the words of whoever looked for it last.
limit=$(patient_ms 4000)
survives_when server_is_gone "$key" leaf.pem --points 1 --timeout "$limit" --within "$((limit + limit / 8))" --until-refused
all_refused token-absent 'shows 0: check that the token is connected'
