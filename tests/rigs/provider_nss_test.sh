#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# OpenSSL signs with keys of NSS softokn through the provider: module-init-args in openssl.cnf, whose quotes OpenSSL would
# take for its own, and the same by the names of pkcs11-provider and of libp11.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=nss.sh
source "$rigs/nss.sh"

provider=$SIGBRIDGE_BUILD/lib/ossl-modules/sigbridge.so
softhsm
unset PKCS11_MODULE_PATH
nss_new db -f pin
nss_key db p256 -k ec -q nistp256 -f pin
nss_key db p384 -k ec -q secp384r1 -f pin
nss_key db rsa -k rsa -g 2048 -f pin
printf data >data

conf() { # LINE...
    printf '%s\n' 'openssl_conf = init' '[init]' 'providers = providers' '[providers]' 'default = standard' 'sigbridge = ours' \
        '[standard]' 'activate = 1' '[ours]' "module = $provider" 'activate = 1' "$@" >"$work/openssl.cnf"
}

with() { OPENSSL_CONF=$work/openssl.cnf "$@"; }

uri_of() { # LABEL
    local uri
    uri=$(nss_uri db "$1" '' -f pin)
    printf '%s' "${uri%\?}"
}

signs() { # LABEL OPTION...
    with openssl dgst -sha256 -sign "$(uri_of "$1")" "${@:2}" -out sig data </dev/null
    certutil -L -d sql:db -n "$1" -a -f pin | openssl x509 -noout -pubkey >public.pem
    openssl dgst -sha256 -verify public.pem -signature sig "${@:2}" data >/dev/null
    with openssl pkey -in "$(uri_of "$1")" -pubout -out told.pem </dev/null
    cmp public.pem told.pem
}

args=$(nss_args db)
conf "module-path = $nss_module" "module-init-args = \"$args\"" "pin-source = $work/pin"
signs p256
signs p384
signs rsa
signs rsa -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest
"$sigbridge" provider check --config openssl.cnf --json >json
is "$(field json '[c["found"] for c in d["checks"] if c["check"] == "module"][0]')" "$nss_module; 2 tokens"

conf "pkcs11-module-path = $nss_module" "pkcs11-module-init-args = \"$args\"" "pkcs11-module-token-pin = file:$work/pin"
signs p256
conf "pkcs11_module = $nss_module" "init_args = \"$args\"" 'pin = 1234'
signs p256
