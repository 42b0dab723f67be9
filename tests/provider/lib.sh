# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Sourced first by every story of the OpenSSL provider: keys made in a token, OpenSSL's own tools with the provider, and the
# same tools without it, which judge.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"

ossl_modules=${SIGBRIDGE_BUILD:-$top/build}/lib/ossl-modules
token='pkcs11:token=release'

# configure FILE LINE...: openssl.cnf with `default` and the provider, and more lines in the provider's section.
configure() {
    printf '%s\n' 'openssl_conf = init' '[init]' 'providers = providers' '[providers]' 'default = software' 'sigbridge = sigbridge' \
        '[software]' 'activate = 1' '[sigbridge]' "module = $ossl_modules/sigbridge.so" "module-path = $PKCS11_MODULE_PATH" \
        "${@:2}" 'activate = 1' >"$1"
}

# A token "release", a configuration that knows its PIN, and one that does not.
provider_rig() {
    softhsm
    token release
    configure with-pin.cnf "pin-source = $work/pin"
    configure without-pin.cnf
    unset OPENSSL_CONF
}

# hsm COMMAND...: openssl with the provider. What succeeds says nothing on standard error.
hsm() {
    OPENSSL_CONF=${conf:-$work/with-pin.cnf} timeout 60 openssl "$@" 2>err || die "openssl $*: $(cat -v err)"
    if [ -s err ] && grep -vE '^(Certificate request self-signature ok|subject=|Using configuration|Signature ok|Response has been generated)|NCONF_get_string:no value' err >&2; then
        die "openssl $*: it says more than it should"
    fi
}

# soft COMMAND...: openssl without the provider, and without any configuration.
soft() { OPENSSL_CONF=/dev/null timeout 60 openssl "$@"; }

# hsm_refused WORDS COMMAND...: it fails, and says so in our words.
hsm_refused() {
    local words=$1
    shift
    if OPENSSL_CONF=${conf:-$work/with-pin.cnf} timeout 60 openssl "$@" >out 2>err; then die "openssl $*: was not refused"; fi
    has err "$words"
}

# public LABEL: its public key, as software writes it, in LABEL.pub.
public() { hsm pkey -in "$token;object=$1;type=private" -pubout -out "$1.pub"; }
