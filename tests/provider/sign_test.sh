#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# pkey, dgst, pkeyutl: every type of key, digest, padding and salt; each signature is verified without the provider.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

provider_rig
types='P-256 P-384 P-521 RSA-2048 RSA-3072 Ed25519'
for type in $types; do keygen release "$type" "$type"; done
echo 'what is signed' >message

# ---- public halves: the same bytes as software writes for the same key ----

for type in $types; do
    public "$type"
    soft pkey -pubin -in "$type.pub" -pubout -outform DER -out soft.der
    hsm pkey -in "$token;object=$type;type=private" -pubout -outform DER -out hsm.der
    cmp soft.der hsm.der
    hsm pkey -in "$token;object=$type" -noout -text >text
    has text "object=$type"
done
soft asn1parse -in P-256.pub >asn1
has asn1 ':prime256v1'
soft asn1parse -in RSA-2048.pub >asn1
has asn1 ':rsaEncryption'

# ---- dgst: a message in pieces ----

for type in P-256 P-384 P-521 RSA-2048; do
    dgst_story "$token;object=$type" "$type.pub" sha1 sha224 sha256 sha384 sha512 sha512-224 sha512-256 sha3-224 sha3-256 sha3-384 sha3-512
done
for salt in digest max auto 0 20 50; do pss_story "$token;object=RSA-3072" RSA-3072.pub "$salt" sha256 sha384 sha512; done
hsm_refused 'a salt of 400 bytes does not fit into this key' dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:400 \
    -sign "$token;object=RSA-3072" -out absent message

# ---- pkeyutl: a digest, or a message in one piece ----

for type in P-256 P-521; do pkeyutl_story "$token;object=$type" "$type.pub"; done
for options in '-pkeyopt digest:sha256' '-pkeyopt digest:sha256 -pkeyopt rsa_padding_mode:pss' \
    '-pkeyopt digest:sha256 -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:max' ''; do
    # shellcheck disable=SC2086
    pkeyutl_story "$token;object=RSA-2048" RSA-2048.pub $options
done
hsm pkeyutl -sign -rawin -inkey "$token;object=Ed25519" -in message -out signature
soft pkeyutl -verify -rawin -pubin -inkey Ed25519.pub -in message -sigfile signature >out
has out 'Signature Verified Successfully'
hsm_refused 'digest' pkeyutl -sign -inkey "$token;object=RSA-2048" -in message -out absent -pkeyopt digest:sha256
hsm_refused 'choose one of them' pkeyutl -sign -inkey "$token;object=RSA-2048" -in digest -out absent -pkeyopt rsa_padding_mode:none
[ ! -s absent ] || die 'a refusal left a signature'

# ---- a signature that is none ----

printf 'x' >>signature
if soft pkeyutl -verify -rawin -pubin -inkey Ed25519.pub -in message -sigfile signature >out; then die 'a signature with a byte more'; fi
