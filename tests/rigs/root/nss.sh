#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# NSS softokn, its string taken from p11-kit's configuration (x-init-reserved).
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=../nss.sh
source "$rigs/nss.sh"
# shellcheck source=../p11kit.sh
source "$rigs/p11kit.sh"

authority
nss_new closed -f pin
nss_key closed p256 -k ec -q nistp256 -f pin
only_module nss "module: $nss_module" "x-init-reserved: $(nss_args closed)"
signs_by_itself nss ES256 "$(nss_uri closed p256 module-name=nss -f pin)"

# Without a user PIN nobody is asked for one.
nss_new open --empty-password
nss_key open p256 -k ec -q nistp256
only_module nss "module: $nss_module" "x-init-reserved: $(nss_args open)"
signs_by_itself nss-open ES256 "$(nss_uri open p256 module-name=nss)"
"$sigbridge" sign -q --key "$(nss_uri open p256 module-name=nss)" "${anchors[@]}" "${claims[@]}" payload.json -o unasked.cose </dev/null
judged_good unasked.cose ES256
