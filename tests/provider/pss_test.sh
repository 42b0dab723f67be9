#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A key that its CKA_ALLOWED_MECHANISMS leaves to RSA-PSS: OpenSSL sees an RSA-PSS key, in signatures, certificates, cms and
# TLS of both versions; nothing else is signed with it.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

provider_rig
server_pid=
finish() {
    [ -z "$server_pid" ] || kill "$server_pid" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

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

for salt in digest max 20; do
    pss=(-sigopt rsa_padding_mode:pss -sigopt "rsa_pss_saltlen:$salt")
    hsm dgst -sha256 "${pss[@]}" -sign "$key" -out signature message
    is "$(soft dgst -sha256 "${pss[@]}" -verify pss.pub -signature signature message)" 'Verified OK'
done
hsm dgst -sha384 -sign "$key" -out signature message
is "$(soft dgst -sha384 -verify pss.pub -signature signature message)" 'Verified OK'
soft dgst -sha256 -binary -out digest message
hsm pkeyutl -sign -inkey "$key" -in digest -out signature -pkeyopt digest:sha256
soft pkeyutl -verify -pubin -inkey pss.pub -in digest -sigfile signature -pkeyopt digest:sha256 >out
has out 'Signature Verified Successfully'
hsm_refused '' dgst -sha256 -sigopt rsa_padding_mode:pkcs1 -sign "$key" -out absent message
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

: >server.out # it is read before the server writes it
OPENSSL_CONF=$work/with-pin.cnf openssl s_server -accept 127.0.0.1:0 -cert pss.pem -key "$key" -naccept 2 -www \
    </dev/null >server.out 2>server.err &
server_pid=$!
port=
for _ in $(seq 100); do
    port=$(sed -n 's/^ACCEPT 127\.0\.0\.1:\([0-9]*\)$/\1/p' server.out)
    [ -z "$port" ] || break
    sleep 0.1
done
[ -n "$port" ] || die "no server: $(cat server.err)"
for version in -tls1_3 -tls1_2; do
    printf 'GET / HTTP/1.0\r\n\r\n' | OPENSSL_CONF=/dev/null timeout 30 openssl s_client -connect "127.0.0.1:$port" -CAfile pss.pem \
        -verify_return_error -ign_eof "$version" >client.out 2>client.err || die "$version: $(cat client.err server.err)"
    has client.out 'Verify return code: 0 (ok)'
    grep -qE '^Peer signature type: (RSA-PSS|rsa_pss_pss_)' client.out || die "$(grep '^Peer' client.out)"
    has client.out 'HTTP/1.0 200 ok'
done
wait "$server_pid" || die "the server ends with an error: $(cat server.err)"
server_pid=
