#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Key files that wrap a URI: made by `provider wrap` and by genpkey, read by tools that take a key file and nothing else
# (ts among them); read as anything but a private key they log in nowhere.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

provider_rig
keygen release one P-256
keygen release many RSA-2048
echo 'what is signed' >message
public one
public many

"$sigbridge" provider wrap -q "$token;object=one" -o one.key
"$sigbridge" provider wrap -q "$token;object=many" -o many.key
hsm dgst -sha256 -sign one.key -out signature message
is "$(soft dgst -sha256 -verify one.pub -signature signature message)" 'Verified OK'
hsm pkey -in one.key -pubout -out again.pub
cmp one.pub again.pub

# a private key is written as what it is, the URI of a key, or not at all
hsm pkey -in "$token;object=one;type=private" -out written.key
has written.key 'BEGIN PKCS#11 PROVIDER URI'
hsm dgst -sha256 -sign written.key -out signature message
is "$(soft dgst -sha256 -verify one.pub -signature signature message)" 'Verified OK'
hsm_refused 'the private key is on a token, and cannot be written; write PEM' pkey -in one.key -outform DER -out absent.der
[ ! -s absent.der ] || die 'a refusal left something'
hsm_refused 'the private key is on a token, and cannot be written; write PEM' ec -in one.key -outform DER -out absent.der
[ ! -s absent.der ] || die 'a refusal left something'
hsm_refused 'unsupported' pkey -in one.key -traditional -out absent.key
[ ! -s absent.key ] || hasnt absent.key 'PRIVATE KEY-----'

# ---- the tools of one type ----

for tool in 'ec -in one.key' 'rsa -in many.key'; do
    # shellcheck disable=SC2086
    chatty $tool -out written.key
    has written.key 'BEGIN PKCS#11 PROVIDER URI'
done
chatty ec -in one.key -noout -text
chatty ec -in one.key -pubout -out again.pub
cmp one.pub again.pub
for form in '-conv_form compressed' '-conv_form hybrid' '-param_enc explicit'; do
    # shellcheck disable=SC2086
    chatty ec -in one.key $form -pubout -out again.pub
    # shellcheck disable=SC2086
    soft ec -pubin -in one.pub $form -pubout -out wanted.pub 2>err || die "$(cat err)"
    cmp wanted.pub again.pub
done
is "$(hsm rsa -in many.key -noout -modulus)" "$(soft rsa -pubin -in many.pub -noout -modulus)"
chatty rsa -in many.key -pubout -out again.pub
cmp many.pub again.pub

# the file that pkcs11-provider writes, by its documented structure
printf -- '-----BEGIN PKCS#11 PROVIDER URI-----\n' >theirs.key
soft asn1parse -genconf <(printf 'asn1=SEQUENCE:s\n[s]\na=VISIBLESTRING:PKCS\\#11 Provider URI v1.0\nb=UTF8:%s\n' "pkcs11:token=release;object=one") \
    -noout -out theirs.der
base64 -w 64 theirs.der >>theirs.key
printf -- '-----END PKCS#11 PROVIDER URI-----\n' >>theirs.key
hsm dgst -sha256 -sign theirs.key -out signature message
is "$(soft dgst -sha256 -verify one.pub -signature signature message)" 'Verified OK'

# ---- hostile files ----

conf=$work/without-pin.cnf
OPENSSL_CONF=$conf openssl storeutl -noout one.key >listed 2>err </dev/null || die "$(cat err)"
[ ! -s listed ] || is "$(cat listed)" 'Total found: 0' # later versions say nothing where they find nothing
hasnt err PIN
hsm_refused 'Could not' pkey -pubin -in one.key -noout
grep -qF 'find private key' err || hasnt err PIN # later versions of this tool ask for the private key where they find no public one
hsm_refused 'certificate from one.key' x509 -in one.key -noout
hasnt err PIN
conf=$work/with-pin.cnf
printf -- '-----BEGIN PKCS#11 PROVIDER URI-----\nAAAA\n-----END PKCS#11 PROVIDER URI-----\n' >broken.key
hsm_refused 'Could not' pkey -in broken.key -noout

# ---- keys that are made on the token ----

hsm genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -propquery provider=sigbridge \
    -pkeyopt "pkcs11_uri:$token;object=made" -out made.key
has made.key 'BEGIN PKCS#11 PROVIDER URI'
public made
hsm dgst -sha384 -sign made.key -out signature message
is "$(soft dgst -sha384 -verify made.pub -signature signature message)" 'Verified OK'
hsm genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -propquery provider=sigbridge -pkeyopt "pkcs11_uri:$token;object=rsa" -out rsa.key -quiet
hsm dgst -sha256 -sign rsa.key -out signature message
public rsa
is "$(soft dgst -sha256 -verify rsa.pub -signature signature message)" 'Verified OK'
hsm_refused 'exists' genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -propquery provider=sigbridge \
    -pkeyopt "pkcs11_uri:$token;object=made" -out absent.key
hsm_refused 'names no object' genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -propquery provider=sigbridge \
    -pkeyopt "pkcs11_uri:$token" -out absent.key

# what was made stays, and the refusal to write it says where
for row in 'EC ec_paramgen_curve:P-256' 'RSA rsa_keygen_bits:2048' ED25519; do
    read -r type option <<<"$row"
    hsm_refused 'write PEM to have a file that names it' genpkey -algorithm "$type" ${option:+-pkeyopt "$option"} -quiet \
        -propquery provider=sigbridge -pkeyopt "pkcs11_uri:$token;object=kept-$type" -outform DER -out absent.der
    [ ! -s absent.der ] || die 'a refusal left something'
    said=$(sed -n '/It stays on the token/{s/.*also where it was just made: \(pkcs11:[^ ]*\).*/\1/p;q}' err) # each form of DER is refused
    [[ $said == *";object=kept-$type"* ]] || die "no name of the key: $(cat err)"
    "$sigbridge" provider wrap -q "$said" -o kept.key
    hsm pkey -in kept.key -pubout -out kept.pub
    hsm pkey -in "$token;object=kept-$type;type=private" -pubout -out again.pub
    cmp kept.pub again.pub
    rm kept.key
done

# ---- a time stamp authority, whose -inkey takes a file ----

cert root "$token;object=one" 'CN=Story Root' one.pem
ts_story "$token;object=one" one.pem "$token;object=made" made.key
