#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# OpenSSL's tools and keys of a TPM behind the resource manager, through the provider: what RSA-PSS is needed for, and servers
# that are killed.
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=../tpm.sh
source "$rigs/tpm.sh"
# shellcheck source=../provider.sh
source "$rigs/provider.sh"

tpm_new
tpm_broker
{
    tpm2_ptool init
    tpm2_ptool addtoken --pid=1 --label=tpm --sopin=12345678 --userpin=1234
    tpm2_ptool addkey --label=tpm --key-label=ca --userpin=1234 --algorithm=ecc256
    tpm2_ptool addkey --label=tpm --key-label=leaf --userpin=1234 --algorithm=rsa2048
} >ptool.log
configure_module "$tpm_module" with-pin.cnf "pin-source = $work/pin"
ca='pkcs11:token=tpm;object=ca'
key='pkcs11:token=tpm;object=leaf'
public_of "$key" leaf.pub

# ---- a TPM's salts are as long as the digest ----

pss_story "$key" leaf.pub digest sha256 sha384 sha512
pkeyutl_story "$key" leaf.pub -pkeyopt digest:sha256 -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:digest
hsm_refused 'CKR_MECHANISM_PARAM_INVALID: the token makes no RSA-PSS with this digest, mask and salt' dgst -sha256 \
    -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:max -sign "$key" -out absent message
[ ! -s absent ] || die 'a refusal left a signature'

# ---- certificates, cms ----

req_story "$ca" "$key"
pss_req_story "$key"
cms_pss_story ca.pem leaf.pem "$key" -keyopt rsa_pss_saltlen:digest

# ---- TLS, and a server that is killed, whose session the resource manager ends ----

cp ca.pem roots.pem
for _ in 1 2 3 4 5; do
    serve "$work/with-pin.cnf" -cert leaf.pem -key "$key"
    shake /dev/null -tls1_3
    gone "$server_pid"
done
tls_story leaf.pem "$key"
rsa_tls_story leaf.pem "$key" RSA+SHA256 rsa_pss_rsae_sha384
mutual_tls_story "$work/with-pin.cnf" leaf.pem "$key" "$work/with-pin.cnf" leaf.pem "$key" 'CN=leaf'
