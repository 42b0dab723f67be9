#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# NSS softokn, started by --module-init-args: a database with a password, and one without, whose token has no user PIN. One
# string serves one module, so the CA is a key of the database too.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=nss.sh
source "$rigs/nss.sh"

authority
nss_of() { # LABEL: its URI
    nss_uri "$folder" "$1" "module-path=$nss_module" "${password[@]}"
}
nss_signs() { # ALG LABEL
    local args
    args=$(nss_args "$folder")
    cert leaf "$(nss_of "$2")" "CN=$2" "$2.pem" --label "$2-leaf" --issuer-key "$(nss_of ca)" --issuer-cert root.pem --eku "$eku" \
        --module-init-args "$args" --force
    sign_as "$(nss_of "$2")" "$2.pem" "$folder-$2.cose" --module-init-args "$args"
    judged_good "$folder-$2.cose" "$1"
}
nss_ca() {
    nss_key "$folder" ca -k ec -q secp384r1 "${password[@]}"
    cert root "$(nss_of ca)" 'CN=Test Root' root.pem --label root --module-init-args "$(nss_args "$folder")" --force
}

folder=closed password=(-f pin)
nss_new closed -f pin
nss_ca
nss_key closed p256 -k ec -q nistp256 -f pin
nss_key closed rsa -k rsa -g 2048 -f pin
nss_signs ES256 p256
nss_signs PS256 rsa

folder=open password=()
nss_new open --empty-password
nss_ca
nss_key open p256 -k ec -q nistp256
nss_signs ES256 p256
