#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A hostile openssl.cnf changes nothing: neither one whose default_properties send every algorithm elsewhere, nor one
# whose provider crashes, nor one that cannot be read; the first two do stop the openssl command.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

rig P-256
payload payload.json
crashing=$(find "${SIGBRIDGE_BUILD:?}/lib" -name 'crashing_provider.so' -print -quit)
[ -n "$crashing" ] || die "crashing_provider.so is not built"

conf() { # FILE PROVIDER-SECTION-LINES
    printf '%s\n' 'openssl_conf = init' '[init]' 'providers = providers' 'alg_section = algorithms' \
        '[algorithms]' 'default_properties = provider=elsewhere' '[providers]' "${@:2}" >"$1"
}
conf elsewhere.cnf 'default = default' '[default]' 'activate = 1'
conf crash.cnf 'crash = crash' '[crash]' "module = $crashing" 'activate = 1'
printf 'openssl_conf = [[[\n' >malformed.cnf

SOURCE_DATE_EPOCH=1700000000
export SOURCE_DATE_EPOCH
sign "${claims[@]}" payload.json -o plain.cose

for hostile in elsewhere crash malformed; do
    export OPENSSL_CONF=$work/$hostile.cnf OPENSSL_MODULES=$work
    if [ "$hostile" != malformed ] && openssl dgst -sha256 payload.json >/dev/null 2>&1; then
        die "$hostile.cnf does not stop the openssl command, so it proves nothing here"
    fi
    "$sigbridge" issuer derive --chain chain.pem --root root.pem --eku "$eku" >"$hostile.did"
    sign "${claims[@]}" payload.json -o "$hostile.cose"
    verify "$hostile.cose"
    refused 2 eku '1.2.3' "$sigbridge" verify --root root.pem --eku 1.2.3 "$hostile.cose"
    printf x | dd of="$hostile.cose" bs=1 seek=$(($(stat -c %s "$hostile.cose") - 1)) conv=notrunc status=none
    refused 1 signature 'signature is wrong' "$sigbridge" verify "${anchors[@]}" "$hostile.cose"
    unset OPENSSL_CONF OPENSSL_MODULES
    # everything but the signature (64 bytes at the end) is the same, byte for byte
    cmp -n $(($(stat -c %s plain.cose) - 64)) plain.cose "$hostile.cose"
    is "$(cat "$hostile.did")" "$("$sigbridge" issuer derive --chain chain.pem --root root.pem --eku "$eku")"
done
