# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # what lib.sh has is used here, and what is here by the stories
# SPDX-License-Identifier: Apache-2.0
# p11-kit: tokens behind a server (a network HSM, for those who ask), and its proxy with a configuration of our own.
p11kit_client=$(module_file pkcs11/p11-kit-client.so)
p11kit_proxy=$(module_file p11-kit-proxy.so)

# server_start NAME TOKEN: a server on the socket $work/NAME.sock for a token of the SoftHSM that SOFTHSM2_CONF names.
# It starts a process for each client, which ends with the client's connection.
server_start() {
    rm -f "$work/$1.sock"
    spawn p11-kit server -f -n "$work/$1.sock" --provider "${softhsm:?}" "pkcs11:token=$2"
    server_pid=$!
    until_true test -S "$work/$1.sock"
}

# The server with every process of a client: nothing of the node is left.
server_dies() { # PID
    local remotes
    remotes=$(server_remotes "$1")
    gone "$1" KILL
    # shellcheck disable=SC2086 # numbers
    [ -z "$remotes" ] || kill -KILL $remotes 2>/dev/null || true
}

# Where p11-kit-client.so looks for its server.
server_address() { # NAME
    printf 'unix:path=%s/%s.sock' "$work" "$1"
}

# The processes that this server started for its clients.
server_remotes() { # PID
    cat "/proc/$1/task/$1/children" 2>/dev/null
}

client_uri() { # TOKEN LABEL
    printf 'pkcs11:token=%s;object=%s?module-path=%s' "$1" "$2" "$p11kit_client"
}

# only_module NAME LINE...: in a mount namespace; what p11-kit's configuration says from now on.
only_module() {
    mount -t tmpfs none /usr/share/p11-kit/modules
    printf '%s\n' "${@:2}" >"/usr/share/p11-kit/modules/$1.module"
}
