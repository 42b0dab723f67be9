#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# cms and smime: RSA, RSA-PSS and ECDSA, the certificate from the token by its URI; verified without the provider.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

provider_rig
echo 'what is signed' >message
for type in P-256 RSA-3072; do
    keygen release "$type" "$type"
    cert root "$token;object=$type" "CN=Root $type" "root-$type.pem"
    keygen release "leaf-$type" "$type"
    cert leaf "$token;object=leaf-$type" "CN=Leaf $type" "leaf-$type.pem" --issuer-key "$token;object=$type" \
        --issuer-cert "root-$type.pem" --eku 1.3.6.1.5.5.7.3.4
done

verified() { # ROOT COMMAND OPTION...
    soft "$2" -verify -CAfile "$1" "${@:3}" -out content 2>out || die "$2: $(cat out)"
    grep -qiE 'verification successful' out || die "$2: $(cat out)"
    is "$(tr -d '\r' <content)" 'what is signed'
}

for type in P-256 RSA-3072; do
    signer=(-signer "$token;object=leaf-$type;type=cert" -inkey "$token;object=leaf-$type;type=private")
    for digest in sha256 sha384; do
        hsm cms -sign -binary -in message "${signer[@]}" -md "$digest" -nodetach -outform DER -out signed.der
        verified "root-$type.pem" cms -inform DER -in signed.der
        hsm cms -sign -binary -in message "${signer[@]}" -md "$digest" -outform PEM -out detached.pem
        verified "root-$type.pem" cms -inform PEM -in detached.pem -content message -binary
    done
    hsm cms -sign -binary -noattr -in message "${signer[@]}" -nodetach -outform DER -out signed.der
    verified "root-$type.pem" cms -inform DER -in signed.der
    hsm smime -sign -in message -signer "leaf-$type.pem" -inkey "$token;object=leaf-$type" -out signed.eml
    verified "root-$type.pem" smime -in signed.eml
done

hsm cms -sign -binary -in message -signer leaf-RSA-3072.pem -inkey "$token;object=leaf-RSA-3072" -keyopt rsa_padding_mode:pss \
    -md sha256 -nodetach -outform DER -out signed.der
verified root-RSA-3072.pem cms -inform DER -in signed.der
soft cms -cmsout -print -noout -inform DER -in signed.der >text
has text rsassaPss

# a changed content is found out
echo 'what is changed' >changed
if soft cms -verify -CAfile root-P-256.pem -inform PEM -in detached.pem -content changed -binary -out content 2>out; then
    die 'a changed content passes'
fi
