# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# A throw-away token with a root, an issuing CA and a leaf of any type. Sourced; SIGBRIDGE names the
# command. Every private key is made in the token; leaves $rig/root.pem, $rig/ca.pem and $rig/TYPE.pem.
sigbridge=${SIGBRIDGE:-}
source "$(dirname "${BASH_SOURCE[0]}")/../../ci/lib.sh"
source ci/rig.sh

# type, algorithm, its COSE number, hash of its envelopes, profile, CKA_ID
# shellcheck disable=SC2034 # for those who source this
KEYS=(
    "P-256 ES256 -7 sha256 mst 11"
    "P-384 ES384 -35 sha384 mst 12"
    "P-521 ES512 -36 sha512 mst 13"
    "RSA-2048 PS256 -37 sha256 mst 21"
    "RSA-3072 PS384 -38 sha384 mst 22"
    "RSA-4096 PS512 -39 sha512 mst 23"
    "Ed25519 EdDSA -8 sha512 cose 31"
)
subject=svc.example
svn=7

# Runs a command, and shows what it said only when it fails.
quietly() {
    "$@" >"$scratch/said" 2>&1 || { cat "$scratch/said" >&2 && die "$*"; }
}

keygen() { # TYPE LABEL OPTION...
    quietly "$sigbridge" token keygen --module "$module" --pin-file "$pin" --token pkcs11:token=demo --type "$1" --label "$2" "${@:3}"
}

make_cas() { # TYPE
    quietly rig_token
    keygen "$1" root
    keygen "$1" ca
    quietly rig_cert root 'CN=Interop Root CA' 3650
    quietly rig_cert ca 'CN=Interop Issuing CA' 1825 --issuer-key 'pkcs11:token=demo;object=root' --issuer-cert "$rig/root.pem"
}

make_leaf() { # TYPE ID
    keygen "$1" "$1" --id "$2"
    quietly "$sigbridge" token cert --module "$module" --pin-file "$pin" --role leaf --key "pkcs11:token=demo;object=$1" \
        --subject "CN=Interop $1" --days 365 --eku "$eku" --issuer-key 'pkcs11:token=demo;object=ca' \
        --issuer-cert "$rig/ca.pem" -o "$rig/$1.pem"
}

sign() { # TYPE PROFILE PAYLOAD OUT OPTION...
    quietly "$sigbridge" sign --module "$module" --pin-file "$pin" --key "pkcs11:token=demo;object=$1;type=private" \
        --profile "$2" --root "$rig/root.pem" --chain "$rig/ca.pem" --eku "$eku" --subject "$subject" --svn "$svn" \
        --content-type application/json "$3" -o "$4" "${@:5}"
}

verify() { # PROFILE STATEMENT OPTION...
    "$sigbridge" verify --profile "$1" --root "$rig/root.pem" --eku "$eku" --subject "$subject" --min-svn "$svn" "${@:2}" 2>&1
}

# Refused for what is in it: neither taken, nor a failure of the program itself.
refused() {
    local status=0
    verify "$@" >"$scratch/said" || status=$?
    case $status in
    [1-4]) ;;
    *) cat "$scratch/said" >&2 && die "exit $status, wanted a refusal: $*" ;;
    esac
}
