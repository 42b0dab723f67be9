# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# A throw-away SoftHSM token "demo" in $scratch with a root CA, an issuing CA and a leaf, every key generated in the
# token. Sourced after ci/lib.sh by what needs one; leaves $module, $pin, $eku, and in $rig: root.pem, ca.pem, leaf.pem.
sigbridge=${sigbridge:-${root:?}/build/bin/sigbridge}
rig=${scratch:?}/rig
pin=$rig/pin
# An OID of the demo's own: a UUID under the joint arc (ITU-T X.667), so that nobody else's certificates have it.
eku=2.25.197642879793877819242125399276164362108

# Shows a command before it runs, so that what is printed can be typed again.
run() {
    { printf '\n$'; printf ' %q' "$@"; printf '\n'; } | sed "s,$root/build/bin/,,g; s,$root/,,g; s,$scratch/,\$TMP/,g" >&2
    "$@"
}

rig_token() {
    module=$(softhsm_module)
    mkdir -p "$rig/tokens"
    export SOFTHSM2_CONF=$rig/softhsm2.conf
    printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n' \
        "$rig/tokens" >"$SOFTHSM2_CONF"
    (umask 077 && printf '12345678\n' >"$rig/so-pin" && printf '1234\n' >"$pin")
    run "$sigbridge" token init --module "$module" --label demo --so-pin-file "$rig/so-pin" --pin-file "$pin"
}

rig_keys() { # TYPE
    local name
    for name in root ca leaf; do
        run "$sigbridge" token keygen --module "$module" --pin-file "$pin" --token 'pkcs11:token=demo' --type "$1" --label "$name"
    done
}

rig_cert() { # ROLE SUBJECT DAYS OPTION...
    local role=$1 subject=$2 days=$3
    shift 3
    run "$sigbridge" token cert --module "$module" --pin-file "$pin" --role "$role" --key "pkcs11:token=demo;object=$role" \
        --subject "$subject" --days "$days" "$@" -o "$rig/$role.pem"
}

rig_chain() {
    rig_cert root 'CN=Demo Root CA,O=sigbridge demo' 3650
    rig_cert ca 'CN=Demo Issuing CA,O=sigbridge demo' 1825 --issuer-key 'pkcs11:token=demo;object=root' --issuer-cert "$rig/root.pem"
    rig_cert leaf 'CN=Demo Release Signing,O=sigbridge demo' 365 --eku "$eku" \
        --issuer-key 'pkcs11:token=demo;object=ca' --issuer-cert "$rig/ca.pem"
}
