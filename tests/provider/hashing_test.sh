#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Tokens that sign no digest and hash by themselves: whatever gives a message works, in one call or in pieces; a digest that is
# made already is refused. The fault module leaves SoftHSM these mechanisms alone, and one key is so by its own attributes.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

provider_rig
for row in ec:P-256 wide:P-384 rsa:RSA-2048; do keygen release "${row%:*}" "${row#*:}"; done
PIN=1234 pkcs11-tool --module "$PKCS11_MODULE_PATH" --token-label release --login --pin "env:PIN" --keypairgen --key-type rsa:2048 --id 05 \
    --label pss --allowed-mechanisms SHA256-RSA-PKCS-PSS,SHA384-RSA-PKCS-PSS >out 2>err || die "$(cat out err)"
for key in ec wide rsa pss; do public "$key"; done
for key in ec rsa; do
    cert root "$token;object=$key" "CN=$key" "$key.pem" --label "root-$key"
    cert leaf "$token;object=$key" "CN=leaf of $key" "leaf-$key.pem" --issuer-key "$token;object=$key" --issuer-cert "$key.pem" \
        --eku 1.3.6.1.5.5.7.3.4
done

# ---- allowed by the key: RSA-PSS that hashes ----

echo 'what is signed' >message
head -c 3000000 "$SIGBRIDGE" >>message
for digest in sha256 sha384; do pss_story "$token;object=pss" pss.pub digest "$digest"; done
hsm_refused 'RSA-PSS with SHA2-512 needs CKM_RSA_PKCS_PSS or CKM_SHA512_RSA_PKCS_PSS, which the token lacks' \
    dgst -sha512 -sign "$token;object=pss" -out absent message

# ---- one key on two tokens: one signs its digests, the other hashes, whichever of them fails ----

token second
soft genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -outform DER -out twin.der -quiet
soft pkey -inform DER -in twin.der -pubout -out twin.pub
soft pkey -inform DER -in twin.der -pubout -outform DER -out pub.der
put() { # TOKEN LABEL MECHANISM
    local into=(pkcs11-tool --module "$PKCS11_MODULE_PATH" --token-label "$1" --login --pin 1234 --label "$2" --id "0${#2}")
    "${into[@]}" --write-object pub.der --type pubkey >out 2>&1 || die "$(cat out)"
    "${into[@]}" --write-object twin.der --type privkey --usage-sign --allowed-mechanisms "$3" >out 2>&1 || die "$(cat out)"
}
for label in one another; do # which token is the first is SoftHSM's choice
    put release "$label" "$([ "$label" = one ] || printf SHA256-)RSA-PKCS-PSS"
    put second "$label" "$([ "$label" = another ] || printf SHA256-)RSA-PKCS-PSS"
done
export SIGB_FAULT_MODULE=$PKCS11_MODULE_PATH SIGB_FAULT_PLAN
configure_module "${SIGBRIDGE_BUILD:-$top/build}/lib/fault_module.so" with-pin.cnf "pin-source = $work/pin" 'replicas = yes'
for SIGB_FAULT_PLAN in '' 'C_Sign,times=1,rv=0x30' 'C_Sign,times=2,rv=0x30'; do
    for label in one another; do pss_story "pkcs11:object=$label" twin.pub digest sha256; done
done

# ---- offered by the token: CKM_ECDSA_SHA256, CKM_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS ----

SIGB_FAULT_PLAN='only=0x1044+0x40+0x43'
configure_module "${SIGBRIDGE_BUILD:-$top/build}/lib/fault_module.so" with-pin.cnf "pin-source = $work/pin"

for key in ec wide rsa; do dgst_story "$token;object=$key" "$key.pub" sha256; done
for salt in digest max 20; do pss_story "$token;object=rsa" rsa.pub "$salt" sha256; done
: >message
for key in ec rsa; do dgst_story "$token;object=$key" "$key.pub" sha256; done

rawin() { # KEY OPTION...
    hsm pkeyutl -sign -rawin -digest sha256 -inkey "$token;object=$1" -in message -out signature "${@:2}"
    soft pkeyutl -verify -rawin -digest sha256 -pubin -inkey "$1.pub" -in message -sigfile signature "${@:2}" >out
    has out 'Signature Verified Successfully'
}
head -c 67108864 /dev/zero >message # the most that is kept
dgst_story "$token;object=ec" ec.pub sha256
printf 'what is signed' >message
rawin ec
rawin rsa
rawin rsa -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:digest

for key in ec rsa; do
    hsm cms -sign -binary -in message -signer "leaf-$key.pem" -inkey "$token;object=$key" -md sha256 -nodetach -outform DER -out signed.der
    cms_verified "$key.pem" cms -inform DER -in signed.der
    hsm smime -sign -in message -signer "leaf-$key.pem" -inkey "$token;object=$key" -out signed.eml
    cms_verified "$key.pem" smime -in signed.eml
done
cms_pss_story rsa.pem leaf-rsa.pem "$token;object=rsa" -keyopt rsa_pss_saltlen:digest

req_story "$token;object=ec" "$token;object=rsa"
pss_req_story "$token;object=rsa"
req_story "$token;object=rsa" "$token;object=ec"

for key in ec rsa; do
    cp "$key.pem" roots.pem
    hsm req -new -key "$token;object=$key" -subj '/CN=server' -out server.csr
    hsm x509 -req -in server.csr -CA "$key.pem" -CAkey "$token;object=$key" -CAcreateserial -days 10 -out server.pem
    serve "$work/with-pin.cnf" -cert server.pem -key "$token;object=$key" -naccept 2
    for version in -tls1_3 -tls1_2; do shake /dev/null "$version" -sigalgs ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256; done
    served
done

# ---- one of them alone ----

SIGB_FAULT_PLAN='only=0x43'
pss_story "$token;object=rsa" rsa.pub digest sha256
hsm_refused 'RSA PKCS#1 with SHA2-256 needs CKM_RSA_PKCS or CKM_SHA256_RSA_PKCS, which the token lacks' \
    dgst -sha256 -sign "$token;object=rsa" -out absent message

# ---- what remains refused ----

SIGB_FAULT_PLAN='only=0x1044+0x40+0x43'
soft dgst -sha256 -binary -out digest message
digest_refused() { # KEY SCHEME RAW HASHING OPTION...
    hsm_refused "$2 of a digest that is made already needs $3, which the token lacks or forbids for this key; it has $4, which hashes" \
        pkeyutl -sign -inkey "$token;object=$1" -in digest -out absent "${@:5}"
    has err 'give the message and not its digest'
}
digest_refused ec ECDSA CKM_ECDSA CKM_ECDSA_SHA256
digest_refused ec 'ECDSA with SHA2-256' CKM_ECDSA CKM_ECDSA_SHA256 -pkeyopt digest:sha256
digest_refused rsa 'RSA PKCS#1 with SHA2-256' CKM_RSA_PKCS CKM_SHA256_RSA_PKCS -pkeyopt digest:sha256
digest_refused rsa 'RSA-PSS with SHA2-256' CKM_RSA_PKCS_PSS CKM_SHA256_RSA_PKCS_PSS -pkeyopt digest:sha256 -pkeyopt rsa_padding_mode:pss
hsm_refused 'give the message and not its digest' \
    cms -sign -binary -noattr -in message -signer leaf-ec.pem -inkey "$token;object=ec" -md sha256 -outform DER -out absent
for digest in sha384 sha3-256; do
    hsm_refused ', which the token lacks or forbids for this key; use a key of another type or token' \
        dgst "-$digest" -sign "$token;object=ec" -out absent message
    hasnt err 'give the message'
done
head -c 67108865 /dev/zero >message
hsm_refused 'kept until its end, and at most 64 MiB of it' dgst -sha256 -sign "$token;object=ec" -out absent message
hsm_refused 'use a token that signs digests' dgst -sha256 -sign "$token;object=rsa" -out absent message
[ ! -s absent ] || die 'a refusal left a signature'
