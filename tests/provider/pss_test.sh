#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A key that its CKA_ALLOWED_MECHANISMS leaves to RSA-PSS: OpenSSL sees an RSA-PSS key, in signatures, certificates, cms and
# TLS of both versions; nothing else is signed with it.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

provider_rig

PIN=1234 pkcs11-tool --module "$PKCS11_MODULE_PATH" --token-label release --login --pin "env:PIN" --keypairgen --key-type rsa:2048 --id 05 \
    --label pss --allowed-mechanisms RSA-PKCS-PSS,SHA256-RSA-PKCS-PSS >out 2>err || die "$(cat out err)"
echo 'what is signed' >message
key="$token;object=pss;type=private"
public pss
soft asn1parse -in pss.pub >asn1
has asn1 ':rsassaPss'
soft pkey -pubin -in pss.pub -pubout >again.pub
cmp pss.pub again.pub

# ---- signatures ----

for salt in digest max 20; do pss_story "$key" pss.pub "$salt" sha256; done
hsm dgst -sha384 -sign "$key" -out signature message
is "$(soft dgst -sha384 -verify pss.pub -signature signature message)" 'Verified OK'
pkeyutl_story "$key" pss.pub -pkeyopt digest:sha256
hsm_refused 'PKCS#1 padding not allowed with RSA-PSS' dgst -sha256 -sigopt rsa_padding_mode:pkcs1 -sign "$key" -out absent message
[ ! -s absent ] || die 'a refusal left a signature'

# ---- certificates, cms ----

printf '%s\n' '[req]' 'distinguished_name = dn' '[dn]' '[v3]' 'basicConstraints = critical,CA:TRUE' 'subjectKeyIdentifier = hash' >req.cnf
hsm req -x509 -new -config req.cnf -extensions v3 -sha256 -key "$key" -subj '/CN=PSS' -days 30 -out pss.pem
soft verify -check_ss_sig -CAfile pss.pem pss.pem >out
has out 'pss.pem: OK'
soft x509 -in pss.pem -noout -text >text
has text 'Public Key Algorithm: rsassaPss'
# OpenSSL 3.0 wants the padding said, of software keys too: else it writes rsaEncryption, which it then refuses
hsm cms -sign -binary -in message -signer pss.pem -inkey "$key" -keyopt rsa_padding_mode:pss -md sha256 -nodetach -outform DER -out signed.der
soft cms -verify -CAfile pss.pem -purpose any -inform DER -in signed.der -out content 2>out || die "$(cat out)"
cmp message content

# ---- TLS ----

cp pss.pem roots.pem
serve "$work/with-pin.cnf" -cert pss.pem -key "$key" -naccept 2
for version in -tls1_3 -tls1_2; do
    shake /dev/null "$version"
    grep -qE '^Peer signature type: (RSA-PSS|rsa_pss_pss_)' client.out || die "$(grep '^Peer' client.out)"
done
served
