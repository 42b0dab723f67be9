# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Sourced first by every story: strict mode, a folder of its own ($work, the current one), a SoftHSM of its own, and
# words to say what is expected of the command.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
sigbridge=${SIGBRIDGE:-$top/build/bin/sigbridge}
python=/usr/bin/python3
eku=2.25.197642879 # arcs under 2^28, which is what python3-cryptography can read
export LC_ALL=C.UTF-8
unset PKCS11_MODULE_PATH SOURCE_DATE_EPOCH

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

die() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

# A time that is usually enough, or longer where the machine has more to do than this story.
patient_ms() { # MILLISECONDS
    awk -v ms="$1" -v cores="$(nproc)" '{ printf "%d", ms * ($1 > cores ? $1 / cores : 1) }' /proc/loadavg
}
patient() { # MILLISECONDS; in seconds, as --token-timeout takes them
    awk -v ms="$(patient_ms "$1")" 'BEGIN { printf "%.3f", ms / 1000 }'
}

# in_time BEGAN MILLISECONDS: no more have passed since $(now) was BEGAN, or as many more as the machine has more to do.
now() {
    echo $(($(date +%s%N) / 1000000))
}
in_time() {
    local took=$(($(now) - $1)) most
    most=$(patient_ms "$2")
    [ "$took" -lt "$most" ] || die "a deadline was not kept: $took ms, and not $most"
}

# ---- tokens ----

softhsm() { # a module and an empty token folder; PINs in files
    local path
    for path in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so; do
        [ -e "$path" ] && export PKCS11_MODULE_PATH=$path
    done
    [ -n "${PKCS11_MODULE_PATH:-}" ] || die "SoftHSM is not installed"
    mkdir -p "$work/tokens"
    export SOFTHSM2_CONF=$work/softhsm2.conf
    printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n' \
        "$work/tokens" >"$SOFTHSM2_CONF"
    (umask 077 && echo 12345678 >"$work/so-pin" && echo 1234 >"$work/pin")
}

token() { # LABEL
    "$sigbridge" token init -q --label "$1" --so-pin-file "$work/so-pin" --pin-file "$work/pin" >/dev/null
}

keygen() { # TOKEN LABEL TYPE OPTION...
    "$sigbridge" token keygen -q "pkcs11:token=$1" --label "$2" --type "$3" --pin-file "$work/pin" "${@:4}" >/dev/null
}

cert() { # ROLE KEY SUBJECT FILE OPTION...
    "$sigbridge" token cert -q --role "$1" --key "$2" --subject "$3" -o "$4" --pin-file "$work/pin" "${@:5}"
}

# A token "release" with keys root, ca and mst; certificates root.pem, ca.pem, leaf.pem on the token and in files.
rig() { # TYPE
    softhsm
    token release
    keygen release root "$1"
    keygen release ca "$1"
    keygen release mst "$1"
    cert root 'pkcs11:token=release;object=root' 'CN=Test Root' root.pem
    cert ca 'pkcs11:token=release;object=ca' 'CN=Test CA' ca.pem --issuer-key 'pkcs11:token=release;object=root' --issuer-cert root.pem
    leaf_cert leaf.pem
    cat leaf.pem ca.pem root.pem >chain.pem
}

leaf_cert() { # FILE OPTION...; of the key mst
    cert leaf 'pkcs11:token=release;object=mst' 'CN=Test Leaf' "$1" --issuer-key 'pkcs11:token=release;object=ca' \
        --issuer-cert ca.pem --eku "$eku" "${@:2}"
}

# ---- statements ----

key='pkcs11:token=release;object=mst'
# shellcheck disable=SC2034 # for the stories
claims=(--subject svc.example --svn 7 --content-type application/json)
anchors=(--root "$work/root.pem" --eku "$eku")

payload() { # FILE
    printf '%s\n' '{"source":{"commit":"0123456789abcdef","branch":"main"},"build":{"id":"7.1","number":7}}' >"$1"
}

sign() { # OPTION...
    "$sigbridge" sign --key "$key" "${anchors[@]}" --pin-file "$work/pin" "$@"
}

verify() { # OPTION...
    "$sigbridge" verify "${anchors[@]}" "$@"
}

# ---- expectations ----

# field FILE EXPRESSION: something of a JSON document, as Python sees it.
field() {
    "$python" -c 'import json, sys; d = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"
}

is() { # FOUND WANTED
    [ "$1" = "$2" ] || die "found '$1', wanted '$2'"
}

has() { # FILE WORDS
    grep -qF -e "$2" "$1" || die "no '$2' in $1: $(cat -v "$1")"
}

hasnt() { # FILE WORDS
    if grep -qF -e "$2" "$1"; then die "'$2' in $1: $(cat -v "$1")"; fi
}

listing() { find . -mindepth 1 ! -path './tokens*' ! -name json ! -name err ! -name before ! -name after | sort; }

# refused EXIT NAME WORDS COMMAND...: the command ends so, says so in JSON, and leaves no file behind.
refused() {
    local status=0 code=$1 name=$2 words=$3
    shift 3
    listing >before
    "$@" --json >json 2>err </dev/null || status=$?
    [ "$status" -eq "$code" ] || die "exit $status, wanted $code ($name): $* $(cat -v json err)"
    "$python" "$here/refusal.py" json "$code" "$name" "$words" >&2 || die "of: $*"
    listing >after
    cmp -s before after || die "files changed: $(diff before after)"
    echo "refused as wanted: $name: $words"
}

# on_terminal INPUT COMMAND...: runs it on a terminal of its own, types INPUT, prints what the terminal showed.
on_terminal() {
    "$python" "$here/terminal.py" "$@"
}
