#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One file that holds certificates and a wrapped URI, in any order, with parameters or a key of software besides: each reader
# finds what it looks for, the first key signs, and a key that is refused is not replaced by another further behind.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

provider_rig
keygen release root P-256
keygen release one P-256
keygen release two RSA-2048
cert root "$token;object=root" 'CN=Story Root' root.pem
for name in one two; do
    cert leaf "$token;object=$name" "CN=Leaf $name" "$name.pem" --issuer-key "$token;object=root" --issuer-cert root.pem \
        --eku "$eku,1.3.6.1.5.5.7.3.1,1.3.6.1.5.5.7.3.2"
    public "$name"
    "$sigbridge" provider wrap -q "$token;object=$name;type=private" -o "$name.key"
done
soft genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out soft.key -quiet
soft pkey -in soft.key -pubout -out soft.pub
soft ecparam -name prime256v1 -out params.pem
cat root.pem >roots.pem
echo 'what is signed' >message
echo 'words that a person wrote' >words
(umask 077 && echo 4321 >wrong)
configure wrong-pin.cnf "pin-source = $work/wrong"

whole() { # PART...: one file of them
    cat "$@" >whole.pem
    chmod 600 whole.pem
}

# OpenSSL's tool complains of what it could not use, also of blocks that are nobody's, and finds the others all the same.
counted() { # COUNT OPTION...
    OPENSSL_CONF=${conf:-$work/with-pin.cnf} timeout 60 openssl storeutl -noout "${@:2}" whole.pem >listed 2>err </dev/null || true
    is "$(total listed)" "$1"
}

signs_by() { # PUBLIC
    hsm dgst -sha256 -sign whole.pem -out signature message
    is "$(soft dgst -sha256 -verify "$1" -signature signature message)" 'Verified OK'
    hsm pkey -in whole.pem -pubout -out again.pub
    cmp "$1" again.pub
}

certificate_is() { # CERTIFICATE; without a PIN, from a file and from a pipe
    local conf=$work/without-pin.cnf
    hsm x509 -in whole.pem -out found.pem </dev/null
    cmp <(soft x509 -in "$1") found.pem
    hsm x509 -out found.pem < <(cat whole.pem)
    cmp <(soft x509 -in "$1") found.pem
}

cms_signs_by() { # PUBLIC
    hsm cms -sign -binary -in message -signer whole.pem -nodetach -outform DER -out signed.der
    soft cms -verify -CAfile root.pem -purpose any -inform DER -in signed.der -signer signer.pem -out content 2>out || die "$(cat out)"
    is "$(tr -d '\r' <content)" 'what is signed'
    cmp <(soft x509 -in signer.pem -noout -pubkey) "$1"
}

# ---- a certificate and the key, in both orders ----

while read -r parts; do
    # shellcheck disable=SC2086
    whole $parts
    signs_by one.pub
    certificate_is one.pem
    counted 1 -keys
    counted 2 -certs
    cms_signs_by one.pub
    serve "$work/with-pin.cnf" -cert whole.pem -naccept 2
    for version in -tls1_3 -tls1_2; do shake /dev/null "$version"; done
    served
    has client.out 'Leaf one'
done <<'ROWS'
one.pem root.pem one.key
one.key one.pem root.pem
one.pem one.key root.pem
words one.pem words one.key words root.pem
params.pem one.key one.pem root.pem
params.pem one.pem root.pem one.key
one.key params.pem one.pem root.pem
ROWS

# what a file as a whole holds; nothing logs in, for nobody said that he wants a key
while read -r total parts; do
    # shellcheck disable=SC2086
    whole $parts
    for conf in "$work/with-pin.cnf" "$work/without-pin.cnf"; do counted "$total"; done
    hasnt err PIN
    conf=
done <<'ROWS'
1 one.pem one.key
1 one.key one.pem
2 params.pem one.key one.pem
3 one.key soft.key one.pem root.pem
3 soft.key one.pem one.key root.pem
ROWS

# as another system wrote it, and with the key's lines before a public key
{ printf '\357\273\277' && cat one.key one.pem | sed 's/$/\r/'; } >whole.pem
signs_by one.pub
certificate_is one.pem
whole one.key soft.pub
conf=$work/without-pin.cnf
hsm pkey -pubin -in whole.pem -out again.pub </dev/null
cmp soft.pub again.pub
conf=

# ---- two keys: the first signs ----

while read -r first certificate parts; do
    # shellcheck disable=SC2086
    whole $parts
    signs_by "$first.pub"
    certificate_is "$certificate.pem"
    counted 2 -keys
done <<'ROWS'
soft one soft.key one.key one.pem
soft one one.pem soft.key one.key
one one one.key soft.key one.pem
one one one.pem one.key soft.key
one two one.key two.key two.pem
two one two.key one.pem one.key
ROWS
whole soft.key one.key one.pem
hsm_refused 'key values mismatch' cms -sign -binary -in message -signer whole.pem -nodetach -outform DER -out absent.der

# ---- a key that is refused: nothing behind it signs, and its PIN is tried once ----

conf=$work/wrong-pin.cnf
for parts in 'one.key one.pem' 'one.pem one.key' 'one.key soft.key' 'one.key two.key' 'params.pem one.key soft.key one.pem'; do
    # shellcheck disable=SC2086
    whole $parts
    hsm_refused 'it was tried once and is not tried again' pkey -in whole.pem -noout
    is "$(grep -c CKR_PIN_INCORRECT err)" 1
    hsm_refused 'CKR_PIN_INCORRECT' dgst -sha256 -sign whole.pem -out absent message
done
conf=

# ---- blocks that are broken, or no end of lines ----

for parts in 'broken one.pem' 'one.pem broken'; do
    printf -- '-----BEGIN PKCS#11 PROVIDER URI-----\nAAAA\n-----END PKCS#11 PROVIDER URI-----\n' >broken
    # shellcheck disable=SC2086
    whole $parts
    certificate_is one.pem
    hsm_refused 'Could not' pkey -in whole.pem -noout
    printf -- '-----BEGIN PKCS#11 PROVIDER URI-----\n%s\n-----END SOMETHING-----\n' "$(sed 1d one.key | sed '$d')" >broken
    # shellcheck disable=SC2086
    whole $parts
    certificate_is one.pem
    hsm_refused 'Could not' pkey -in whole.pem -noout
done
{ head -c 2000000 /dev/zero | tr "\0" x | fold -w 64 && echo; } >endless
whole endless one.pem
certificate_is one.pem
whole endless soft.key
signs_by soft.pub

# ---- a statement by one file: the certificates come along ----

payload payload.json
to=("${anchors[@]}" "${claims[@]}" payload.json -o never.cose)
for parts in 'one.key one.pem root.pem' 'one.pem root.pem one.key' 'one.pem one.key root.pem' 'params.pem one.pem one.key root.pem'; do
    # shellcheck disable=SC2086
    whole $parts
    "$sigbridge" sign --key whole.pem --provider-config without-pin.cnf --pin-file pin "${to[@]}" -q
    verify -q never.cose
    rm never.cose
    refused 3 pin-incorrect 'CKR_PIN_INCORRECT' "$sigbridge" sign --key whole.pem --provider-config without-pin.cnf --pin-file wrong "${to[@]}"
done
for parts in 'soft.key one.key' 'one.key soft.key' 'soft.key one.pem root.pem one.key' 'one.key one.pem soft.key'; do
    # shellcheck disable=SC2086
    whole $parts
    refused 3 key-ambiguous 'whole.pem holds 2 private keys' "$sigbridge" sign --key whole.pem --provider-config without-pin.cnf \
        --pin-file pin "${to[@]}"
    refused 3 pin-incorrect 'CKR_PIN_INCORRECT' "$sigbridge" sign --key whole.pem --provider-config without-pin.cnf --pin-file wrong "${to[@]}"
done
