#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the provider does not do: digests, decryption and key agreement are others' work, or refused; keys that no token makes;
# URIs in files that want more than to name a key.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

provider_rig
keygen release rsa RSA-2048
keygen release ec P-256
for key in rsa ec; do public "$key"; done
echo 'what is said' >message
soft genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out soft.key -quiet
soft pkey -in soft.key -pubout -out soft.pub

# ---- what a key of a token is not for; with its public half software works ----

hsm pkeyutl -encrypt -pubin -inkey rsa.pub -in message -out sealed
hsm_refused 'keys of a token sign here, and decrypt nothing' pkeyutl -decrypt -inkey "$token;object=rsa" -in sealed -out absent
hsm_refused 'data too large for key size' pkeyutl -encrypt -inkey "$token;object=rsa" -in "$SIGBRIDGE" -out absent
hsm_refused 'operation not supported for this keytype' pkeyutl -derive -inkey "$token;object=ec" -peerkey soft.pub -out absent
pkcs11-tool --module "$PKCS11_MODULE_PATH" --token-label release --login --pin 1234 --keypairgen --key-type rsa:2048 --label opens --id 77 \
    --usage-sign --usage-decrypt >out 2>&1 || die "$(cat out)"
token_opens() { # [MECHANISM FILE]: what was encrypted
    pkcs11-tool --module "$PKCS11_MODULE_PATH" --token-label release --login --pin 1234 --decrypt --mechanism "${1:-RSA-PKCS}" --id 77 \
        --input-file sealed --output-file opened >out 2>&1 || die "$(cat out)"
    cmp "${2:-message}" opened
}
hsm pkeyutl -encrypt -pubin -inkey "$token;object=opens;type=public" -in message -out sealed
token_opens
hsm pkeyutl -encrypt -inkey "$token;object=opens" -in message -out sealed
token_opens
if can_encapsulate; then
    hsm pkeyutl -encap -inkey "$token;object=opens" -secret secret -out sealed
    token_opens RSA-X-509 secret
    hsm_refused 'keys of a token sign here, and decapsulate nothing' pkeyutl -decap -inkey "$token;object=opens" -in sealed -secret absent
fi
hsm pkeyutl -derive -inkey soft.key -peerkey "$token;object=ec;type=public" -out agreed
soft pkeyutl -derive -inkey soft.key -peerkey ec.pub -out wanted
cmp agreed wanted
hsm dgst -sha256 -sign "$token;object=rsa" -out signature message
is "$(hsm dgst -sha256 -verify "$token;object=rsa;type=public" -signature signature message)" 'Verified OK'
is "$(hsm dgst -sha256 -prverify "$token;object=rsa" -signature signature message)" 'Verified OK'
for kind in sha256 sha3-256; do hsm dgst "-$kind" message >digest; done
hsm_refused 'unsupported' dgst -sha256 -propquery provider=sigbridge message
hsm_refused 'unsupported' enc -aes-256-cbc -propquery provider=sigbridge -pass pass:x -in message -out absent
hsm_refused 'unsupported' kdf -propquery provider=sigbridge -keylen 16 -kdfopt digest:SHA256 -kdfopt key:x -kdfopt salt:y HKDF
hsm_refused 'X25519' genpkey -algorithm X25519 -propquery provider=sigbridge -out absent
hsm enc -aes-256-cbc -pbkdf2 -pass pass:x -in message -out sealed
soft enc -d -aes-256-cbc -pbkdf2 -pass pass:x -in sealed -out opened
cmp message opened
[ ! -s absent ] || die 'a refusal left something'

# ---- keys that are made, and that are not ----

made() { # LABEL DIGEST OPTION...
    hsm genpkey "${@:3}" -propquery provider=sigbridge -pkeyopt "pkcs11_uri:$token;object=$1" -out "$1.key" -quiet
    public "$1"
    hsm pkeyutl -sign -rawin ${2:+-digest "$2"} -inkey "$1.key" -in message -out signature
    soft pkeyutl -verify -rawin ${2:+-digest "$2"} -pubin -inkey "$1.pub" -in message -sigfile signature >out
    has out 'Signature Verified Successfully'
}
made p256 sha256 -algorithm EC -pkeyopt ec_paramgen_curve:P-256
made p521 sha512 -algorithm EC -pkeyopt group:secp521r1
made rsa3072 sha384 -algorithm RSA -pkeyopt rsa_keygen_bits:3072
made ed25519 '' -algorithm ED25519
made ed448 '' -algorithm ED448
made pss2048 sha256 -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048
soft pkey -pubin -in pss2048.pub -noout -text >out
has out 'No PSS parameter restrictions'
hsm_refused 'PKCS#1 padding not allowed with RSA-PSS' dgst -sha256 -sigopt rsa_padding_mode:pkcs1 -sign pss2048.key -out absent message
[ ! -s absent ] || die 'a key for PSS made another signature'
hsm_refused 'keys on tokens sign, so leave pkcs11_key_usage out' genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
    -propquery provider=sigbridge -pkeyopt "pkcs11_uri:$token;object=odd" -pkeyopt pkcs11_key_usage:keyAgreement -out absent
hsm_refused 'no key of type EC secp256k1' genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1 -propquery provider=sigbridge \
    -pkeyopt "pkcs11_uri:$token;object=odd" -out absent
not_made() { # WORDS OPTION...: what the token is not asked for is refused before a key is there
    hsm_refused "$1" genpkey "${@:2}" -propquery provider=sigbridge -pkeyopt "pkcs11_uri:$token;object=odd" -quiet -out absent
    "$sigbridge" token list "$token;object=odd" --pin-file "$work/pin" >listed
    hasnt listed object=odd
}
rsa=(-algorithm RSA -pkeyopt rsa_keygen_bits:2048) ec=(-algorithm EC -pkeyopt ec_paramgen_curve:P-256)
not_made 'no key with the public exponent 3 is made on a token; say 65537' "${rsa[@]}" -pkeyopt rsa_keygen_pubexp:3
not_made 'no key with the public exponent 4294967297' "${rsa[@]}" -pkeyopt rsa_keygen_pubexp:4294967297
not_made 'no key of 3 primes is made on a token; say 2' "${rsa[@]}" -pkeyopt rsa_keygen_primes:3
not_made 'no key with explicit parameters is made on a token; say named_curve' "${ec[@]}" -pkeyopt ec_param_enc:explicit
made usual sha256 "${rsa[@]}" -pkeyopt rsa_keygen_pubexp:65537 -pkeyopt rsa_keygen_primes:2
made named sha256 "${ec[@]}" -pkeyopt ec_param_enc:named_curve
[ ! -s absent ] || die 'a refusal left a file'

# ---- files of others ----

wrap_any() { # URI FILE: by hand, for `provider wrap` refuses such
    printf -- '-----BEGIN PKCS#11 PROVIDER URI-----\n' >"$2"
    soft asn1parse -genconf <(printf 'asn1=SEQUENCE:s\n[s]\na=VISIBLESTRING:PKCS\\#11 Provider URI v1.0\nb=UTF8:"%s"\n' "$1") \
        -noout -out wrapped.der
    base64 -w 64 wrapped.der >>"$2"
    printf -- '-----END PKCS#11 PROVIDER URI-----\n' >>"$2"
}
wrap_any "$token;object=ec" plain.key
hsm pkey -in plain.key -pubout | cmp - ec.pub
conf=$work/without-pin.cnf
wrap_any "$token;object=ec?pin-value=1234" value.key
hsm_refused 'the URI holds a PIN' pkey -in value.key -pubout </dev/null
for row in "|touch $work/ran::cannot stand there" "%7Ctouch%20$work/ran::commands and other sources are not run" \
    'http%3A%2F%2F127.0.0.1::commands and other sources are not run'; do
    wrap_any "$token;object=ec?pin-source=${row%::*}" source.key
    hsm_refused "${row#*::}" pkey -in source.key -pubout </dev/null
    hsm_refused "${row#*::}" pkey -in "$token;object=ec?pin-source=${row%::*}" -pubout </dev/null
done
hsm_refused 'wants a PIN, and' pkey -in plain.key -pubout </dev/null
[ ! -e ran ] || die 'a command of a URI was run'
conf=$work/with-pin.cnf
wrap_any "$token;object=ec?module-path=/absent/module.so" module.key
hsm pkey -in module.key -pubout | cmp - ec.pub
wrap_any "$token;object=none" none.key
hsm_refused 'shows no private key that matches' pkey -in none.key -pubout
(umask 077 && echo 9999 >wrong-pin)
configure wrong.cnf "pin-source = $work/wrong-pin"
conf=$work/wrong.cnf
hsm_refused 'it was tried once' dgst -sha256 -sign plain.key -out absent message
conf=$work/with-pin.cnf
