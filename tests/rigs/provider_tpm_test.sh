#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# OpenSSL's tools and keys of a TPM, through the provider: the stories that SoftHSM's keys go through, but for RSA-PSS
# (root/provider_tpm.sh).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$rigs/tpm.sh"
# shellcheck source=provider.sh
source "$rigs/provider.sh"

tpm_new
token_of "$tpm_module" tpm
tpm_key EC:secp384r1 ca 01
tpm_key EC:prime256v1 p256 02
tpm_key rsa:2048 rsa 03
tpm2_flushcontext --transient-object # what making keys left: there is no room for it beside a server and a client
configure_module "$tpm_module" with-pin.cnf "pin-source = $work/pin"
configure_module "$tpm_module" without-pin.cnf
tpm='pkcs11:token=tpm;object'

# ---- signatures, by URI and by a file that wraps it ----

for key in ca p256 rsa; do
    public_of "$tpm=$key;type=private" "$key.pub"
    "$sigbridge" provider wrap -q "$tpm=$key" -o "$key.key"
    dgst_story "$key.key" "$key.pub" sha256
done
dgst_story "$tpm=ca" ca.pub sha384
dgst_story "$tpm=p256" p256.pub sha1 sha256 sha512 sha3-256
dgst_story "$tpm=rsa" rsa.pub sha1 sha384 sha512
pkeyutl_story "$tpm=p256" p256.pub
pkeyutl_story "$tpm=rsa" rsa.pub -pkeyopt digest:sha256
"$sigbridge" provider check --config with-pin.cnf --json >json
is "$(field json '[c["verdict"] for c in d["checks"] if c["check"] == "module"][0]')" ok

# ---- an authority; certificates on the token ----

for key in 'p256 02' 'rsa 03'; do
    read -r key id <<<"$key"
    req_story "$tpm=ca" "$tpm=$key"
    mv leaf.pem "$key.pem"
    soft x509 -in "$key.pem" -outform DER -out "$key.der"
    pkcs11-tool --module "$tpm_module" --token-label tpm --login --pin 1234 --write-object "$key.der" \
        --type cert --label "$key" --id "$id" >out 2>&1 || die "$(cat out)"
    store_story "$tpm=$key" "$key.pem"
    cms_story ca.pem "$tpm=$key;type=cert" "$key.pem" "$tpm=$key"
done
ca_story "$tpm=ca"
ocsp_story ca.key
ts_story "$tpm=ca" ca.pem "$tpm=p256" p256.key

# ---- TLS ----

cp ca.pem roots.pem
tls_story p256.pem "$tpm=p256"
rsa_tls_story rsa.pem "$tpm=rsa" RSA+SHA256 RSA+SHA384
mutual_tls_story "$work/with-pin.cnf" p256.pem "$tpm=p256" "$work/with-pin.cnf" p256.pem "$tpm=p256" 'CN=leaf'
