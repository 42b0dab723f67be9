# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Sourced first by every story about a module: what tests/cli/lib.sh has, an authority in a SoftHSM of its own ($ca_key,
# root.pem, ca.pem), processes that end with the story, and the proof that a key signs. One file a rig stands beside.
rigs=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$rigs/../cli/lib.sh"

# Modules end and start processes: all of them are ours, known by their numbers, and gone when the story is.
spawned=()
all_gone() {
    local pid
    for pid in "${spawned[@]}"; do gone "$pid"; done
    rm -rf "$work"
}
trap all_gone EXIT

spawn() { # COMMAND...: in the background; $! is its number
    "$@" >>"$work/spawned.log" 2>&1 &
    spawned+=("$!")
}

gone() { # PID [SIGNAL]: ends it, waits for it
    kill "-${2:-TERM}" "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

until_true() { # COMMAND...: tried for a minute
    local i
    for ((i = 0; i < 3000; i++)); do
        if "$@" >/dev/null 2>&1; then return; fi
        sleep 0.02
    done
    die "not within a minute: $* $(tail -n 5 "$work/spawned.log")"
}

# module_file NAME: where the distribution keeps it.
module_file() {
    local path
    for path in /usr/lib/"$1" /usr/lib/*/"$1" /usr/lib/*/pkcs11/"$1"; do
        [ -e "$path" ] && printf '%s\n' "$path" && return
    done
    die "$1 is not installed: run ci/setup"
}

# A token "release" with a CA that signs certificates for keys of any module, and something to sign.
authority() {
    softhsm
    softhsm=$PKCS11_MODULE_PATH
    unset PKCS11_MODULE_PATH
    token_of "$softhsm" release
    ca_key="pkcs11:token=release;object=ca?module-path=$softhsm"
    "$sigbridge" token keygen -q "pkcs11:token=release?module-path=$softhsm" --label ca --type P-384 --pin-file "$work/pin" >/dev/null
    cert root "$ca_key" 'CN=Test Root' root.pem
    payload payload.json
}

token_of() { # MODULE LABEL
    "$sigbridge" token init -q --module "$1" --label "$2" --so-pin-file "$work/so-pin" --pin-file "$work/pin" >/dev/null
}

leaf_of() { # URI FILE OPTION...: a certificate for this key, on its token and in a file
    cert leaf "$1" 'CN=Test Leaf' "$2" --issuer-key "$ca_key" --issuer-cert root.pem --eku "$eku" "${@:3}"
}

sign_as() { # URI CERTIFICATE OUTPUT OPTION...
    "$sigbridge" sign -q --key "$1" --cert "$2" "${anchors[@]}" "${claims[@]}" payload.json -o "$3" \
        --pin-file "$work/pin" "${@:4}"
}

# The statement is good: so say the command and the program that shares no code with it.
judged_good() { # STATEMENT ALG
    verify -q --subject svc.example --min-svn 7 "$1"
    "$python" "$top/tests/interop/check_statement.py" "$1" --root root.pem --eku "$eku" --subject svc.example --svn 7 \
        --content-type application/json --alg "$2" --payload payload.json
}

# signs NAME ALG URI OPTION...: the key gets a certificate, makes a statement, and the statement is good.
signs() {
    leaf_of "$3" "$1.pem" --label "$1"
    sign_as "$3" "$1.pem" "$1.cose" "${@:4}"
    judged_good "$1.cose" "$2"
}

# signs_by_itself NAME ALG URI OPTION...: the same, with the certificate that the token keeps.
signs_by_itself() {
    signs "$@"
    "$sigbridge" sign -q --key "$3" "${anchors[@]}" "${claims[@]}" payload.json -o "$1.alone.cose" --pin-file "$work/pin" "${@:4}"
    judged_good "$1.alone.cose" "$2"
}
