#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# It does not matter in which order openssl.cnf lists providers, nor whether it names `default`, nor under which name it loads
# us: keys of tokens sign, keys of software do what they always did.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

provider_rig
keygen release ec P-256
keygen release rsa RSA-2048
cert root "$token;object=ec" 'CN=Story Root' root.pem
cert root "$token;object=rsa" 'CN=Story RSA' rsa.pem
"$sigbridge" provider wrap -q "$token;object=ec" -o wrapped.key
for key in ec rsa; do public "$key"; done
soft genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out soft-EC.key -quiet
for algorithm in RSA EC ED25519; do
    [ "$algorithm" = EC ] || soft genpkey -algorithm "$algorithm" -out "soft-$algorithm.key" -quiet
    soft pkey -in "soft-$algorithm.key" -pubout -out "soft-$algorithm.pub"
done
echo 'what is signed' >message

tokens_sign() {
    local key
    for key in ec rsa; do
        hsm pkey -in "$token;object=$key" -pubout -out again.pub
        cmp "$key.pub" again.pub
        hsm dgst -sha256 -sign "$token;object=$key" -out signature message
        is "$(soft dgst -sha256 -verify "$key.pub" -signature signature message)" 'Verified OK'
        is "$(hsm dgst -sha256 -verify "$key.pub" -signature signature message)" 'Verified OK'
    done
    hsm storeutl -noout "$token" >listed
    has listed 'Total found: 4'
}

files_sign() {
    hsm dgst -sha256 -sign wrapped.key -out signature message
    is "$(soft dgst -sha256 -verify ec.pub -signature signature message)" 'Verified OK'
}

software_works() {
    local algorithm padding
    for algorithm in RSA EC; do
        hsm dgst -sha256 -sign "soft-$algorithm.key" -out signature message
        is "$(soft dgst -sha256 -verify "soft-$algorithm.pub" -signature signature message)" 'Verified OK'
        hsm dgst -sha256 -verify "soft-$algorithm.pub" -signature signature message >out
    done
    hsm pkeyutl -sign -rawin -inkey soft-ED25519.key -in message -out signature
    soft pkeyutl -verify -rawin -pubin -inkey soft-ED25519.pub -in message -sigfile signature >out
    for padding in pkcs1 oaep; do
        hsm pkeyutl -encrypt -pubin -inkey soft-RSA.pub -pkeyopt "rsa_padding_mode:$padding" -in message -out sealed
        hsm pkeyutl -decrypt -inkey soft-RSA.key -pkeyopt "rsa_padding_mode:$padding" -in sealed -out opened
        cmp message opened
    done
    if can_encapsulate; then
        hsm pkeyutl -encap -pubin -inkey soft-RSA.pub -secret secret -out sealed
        hsm pkeyutl -decap -inkey soft-RSA.key -in sealed -secret opened
        cmp secret opened
    fi
    hsm genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out made.key -quiet
    soft pkey -in made.key -noout -check >out
    hsm genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out made.key -quiet
    soft pkey -in made.key -noout -check >out
    hsm pkeyutl -derive -inkey soft-EC.key -peerkey soft-EC.pub -out secret
    OPENSSL_CONF=$conf openssl req -x509 -newkey rsa:2048 -nodes -keyout made.key -subj /CN=x -out made.pem 2>err || die "$(cat err)"
    soft verify -CAfile made.pem made.pem >out
    hsm pkcs8 -topk8 -in soft-EC.key -nocrypt -out made.key
    cmp <(soft pkey -in soft-EC.key) <(soft pkey -in made.key)
}

# ---- both orders ----

sed 's/^default = software$//; s/^sigbridge = sigbridge$/&\ndefault = software/' with-pin.cnf >reversed.cnf
for conf in "$work/with-pin.cnf" "$work/reversed.cnf"; do
    tokens_sign
    files_sign
    software_works
done

# ---- `default` is not named: OpenSSL reads no file then, tokens sign all the same ----

sed '/^default = software$/d' with-pin.cnf >alone.cnf
conf=$work/alone.cnf
soft dgst -sha256 -binary -out digest message
hashes=$(OPENSSL_CONF=$conf openssl dgst -sha256 message 2>/dev/null || true) # from 4.0 on the tool cannot, without a provider of digests
for key in ec rsa; do
    if [ -n "$hashes" ]; then
        OPENSSL_CONF=$conf openssl dgst -sha256 -sign "$token;object=$key" -out signature message 2>err || die "$(cat err)"
        is "$(cat err)" ''
        is "$(soft dgst -sha256 -verify "$key.pub" -signature signature message)" 'Verified OK'
    fi
    OPENSSL_CONF=$conf openssl pkeyutl -sign -inkey "$token;object=$key" -in digest -out signature 2>err || die "$(cat err)"
    soft pkeyutl -verify -pubin -inkey "$key.pub" -in digest -sigfile signature >out || die "$(cat out)"
    OPENSSL_CONF=$conf openssl pkey -in "$token;object=$key" -pubout -out again.pub 2>err || die "$(cat err)"
    cmp "$key.pub" again.pub
done

# ---- under another's name ----

sed 's/^sigbridge = sigbridge$/pkcs11 = sigbridge/; s/^module-path/pkcs11-module-path/; s/^pin-source = /pkcs11-module-token-pin = file:/' \
    with-pin.cnf >pkcs11.cnf
conf=$work/pkcs11.cnf
hsm dgst -sha256 -sign "$token;object=ec" -out signature message
is "$(soft dgst -sha256 -verify ec.pub -signature signature message)" 'Verified OK'
hsm genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -propquery provider=pkcs11 -pkeyopt "pkcs11_uri:$token;object=made" -out made.key
hsm pkey -in made.key -pubout -out made.pub
hsm_refused 'unsupported' genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -propquery provider=sigbridge -out absent.key

# ---- properties that leave nobody any digest, the module's own use of OpenSSL included: no PIN is given away ----

sed 's/^\[init\]$/&\nalg_section = algorithms/' with-pin.cnf >trap.cnf
printf '%s\n' '[algorithms]' 'default_properties = provider=sigbridge' >>trap.cnf
conf=$work/trap.cnf
hsm_refused 'openssl-setup::-1:SHA-256 comes from no provider' \
    pkeyutl -sign -inkey "$token;object=ec" -in digest -out signature
hsm_refused 'nothing was tried: take default_properties out' req -new -key "$token;object=ec" -subj /CN=x -out absent.csr
pkcs11-tool --module "$PKCS11_MODULE_PATH" -L >out
has out 'release'
if grep -q 'PIN count low' out; then die "a try was spent: $(cat out)"; fi
