#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Keys of a TPM that no PKCS#11 module shows: tpm2-openssl makes and reaches them, and statements come of it. One key is in a
# token too, so it was made outside: its statement is the token's, byte for byte but for the signature.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tpm.sh
source "$rigs/tpm.sh"

module_file ossl-modules/tpm2.so >/dev/null
authority
tpm_new
export TPM2OPENSSL_TCTI=$TPM2_PKCS11_TCTI
by_tpm() { # COMMAND...: openssl with the TPM's provider
    openssl "$@" -provider tpm2 -provider default -propquery '?provider=tpm2' 2>err || die "openssl $*: $(cat err)"
}

# The token's authority certifies what is no token's key.
printf '%s\n' 'openssl_conf = init' '[init]' 'providers = providers' '[providers]' 'default = software' 'sigbridge = ours' \
    '[software]' 'activate = 1' '[ours]' "module = $SIGBRIDGE_BUILD/lib/ossl-modules/sigbridge.so" 'activate = 1' \
    "module-path = $softhsm" "pin-source = $work/pin" >ca.cnf
printf '%s\n' 'basicConstraints = critical,CA:FALSE' 'keyUsage = critical,digitalSignature' "extendedKeyUsage = $eku" \
    'subjectKeyIdentifier = hash' 'authorityKeyIdentifier = keyid' >leaf.ext
serial=70
certified() { # NAME: the public key NAME.pub gets the certificate NAME.pem
    OPENSSL_CONF=ca.cnf openssl x509 -new -force_pubkey "$1.pub" -subj "/CN=$1" -CA root.pem -days 30 -extfile leaf.ext \
        -CAkey 'pkcs11:token=release;object=ca' -set_serial $((serial++)) -out "$1.pem" 2>err || die "$(cat err)"
}
sign_by() { # KEY CERTIFICATE OUTPUT OPTION...
    "$sigbridge" sign -q --key "$1" --cert "$2" "${anchors[@]}" "${claims[@]}" payload.json -o "$3" "${@:4}"
}

# ---- keys that the TPM made, in files that it wraps ----

for row in ES256:EC:group:P-256 ES384:EC:group:P-384 PS256:RSA:bits:2048; do
    IFS=: read -r alg type option value <<<"$row"
    by_tpm genpkey -algorithm "$type" -pkeyopt "$option:$value" -out "$alg.key"
    has "$alg.key" 'BEGIN TSS2 PRIVATE KEY'
    by_tpm pkey -in "$alg.key" -pubout -out "$alg.pub"
    certified "$alg"
    sign_by "$alg.key" "$alg.pem" "$alg.cose" --provider tpm2
    judged_good "$alg.cose" "$alg"
done
refused 3 key-absent 'ES256.key holds no private key that the providers can read' sign_by ES256.key ES256.pem none.cose
refused 3 cert-other-key 'is the certificate of another key than the signing key' sign_by ES256.key ES384.pem none.cose --provider tpm2

# ---- a PIN, which the TPM judges when it signs ----

by_tpm genpkey -algorithm EC -pkeyopt group:P-256 -pkeyopt user-auth:1234 -out locked.key
by_tpm pkey -in locked.key -pubout -passin pass:1234 -out locked.pub
certified locked
sign_by locked.key locked.pem locked.cose --provider tpm2 --pin-file pin
judged_good locked.cose ES256
(umask 077 && echo 4321 >wrong)
refused 3 token "the key's provider refused to sign with ES256" sign_by locked.key locked.pem none.cose --provider tpm2 --pin-file wrong
hasnt json 4321

# ---- a key that the TPM keeps at a handle, and the token has too ----

openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out shared.key -quiet
softhsm2-util --import shared.key --token release --label shared --id 5a --pin 1234 >/dev/null
tpm2_createprimary -C o -c primary.ctx -Q
tpm2_import -C primary.ctx -G ecc -i shared.key -u shared.public -r shared.private -Q
rm shared.key
tpm2_flushcontext -t
tpm2_load -C primary.ctx -u shared.public -r shared.private -c shared.ctx -Q
tpm2_flushcontext -t # swtpm has room for three, and nobody manages it here
tpm2_evictcontrol -C o -c shared.ctx 0x81000001 -Q
tpm2_flushcontext -t
leaf_of "pkcs11:token=release;object=shared?module-path=$softhsm" shared.pem
export SOURCE_DATE_EPOCH=1700000000
sign_as "pkcs11:token=release;object=shared?module-path=$softhsm" shared.pem direct.cose
sign_by store:handle:0x81000001 shared.pem through.cose --provider tpm2
judged_good through.cose ES256
is "$(stat -c %s through.cose)" "$(stat -c %s direct.cose)"
cmp -n $(($(stat -c %s direct.cose) - 64)) direct.cose through.cose
refused 4 openssl-setup 'no provider that is loaded opens handle:0x81000001' sign_by store:handle:0x81000001 shared.pem none.cose
