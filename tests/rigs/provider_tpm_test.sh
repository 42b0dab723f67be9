#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# OpenSSL signs with keys of a TPM through the provider: digest, request, certificate, and a key file that wraps the URI.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$rigs/tpm.sh"

provider=$SIGBRIDGE_BUILD/lib/ossl-modules/sigbridge.so
softhsm
unset PKCS11_MODULE_PATH
tpm_new
token_of "$tpm_module" tpm
tpm_key EC:prime256v1 p256 01
tpm_key EC:secp384r1 p384 02
printf data >data
printf '%s\n' 'openssl_conf = init' '[init]' 'providers = providers' '[providers]' 'default = standard' 'sigbridge = ours' \
    '[standard]' 'activate = 1' '[ours]' "module = $provider" 'activate = 1' "module-path = $tpm_module" \
    "pin-source = $work/pin" >openssl.cnf

with() { OPENSSL_CONF=$work/openssl.cnf "$@" </dev/null; }

for key in p256 p384; do
    uri="pkcs11:token=tpm;object=$key;type=private"
    "$sigbridge" provider wrap -q "$uri" -o "$key.pem"
    with openssl pkey -in "$uri" -pubout -out public.pem
    for named in "$uri" "$key.pem"; do
        with openssl dgst -sha256 -sign "$named" -out sig data
        openssl dgst -sha256 -verify public.pem -signature sig data >/dev/null
    done
    with openssl req -new -x509 -key "$key.pem" -subj "/CN=$key" -days 9 -out "$key.crt" -sha384
    openssl verify -CAfile "$key.crt" "$key.crt" >/dev/null
    openssl x509 -in "$key.crt" -noout -pubkey | cmp - public.pem
done
"$sigbridge" provider check --config openssl.cnf --json >json
is "$(field json '[c["verdict"] for c in d["checks"] if c["check"] == "module"][0]')" ok
