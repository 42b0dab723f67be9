#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Those who have pkcs11-provider change the path of one library in openssl.cnf: with the package of the distribution, the
# same commands before and after. Its key files are read by us, ours by it, both make one statement, and both serve in one
# configuration.
# Registered where the package is installed.
source "$(dirname "${BASH_SOURCE[0]}")/../provider/lib.sh"

theirs=$1 # the path of its library
provider_rig
types='P-256 RSA-2048 Ed25519'
for type in $types; do
    keygen release "$type" "$type"
    cert root "$token;object=$type" "CN=Root $type" "root-$type.pem"
    keygen release "leaf-$type" "$type"
    cert leaf "$token;object=leaf-$type" "CN=Leaf $type" "leaf-$type.pem" --issuer-key "$token;object=$type" \
        --issuer-cert "root-$type.pem" --eku "$eku"
done
module=$PKCS11_MODULE_PATH
unset PKCS11_MODULE_PATH
echo 'what is signed' >message

# An openssl.cnf as its manual page has it.
cat >theirs.cnf <<CNF
openssl_conf = init
[init]
providers = providers
[providers]
default = software
pkcs11 = pkcs11_sect
[software]
activate = 1
[pkcs11_sect]
module = $theirs
pkcs11-module-path = $module
pkcs11-module-token-pin = file:$work/pin
pkcs11-module-quirks = no-deinit
pkcs11-module-encode-provider-uri-to-pem = true
pkcs11-module-load-behavior = early
pkcs11-module-cache-pins = cache
activate = 1
CNF
sed "s,^module = .*,module = $ossl_modules/sigbridge.so," theirs.cnf >ours.cnf
is "$(diff theirs.cnf ours.cnf | grep -c '^>')" 1

# with WHOSE COMMAND...
with() { OPENSSL_CONF=$work/$1.cnf timeout 60 openssl "${@:2}" 2>err </dev/null || die "$1: openssl ${*:2}: $(cat -v err)"; }

# signs WHOSE KEY TYPE: the signature is good in software.
signs() {
    local digest=(-digest sha256)
    [ "$3" != Ed25519 ] || digest=()
    rm -f signature
    with "$1" pkeyutl -sign -rawin "${digest[@]}" -inkey "$2" -in message -out signature
    soft pkeyutl -verify -rawin "${digest[@]}" -pubin -inkey "$3.pub" -in message -sigfile signature >out || die "$1, $2: $(cat out)"
}

# ---- the same commands, before and after ----

for type in $types; do soft x509 -in "root-$type.pem" -noout -pubkey >"$type.pub"; done
everyday() { # WHOSE
    local type
    for type in $types; do
        signs "$1" "$token;object=$type;type=private" "$type"
        with "$1" pkey -in "$token;object=$type;type=private" -pubout -out again.pub
        cmp <(soft pkey -pubin -in "$type.pub" -noout -text) <(soft pkey -pubin -in again.pub -noout -text)
        with "$1" x509 -in "$token;object=$type;type=cert" -out again.pem
        cmp <(soft x509 -in "root-$type.pem") <(soft x509 -in again.pem)
        with "$1" req -new -key "$token;object=$type;type=private" -subj "/CN=$type" -out request
        soft req -in request -verify -noout >out 2>&1 || die "$1: $(cat out)"
    done
    with "$1" dgst -sha256 -sign "$token;object=P-256;type=private" -out signature message
    is "$(soft dgst -sha256 -verify P-256.pub -signature signature message)" 'Verified OK'
    with "$1" dgst -sha384 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest -sign "$token;object=RSA-2048;type=private" \
        -out signature message
    is "$(soft dgst -sha384 -sigopt rsa_padding_mode:pss -verify RSA-2048.pub -signature signature message)" 'Verified OK'
    with "$1" cms -sign -binary -in message -signer root-RSA-2048.pem -inkey "$token;object=RSA-2048;type=private" -nodetach -outform DER -out cms.der
    soft cms -verify -CAfile root-RSA-2048.pem -purpose any -inform DER -in cms.der -out content 2>out || die "$1: $(cat out)"
    cmp message content
    with "$1" genpkey -propquery provider=pkcs11 -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
        -pkeyopt "pkcs11_uri:$token;object=made-by-$1" -out "made-by-$1.key"
    has "made-by-$1.key" 'BEGIN PKCS#11 PROVIDER URI'
    with "$1" pkey -in "made-by-$1.key" -pubout -out "made-by-$1.pub"
    signs "$1" "made-by-$1.key" "made-by-$1"
}
everyday theirs
everyday ours

# ---- key files go both ways ----

with theirs pkey -in "$token;object=RSA-2048;type=private" -out RSA-2048.key
has RSA-2048.key 'BEGIN PKCS#11 PROVIDER URI'
signs ours RSA-2048.key RSA-2048
signs ours made-by-theirs.key made-by-theirs
signs theirs made-by-ours.key made-by-ours
for type in $types; do
    PKCS11_MODULE_PATH=$module "$sigbridge" provider wrap -q "$token;object=$type" -o "ours-$type.key"
    signs theirs "ours-$type.key" "$type"
    signs ours "ours-$type.key" "$type"
done

# ---- a statement: straight to the token, and through either provider, the same but for the signature ----

state_by() { # KEY TYPE PROFILE OUT OPTION...
    "$sigbridge" sign -q --key "$1" --cert "leaf-$2.pem" --root "root-$2.pem" --eku "$eku" --profile "$3" "${claims[@]}" payload.json \
        -o "$4" "${@:5}" || die "no statement by $1"
}
payload payload.json
export SOURCE_DATE_EPOCH=1700000000
for row in P-256:mst:64 RSA-2048:mst:256 Ed25519:cose:64; do
    IFS=: read -r type profile signature_len <<<"$row"
    state_by "$token;object=leaf-$type?module-path=$module" "$type" "$profile" direct.cose --pin-file pin
    for whose in theirs ours; do
        state_by "store:$token;object=leaf-$type;type=private" "$type" "$profile" "$whose.cose" --provider-config "$whose.cnf"
    done
    PKCS11_PROVIDER_MODULE=$module state_by "store:$token;object=leaf-$type;type=private" "$type" "$profile" named.cose \
        --provider "pkcs11,$theirs" --pin-file pin
    for whose in theirs ours named; do
        "$sigbridge" verify -q --root "root-$type.pem" --eku "$eku" --profile "$profile" "$whose.cose"
        is "$(stat -c %s "$whose.cose")" "$(stat -c %s direct.cose)"
        cmp -n $(($(stat -c %s direct.cose) - signature_len)) direct.cose "$whose.cose"
    done
    rm ./*.cose
done
unset SOURCE_DATE_EPOCH

# ---- both in one configuration, each asked for by its name ----

sed "s/^pkcs11 = pkcs11_sect$/&\nsigbridge = ours/" theirs.cnf >both.cnf
printf '%s\n' '[ours]' "module = $ossl_modules/sigbridge.so" "module-path = $module" "pin-source = $work/pin" 'activate = 1' >>both.cnf
for name in pkcs11 sigbridge; do
    with both pkeyutl -sign -rawin -digest sha256 -propquery "?provider=$name" -inkey "$token;object=P-256;type=private" -in message -out signature
    is "$(soft dgst -sha256 -verify P-256.pub -signature signature message)" 'Verified OK'
done

echo "pkcs11_provider_test.sh: passed, $(grep -c . theirs.cnf) lines of its openssl.cnf, one changed"
