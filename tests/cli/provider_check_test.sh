#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# provider check: a good configuration passes every check; each fault is found by the check that it belongs to, with the
# lines to add, which make it good when they are added; what ends or holds the program that loads it is found too.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

checks='openssl configuration sections properties loading provider default others uris names ignored pin module process'
provider=$SIGBRIDGE_BUILD/lib/ossl-modules/sigbridge.so
[ -e "$provider" ] || die "sigbridge.so is not built"
rival=$(find "$SIGBRIDGE_BUILD/lib" -name rival_provider.so)
crashing=$(find "$SIGBRIDGE_BUILD/lib" -name crashing_provider.so)
softhsm
token release
module=$PKCS11_MODULE_PATH
unset PKCS11_MODULE_PATH OPENSSL_CONF OPENSSL_MODULES

# conf LINE...: openssl.cnf with default and, under the lines, the section of the provider
conf() {
    printf '%s\n' 'openssl_conf = init' '[init]' 'providers = providers' '[providers]' 'default = standard' \
        'sigbridge = ours' '[standard]' 'activate = 1' '[ours]' "module = $provider" "$@" >openssl.cnf
    chmod 600 openssl.cnf
}

# check EXIT NAME [OPTION...]: json is the document, out what people see; every check is told once
check() {
    local wanted=$1 name=$2 status=0
    shift 2
    "$sigbridge" provider check "$@" --result json --force >out 2>err </dev/null || status=$?
    is "$status" "$wanted"
    is "$(field json '(d["exit"], (d["error"] or {"name": "-"})["name"])')" "($wanted, '$name')"
    is "$(field json '" ".join(c["check"] for c in d["checks"])')" "${told:-$checks}"
    is "$(grep -cE '^(ok|WARN|FAIL|not checked) ' out)" "$(wc -w <<<"${told:-$checks}")"
}

# finds CHECK VERDICT WORDS [ADVICE]
finds() {
    local one="[c for c in d['checks'] if c['check'] == '$1'][0]"
    is "$1: $(field json "${one}['verdict']")" "$1: $2"
    field json "${one}['found']" >found
    has found "$3"
    field json "${one}['advice']" >advice
    [ "$#" -lt 4 ] || has advice "$4"
}

not_ok() { # CHECK...: those that are not
    is "$(field json '" ".join(c["check"] for c in d["checks"] if c["verdict"] != "ok")')" "$*"
}

# ---- as it should be ----

conf "module-path = $module" 'pin = secret77' 'activate = 1'
OPENSSL_CONF=$work/openssl.cnf check 0 -
not_ok
finds pin ok 'in the configuration'
finds openssl ok 'OpenSSL 3.'
finds configuration ok "$work/openssl.cnf"
finds sections ok 'openssl_conf is [init], its providers are in [providers]'
finds loading ok 'active: '
finds provider ok 'active as sigbridge'
finds default ok 'active; SHA-256 comes from default'
finds uris ok 'opened by sigbridge'
finds module ok "$module; 1 token"
finds process ok 'it runs to its end'
hasnt json secret77
"$sigbridge" provider check --config openssl.cnf --json >json
is "$(field json 'd["ok"]')" True

chmod 644 openssl.cnf
check 0 - --config openssl.cnf
not_ok pin
finds pin warn 'in the configuration, which others can read' 'name that: pin-source'
hasnt json secret77
conf "module-path = $module" "pin-source = file:$work/pin" 'activate = 1'
check 0 - --config openssl.cnf
not_ok
finds pin ok "from $work/pin"
chmod 644 pin
check 0 - --config openssl.cnf
finds pin warn "from $work/pin, which others can read" 'chmod 600'
chmod 600 pin
conf "module-path = $module" 'pin-source = /nonexistent' 'activate = 1'
check 0 - --config openssl.cnf
finds pin warn 'from /nonexistent, which programs of this user cannot read: No such file'
conf "module-path = $module" 'pin =' 'activate = 1'
check 0 - --config openssl.cnf
finds pin ok 'from the URI, or asked by the program'

# and openssl agrees
OPENSSL_CONF=$work/openssl.cnf openssl list -providers >active
has active 'sigbridge: signing with PKCS#11 tokens'

# ---- what is missing, and the lines to add: added, they make it good ----

lines() { # CHECK: the lines of its advice, with the module in them
    field json "'\n'.join([c for c in d['checks'] if c['check'] == '$1'][0]['advice'].split('\n')[1:])" |
        sed "s,/path/of/the/pkcs11-module.so,$module,"
}

mend() { # FILE CHECK: openssl_conf belongs before the first section
    lines "$2" >missing
    { grep '^openssl_conf' missing || true; cat "$1"; grep -v '^openssl_conf' missing; } >mended.cnf
    check 0 - --config mended.cnf
    not_ok
}

: >empty.cnf
check 4 openssl-setup --config empty.cnf
finds sections fail 'openssl_conf names no section' 'openssl_conf before the first section'
finds provider fail 'the configuration does not name it' 'see "sections"'
finds uris 'not checked' '"provider" comes first'
mend empty.cnf sections

printf '%s\n' 'openssl_conf = init' '[init]' 'providers = providers' '[providers]' 'default = standard' '[standard]' \
    'activate = 1' >unnamed.cnf
check 4 openssl-setup --config unnamed.cnf
finds provider fail 'the configuration does not name it' 'sigbridge = sigbridge_sect'
is "$(field json '"default" in d["checks"][5]["advice"]')" False # it is active already
mend unnamed.cnf provider

# Debian's file, to which a provider was added: default was there by itself before
printf '%s\n' 'openssl_conf = init' '[init]' 'providers = providers' '[providers]' 'default = standard' 'sigbridge = ours' \
    '[standard]' '# activate = 1' '[ours]' "module = $provider" "module-path = $module" 'activate = 1' >trap.cnf
if OPENSSL_CONF=$work/trap.cnf openssl dgst -sha256 trap.cnf >/dev/null 2>&1; then die 'this is no trap'; fi
check 4 openssl-setup --config trap.cnf
finds default fail 'or OpenSSL has no digests and no ciphers'
is "$(lines default)" '[standard]
activate = 1'
mend trap.cnf default

conf "module-path = $module"
check 4 openssl-setup --config openssl.cnf
finds provider fail 'it is named, and not activated'
is "$(lines provider)" '[ours]
activate = 1'
mend openssl.cnf provider

# ---- files that cannot be read ----

check 4 openssl-setup --config absent.cnf
finds configuration fail 'absent.cnf cannot be read: No such file' 'name it by OPENSSL_CONF'
finds sections 'not checked' '"configuration" comes first'
printf 'a = b\n[[[\n' >broken.cnf
check 4 openssl-setup --config broken.cnf
finds configuration fail 'line 2 is no configuration'

# ---- what OpenSSL passes over in silence ----

conf "module-path = $module" 'activate = 1'
sed -i "s,^module = .*,module = /nonexistent/sigbridge.so," openssl.cnf
check 4 openssl-setup --config openssl.cnf
finds loading fail '/nonexistent/sigbridge.so' 'pass over it in silence'
finds provider fail 'it is named, and cannot be loaded' "module = $provider"

conf 'replicas = maybe' 'activate = 1'
check 4 openssl-setup --config openssl.cnf
finds loading fail 'replicas = maybe in the OpenSSL configuration is not understood; wanted is yes or no'

# ---- names ----

conf "module-path = $module" 'pin-souce = /run/pin' 'activate = 1'
check 4 openssl-setup --config openssl.cnf
finds names fail 'not understood, and without any effect: pin-souce' 'sigbridge-provider(7)'
not_ok names

# the section that a user of pkcs11-provider has; it is loaded under that provider's name
printf '%s\n' 'openssl_conf = init' '[init]' 'providers = providers' '[providers]' 'default = standard' 'pkcs11 = ours' \
    '[standard]' 'activate = 1' '[ours]' "module = $provider" "pkcs11-module-path = $module" \
    'pkcs11-module-quirks = no-deinit no-operation-state' 'pkcs11-module-token-pin = file:'"$work/pin" 'activate = 1' >peer.cnf
check 0 - --config peer.cnf
not_ok provider
finds provider warn 'active as pkcs11' 'it is provider=pkcs11'
finds ignored ok 'pkcs11-module-quirks: what the quirks work around'
finds uris ok 'opened by pkcs11'
finds module ok "$module; 1 token"
PKCS11_PROVIDER_MODULE=/nonexistent.so check 3 module --config peer.cnf
finds module fail '/nonexistent.so' 'module-path = /path/of/the/pkcs11-module.so'

# ---- the module ----

conf 'module-path = /nonexistent.so' 'activate = 1'
check 3 module --config openssl.cnf
not_ok module
mkdir none
sed "s,^directories.tokendir.*,directories.tokendir = $work/none," "$SOFTHSM2_CONF" >none.conf
conf "module-path = $module" 'activate = 1'
SOFTHSM2_CONF=$work/none.conf check 0 - --config openssl.cnf
finds module warn 'not initialised yet' 'connect the device'

# ---- queries that send everything elsewhere ----

query() { # PROPERTIES
    conf "module-path = $module" 'activate = 1'
    sed -i 's,^\[init\]$,[init]\nalg_section = algorithms,' openssl.cnf
    printf '%s\n' '[algorithms]' "default_properties = $1" >>openssl.cnf
}
query '?provider=sigbridge'
check 0 - --config openssl.cnf
not_ok properties
finds properties warn 'prefers a provider for everything' 'take default_properties out'
query 'provider=sigbridge'
check 4 openssl-setup --config openssl.cnf
finds properties fail 'nothing hashes any more'
finds default fail 'SHA-256 comes from no provider' 'see "properties"'
query '?provider=default'
check 0 - --config openssl.cnf
not_ok

# ---- other providers ----

with() { # NAME LIBRARY: listed before ours
    conf "module-path = $module" 'activate = 1'
    sed -i "s,^sigbridge = ours$,$1 = other\nsigbridge = ours," openssl.cnf
    printf '%s\n' '[other]' "module = $2" 'activate = 1' >>openssl.cnf
}
with pkcs11 "$rival"
status=0
"$sigbridge" provider check --config openssl.cnf --json >json 2>err || status=$?
hasnt json NOTICE # which it prints
finds others warn 'active too: pkcs11' 'take it out of the providers'
finds provider ok 'active as sigbridge'
is "$status $(field json '[c["verdict"] for c in d["checks"] if c["check"] == "uris"][0]')" '4 fail'
finds uris fail 'opened by pkcs11, and not by this provider' 'take the other provider out'

RIVAL=end check 4 openssl-setup --config openssl.cnf
finds process fail 'it is ended by signal 11 (Segmentation fault), after: all was done' 'one after the other'
told='openssl configuration sections properties process'
RIVAL=hang check 4 openssl-setup --config openssl.cnf
finds process fail 'it does not end; it hangs after: properties'
with crash "$crashing"
check 4 openssl-setup --config openssl.cnf
finds process fail 'it is ended by signal 6 (Aborted), after: properties'
