#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two modules in one process: SoftHSM and NSS softokn sign at once, one of which wants a string to start with.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=nss.sh
source "$rigs/nss.sh"

authority
nss_new db -f pin
nss_key db leaf -k ec -q nistp256 -f pin
"$sigbridge" token keygen -q "pkcs11:token=release?module-path=$softhsm" --label leaf --type P-256 --pin-file pin >/dev/null
nss_leaf=$(nss_uri db leaf '' -f pin)

both() { "$SIGBRIDGE_BUILD/tests/two_modules" pin "$@"; }
first=("$softhsm" '' 'pkcs11:token=release;object=leaf;type=private')
second=("$nss_module" "$(nss_args db)" "${nss_leaf%\?}")
is "$(both "${first[@]}" "${second[@]}")" '800 820'
is "$(both "${second[@]}" "${first[@]}")" '800 820'
