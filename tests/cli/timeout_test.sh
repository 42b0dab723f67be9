#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# --token-timeout: a device that does not answer ends the run in time, at opening and at signing, and leaves no file.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

rig P-256
payload payload.json
client=$(find /usr/lib -name p11-kit-client.so -print -quit)
[ -n "$client" ] || die "p11-kit's client module is not installed"

# ---- a token behind a socket, each client with a process of its own there ----

p11-kit server -f -n "$work/socket" --provider "$PKCS11_MODULE_PATH" 'pkcs11:token=release' >server.out 2>&1 &
server=$!

served() { # SIGNAL: to the processes that serve clients
    pkill "-$1" -P "$server" || true
}

# What was stopped goes on again first: else it would not end. (The folder goes in lib.sh's own way.)
trap 'served CONT; served TERM; kill -CONT "$server"; kill "$server"; rm -rf "$work"' EXIT

within() { # SECONDS COMMAND...: true once it is
    local i tries=$(($1 * 20))
    shift
    for ((i = 0; i < tries; i++)); do
        if "$@"; then return 0; fi
        sleep 0.05
    done
    return 1
}

within 10 test -S socket || die "the server did not start: $(cat server.out)"
export P11_KIT_SERVER_ADDRESS=unix:path=$work/socket

remote_sign() { # OPTION...
    sign --module "$client" "${claims[@]}" --token-timeout "$(patient 1000)" "$@"
}

# ends BEGAN: the run in the background ended so, and did not wait for the server.
ends() {
    local status=0 began=$1
    wait "$run" || status=$?
    is "$status" 3
    in_time "$began" 3000
    is "$(field json 'd["error"]["name"]')" timeout
}

# ---- it answers ----

remote_sign payload.json -o good.cose
verify good.cose

# ---- it stops answering while the key is open ----

mkfifo pipe
remote_sign --hash sha256 - -o signing.cose --json --trace <pipe >json 2>trace &
run=$!
exec 8>pipe # the run has what it hashes open, and waits for it when everything else is done
opened() { [ "$(grep -c '^trace: C_FindObjectsFinal CKR_OK' trace)" -ge 3 ]; }
within 60 opened || die "the key was not opened: $(cat trace)"
sleep 0.5
served STOP
began=$(now)
echo artifact >&8
exec 8>&-
ends "$began"
[ ! -e signing.cose ] || die "a file was left"
hasnt trace C_Sign
served CONT

# ---- it does not answer at all ----

kill -STOP "$server"
began=$(now)
remote_sign payload.json -o opening.cose --json >json 2>err &
run=$!
ends "$began"
[ ! -e opening.cose ] || die "a file was left"
kill -CONT "$server"

# ---- and answers again ----

within 10 remote_sign -q payload.json -o again.cose || die "it does not answer again"
verify again.cose
