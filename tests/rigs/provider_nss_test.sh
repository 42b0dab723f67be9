#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# OpenSSL's tools and keys of NSS softokn, through the provider: module-init-args in openssl.cnf, whose quotes OpenSSL would
# take for its own, the same by the names of pkcs11-provider and of libp11, and the stories that SoftHSM's keys go through.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=nss.sh
source "$rigs/nss.sh"
# shellcheck source=provider.sh
source "$rigs/provider.sh"

nss_new db -f pin
args=$(nss_args db)

# The certificate that certutil makes gives way to the ones of the stories; without it the key has no name, but its id.
declare -A key
nss_story_key() { # LABEL OPTION...: its URI, and what certutil says is its public key
    nss_key db "$1" "${@:2}" -f pin
    key[$1]=$(nss_uri db "$1" '' -f pin)
    key[$1]=${key[$1]%\?}
    certutil -L -d sql:db -n "$1" -a -f pin | soft x509 -noout -pubkey >"$1.pub"
    certutil -D -d sql:db -n "$1" -f pin
}
nss_story_key ca -k ec -q secp384r1
nss_story_key p256 -k ec -q nistp256
nss_story_key rsa -k rsa -g 2048

# ---- the configuration, by the names of three providers ----

configure_module "$nss_module" with-pin.cnf "module-init-args = \"$args\"" "pin-source = $work/pin"
configure_module "$nss_module" without-pin.cnf "module-init-args = \"$args\""
for label in ca p256 rsa; do
    public_of "${key[$label]}" told.pub
    cmp "$label.pub" told.pub
done
"$sigbridge" provider check --config with-pin.cnf --json >json
is "$(field json '[c["found"] for c in d["checks"] if c["check"] == "module"][0]')" "$nss_module; 2 tokens"

by_names_of() { # LINE...
    local conf=$work/others.cnf
    configure_module "$nss_module" others.cnf "$@"
    sed -i '/^module-path/d' others.cnf
    dgst_story "${key[p256]}" p256.pub sha256
}
by_names_of "pkcs11-module-path = $nss_module" "pkcs11-module-init-args = \"$args\"" "pkcs11-module-token-pin = file:$work/pin"
by_names_of "pkcs11_module = $nss_module" "init_args = \"$args\"" 'pin = 1234'

# ---- signatures ----

for label in ca p256 rsa; do dgst_story "${key[$label]}" "$label.pub" sha1 sha224 sha256 sha384 sha512 sha3-256; done
for salt in digest max 20; do pss_story "${key[rsa]}" rsa.pub "$salt" sha256 sha384; done
pkeyutl_story "${key[p256]}" p256.pub
pkeyutl_story "${key[rsa]}" rsa.pub -pkeyopt digest:sha256
pkeyutl_story "${key[rsa]}" rsa.pub -pkeyopt digest:sha256 -pkeyopt rsa_padding_mode:pss

# ---- an authority ----

req_story "${key[ca]}" "${key[p256]}"
pss_req_story "${key[rsa]}"
ca_story "${key[ca]}"
"$sigbridge" provider wrap -q "${key[ca]}" -o ca.key
ocsp_story ca.key
"$sigbridge" provider wrap -q "${key[p256]}" -o p256.key
ts_story "${key[ca]}" ca.pem "${key[p256]}" p256.key

# ---- certificates on the token ----

for label in p256 rsa; do
    cert leaf "${key[$label]}?module-path=$nss_module" "CN=Leaf $label" "$label.pem" --label "$label" --module-init-args "$args" \
        --days 9 --issuer-key "${key[ca]}?module-path=$nss_module" --issuer-cert ca.pem --eku 1.3.6.1.5.5.7.3.1,1.3.6.1.5.5.7.3.2,1.3.6.1.5.5.7.3.4
    store_story "${key[$label]}" "$label.pem"
    cms_story ca.pem "${key[$label]};type=cert" "$label.pem" "${key[$label]}"
done
cms_pss_story ca.pem rsa.pem "${key[rsa]}"

# ---- TLS ----

cp ca.pem roots.pem
for label in p256 rsa; do tls_story "$label.pem" "${key[$label]}"; done
rsa_tls_story rsa.pem "${key[rsa]}" RSA+SHA256 rsa_pss_rsae_sha384
for label in p256 rsa; do
    mutual_tls_story "$work/with-pin.cnf" p256.pem "${key[p256]}" "$work/with-pin.cnf" "$label.pem" "${key[$label]}" "CN=Leaf $label"
done
