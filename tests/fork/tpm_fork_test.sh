#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A child of a process that signs with tpm2-pkcs11 shares its connection to the TPM: refused in words, before any call of
# the module, with no try of the PIN; the parent goes on.
source "$(dirname "${BASH_SOURCE[0]}")/../rigs/lib.sh"
# shellcheck source=../rigs/tpm.sh
source "$rigs/tpm.sh"

lockouts() { tpm2_getcap properties-variable | sed -n 's/^TPM2_PT_LOCKOUT_COUNTER: *//p'; }

tpm_new
printf '1234\n' >"$work/pin"
printf '12345678\n' >"$work/so-pin"
chmod 600 "$work/pin" "$work/so-pin"
token_of "$tpm_module" tpm
tpm_key EC:prime256v1 p256 01
before=$(lockouts)
[ -n "$before" ] || die "the TPM does not tell its lockout counter"

"$SIGBRIDGE_BUILD/tests/forker" "$tpm_module" 'pkcs11:token=tpm;object=p256' >told 2>parent || die "$(cat told parent)"
cat parent
for what in signing opening; do
    [ "$(grep -c "^$what: forked: .*(0 calls)\$" told)" -eq 10 ] || die "$what in a child: $(sort told | uniq -c)"
    grep -q "^$what: forked: .*libtpm2_pkcs11" told || die "no module is named: $(cat told)"
done
[ "$(lockouts)" = "$before" ] || die "the TPM counts failed tries of the PIN: $before before, $(lockouts) after"
sort told | uniq -c
