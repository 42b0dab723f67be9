#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# storeutl, and URIs that come from anywhere: what is listed and by what it is found, when a PIN is wanted, and what is
# refused.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

provider_rig
keygen release one P-256
keygen release two RSA-2048
cert root "$token;object=one" 'CN=Story Root' one.pem
cert root "$token;object=two" 'CN=Other Root' two.pem

none_is_listed() { [ ! -s listed ] || is "$(total listed)" 0; } # later versions say nothing where they find nothing

# ---- certificates and public keys need no PIN, and no login is made for what is not said to be private ----

conf=$work/without-pin.cnf
hsm storeutl -noout "$token" >listed </dev/null
is "$(total listed)" 4
hsm storeutl -noout -certs "$token" >listed </dev/null
is "$(total listed)" 2
store_story "$token;object=one" one.pem
hsm verify -CAfile one.pem found.pem >out
hsm storeutl -noout -alias two "$token" >listed
is "$(total listed)" 2
hsm storeutl -noout -alias absent "$token" >listed
none_is_listed

# finds WHICH SEARCH...: this certificate and no other; none: nothing at all
finds() {
    hsm storeutl -certs "${@:2}" "$token" >listed </dev/null
    if [ "$1" = none ]; then
        none_is_listed
        return
    fi
    is "$(total listed)" 1
    cmp <(soft x509 -in "$1.pem") <(soft x509 -in listed)
}
finds two -subject '/CN=Other Root'
finds none -subject '/CN=No Root'
for one in one two; do
    serial=$(soft x509 -in "$one.pem" -noout -serial | sed 's/.*=//')
    issuer=$(soft x509 -in "$one.pem" -noout -issuer -nameopt compat | sed 's/^issuer=//')
    finds "$one" -issuer "$issuer" -serial "0x$serial"
    for digest in sha1 sha256 sha384; do
        fingerprint=$(soft x509 -in "$one.pem" -noout -fingerprint "-$digest" | sed 's/.*=//')
        finds "$one" "-$digest" -fingerprint "$fingerprint"
    done
done
finds none -issuer '/CN=Story Root' -serial "0x$serial" # the other's
finds none -issuer '/CN=Story Root' -serial 0x1234
finds none -sha1 -fingerprint "$(printf '00%.0s' {1..20})"
hsm_refused 'wants a PIN, and' pkey -in "$token;object=one;type=private" -pubout </dev/null
conf=$work/with-pin.cnf

# ---- private keys, where they are said to be wanted ----

hsm storeutl -noout "$token;type=private" >listed
is "$(total listed)" 2
has listed Pkey

# ---- none is chosen silently, and an error is the end ----

hsm_refused '2 private keys match; say which by id= or object=' pkey -in "$token;type=private" -pubout
hsm_refused 'object=one' pkey -in "$token" -pubout
hsm_refused 'no private key that matches' pkey -in "$token;object=three" -pubout
hsm_refused 'no token' pkey -in 'pkcs11:token=absent;object=one' -pubout
hsm_refused 'twice' pkey -in 'pkcs11:token=release;token=release' -pubout

# ---- type= that names another kind than the program wants: told for an object, and a listing that finds nothing is no error ----

for type in public cert secret-key data; do
    hsm_refused 'a private key is wanted here, and type= of the URI names something else' pkey -in "$token;object=one;type=$type" -noout
done
conf=$work/without-pin.cnf
hsm_refused 'a certificate is wanted here, and type= of the URI names something else' x509 -in "$token;object=one;type=public" -noout
hsm_refused 'key is wanted here, and type= of the URI names something else' pkey -pubin -in "$token;object=one;type=cert" -noout
hsm storeutl -noout -certs "$token;type=public" >listed
none_is_listed
hsm storeutl -noout -crls "$token;object=one;type=public" >listed
none_is_listed
conf=$work/with-pin.cnf

# ---- no PIN in a URI, no code loaded for one, unless the configuration allows it ----

hsm_refused 'the URI holds a PIN' pkey -in "$token;object=one?pin-value=1234" -pubout
hsm pkey -in "$token;object=one?module-path=/absent/module.so" -pubout >/dev/null
configure allowing.cnf 'allow-uri-pin = yes' 'allow-uri-module = yes'
sed -i '/^module-path/d' allowing.cnf
module=$PKCS11_MODULE_PATH
unset PKCS11_MODULE_PATH
conf=$work/allowing.cnf
hsm pkey -in "$token;object=one?module-path=$module&pin-value=1234" -pubout >/dev/null
hsm_refused 'absent/module.so' pkey -in "$token;object=one?module-path=/absent/module.so" -pubout
export PKCS11_MODULE_PATH=$module
conf=$work/with-pin.cnf

# ---- a wrong PIN is tried once ----

(umask 077 && echo 9999 >wrong-pin)
configure wrong.cnf "pin-source = $work/wrong-pin"
conf=$work/wrong.cnf
hsm_refused 'it was tried once' pkey -in "$token;object=one" -pubout
conf=$work/with-pin.cnf

# ---- a private key that cannot be shown does not hide those that can ----

delete() { # TYPE LABEL
    pkcs11-tool --module "$PKCS11_MODULE_PATH" --token-label mixed --login --pin 1234 --delete-object --type "$1" --label "$2" >/dev/null 2>&1
}
mixed='pkcs11:token=mixed'
token mixed
for label in mute first silent second; do keygen mixed "$label" P-256; done
delete pubkey mute
delete pubkey silent
hsm storeutl -text -noout "$mixed;type=private" >listed
is "$(total listed)" 2
has listed 'object=first'
has listed 'object=second'
hsm_refused 'the token does not tell the public half of the key' pkey -in "$mixed;object=mute;type=private" -pubout
# one PIN is tried on one token: private keys are those of one, and what is public is listed from all of them
hsm storeutl -noout -certs 'pkcs11:' >listed
is "$(total listed)" 2
OPENSSL_CONF=$conf openssl storeutl -noout 'pkcs11:type=private' >listed 2>err || true # whatever the tool makes of an error
has err '2 tokens match the URI; say which by serial='
hsm_refused '2 tokens match the URI' pkey -in 'pkcs11:object=one;type=private' -pubout

# nor do two of one name, which are told at the end
for _ in 1 2; do
    pkcs11-tool --module "$PKCS11_MODULE_PATH" --token-label mixed --login --pin 1234 --keypairgen --key-type EC:prime256v1 --label twin \
        --id 77 >/dev/null 2>&1
done
keygen mixed third P-256
OPENSSL_CONF=$conf openssl storeutl -text -noout "$mixed;type=private" >listed 2>err || true # whatever the tool makes of an error
for label in first second third; do has listed "object=$label"; done
hasnt listed object=twin
has err '2 private keys match; say which by id= or object='
OPENSSL_CONF=$conf openssl storeutl -noout "$mixed;object=twin;type=private" >listed 2>err || true
has err '2 private keys match; say which by id= or object='
none_is_listed
delete privkey twin
delete privkey twin

delete privkey first
delete privkey second
delete privkey third
OPENSSL_CONF=$conf openssl storeutl -noout "$mixed;type=private" >listed 2>err || true # whatever the tool makes of an error
has err 'the token does not tell the public half of the key'
