#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The provider's section of openssl.cnf, with OpenSSL's own command: our names, and the sections that users of
# pkcs11-provider and of libp11's provider have, where the path of the library is all that changes. When a login is made.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

provider=$SIGBRIDGE_BUILD/lib/ossl-modules/sigbridge.so
softhsm
token release
keygen release mst P-256
module=$PKCS11_MODULE_PATH
unset PKCS11_MODULE_PATH OPENSSL_CONF OPENSSL_MODULES

openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -subj /CN=hidden -days 9 -out hidden.pem 2>/dev/null
GNUTLS_PIN=1234 p11tool --provider "$module" --login --batch --write --load-certificate hidden.pem --label hidden --mark-private \
    'pkcs11:token=release' >/dev/null
printf data >data

# conf IDENTITY LINE...
conf() {
    printf '%s\n' 'openssl_conf = init' '[init]' 'providers = providers' '[providers]' 'default = standard' "$1 = ours" \
        '[standard]' 'activate = 1' '[ours]' "module = $provider" 'activate = 1' "${@:2}" >openssl.cnf
}

with() { OPENSSL_CONF=$work/openssl.cnf "$@"; }

signs() { # by the section that was written last
    rm -f sig
    with openssl dgst -sha256 -sign "$key" -out sig data 2>err </dev/null || { cat err; die "it does not sign: $(cat openssl.cnf)"; }
    openssl dgst -sha256 -verify public.pem -signature sig data >/dev/null
}

signs_not() { # WORDS
    if with openssl dgst -sha256 -sign "$key" -out sig data >out 2>err </dev/null; then die "it signs: $(cat openssl.cnf)"; fi
    has err "$1"
}

conf sigbridge "module-path = $module" "pin-source = $work/pin"
with openssl pkey -in "$key" -pubout -out public.pem

# ---- ours ----

signs
conf sigbridge "module-path = $module" "pin-source = file:$work/pin" 'verify-signatures = yes' 'copy-key = yes' \
    'token-timeout = 20' 'no-relogin = yes' 'replicas = yes' 'allow-final-pin-try = no' 'login-behavior = never'
signs
conf sigbridge "module-path = $module" 'pin = 1234'
signs

# ---- theirs: pkcs11-provider, and libp11 ----

conf pkcs11 "pkcs11-module-path = $module" "pkcs11-module-token-pin = file:$work/pin" 'pkcs11-module-quirks = no-deinit no-operation-state' \
    'pkcs11-module-cache-pins = cache' 'pkcs11-module-cache-keys = false' 'pkcs11-module-cache-sessions = 5' \
    'pkcs11-module-login-behavior = auto' 'pkcs11-module-load-behavior = early' 'pkcs11-module-allow-export = 0' \
    'pkcs11-module-block-operations = digest' 'pkcs11-module-encode-provider-uri-to-pem = true' 'pkcs11-module-assume-fips = false'
signs
with openssl pkeyutl -sign -rawin -in data -digest sha256 -inkey "$key" -propquery '?provider=pkcs11' -out sig 2>err </dev/null
openssl dgst -sha256 -verify public.pem -signature sig data >/dev/null
conf pkcs11 'pkcs11-module-path = /nonexistent.so' 'pkcs11-module-token-pin = 1234'
PKCS11_PROVIDER_MODULE=$module signs
conf pkcs11 "identity = pkcs11prov" "pkcs11_module = $module" 'pin = 1234' 'force_login = 1' 'debug_level = 7'
signs
with openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -propquery provider=pkcs11prov \
    -pkeyopt 'pkcs11_uri:pkcs11:token=release;object=made' -out made.key 2>err </dev/null
has made.key 'BEGIN PKCS#11 PROVIDER URI'
if with openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -propquery provider=pkcs11 -out none.key 2>err </dev/null; then
    die 'it answers to a name that it does not have'
fi
conf pkcs11 'identity = pkcs11prov' 'pkcs11_module = /nonexistent.so'
PKCS11_MODULE_PATH=$module PKCS11_PIN=1234 PKCS11_FORCE_LOGIN=1 PKCS11_DEBUG_LEVEL=7 signs

# ---- what contradicts itself, or is none: OpenSSL goes on without the provider, provider check says why ----

refuses() { # WORDS LINE...
    conf sigbridge "${@:2}"
    if with openssl dgst -sha256 -sign "$key" -out sig data >/dev/null 2>&1 </dev/null; then die "it signs: $(cat openssl.cnf)"; fi
    status=0
    "$sigbridge" provider check --config openssl.cnf --json >json 2>err || status=$?
    is "$status" 4
    field json '[c["found"] for c in d["checks"] if c["check"] == "loading"][0]' >found
    has found "$1"
    hasnt json 987654
}
refuses 'module-path and pkcs11-module-path in the OpenSSL configuration say different things' \
    "module-path = $module" 'pkcs11-module-path = /other.so' 'pin = 987654'
refuses 'pin-source and pin in the OpenSSL configuration say different things' "module-path = $module" "pin-source = $work/pin" 'pin = 987654'
refuses 'token-timeout = soon in the OpenSSL configuration is not understood; wanted is seconds' 'token-timeout = soon'
refuses 'pin in the OpenSSL configuration looks like a file' "pin = /run/987654"

# ---- a login for what is no private key: a certificate that the token shows to nobody else ----

finds_hidden() { with openssl storeutl -noout -certs 'pkcs11:token=release;object=hidden' </dev/null 2>err | grep -q 'Total found: 1'; }

conf sigbridge "module-path = $module" "pin-source = $work/pin"
if finds_hidden; then die 'a login was made for a certificate'; fi
for behavior in never:no auto:yes always:yes; do
    conf sigbridge "module-path = $module" "pin-source = $work/pin" "login-behavior = ${behavior%:*}"
    if finds_hidden; then found=yes; else found=no; fi
    is "${behavior%:*}:$found" "$behavior"
done

# ---- no PIN that works: once, and with the words of the token ----

conf sigbridge "module-path = $module" 'pin = 4321'
signs_not 'CKR_PIN_INCORRECT'
conf sigbridge "module-path = $module" 'pin-source = /nonexistent'
signs_not '/nonexistent cannot be opened'
