#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# opencryptoki's soft token: RSA, keys made by the command.
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=../opencryptoki.sh
source "$rigs/opencryptoki.sh"

opencryptoki_start
authority
opencryptoki_token ock
for key in 'RSA-2048 PS256' 'RSA-3072 PS384'; do
    read -r type alg <<<"$key"
    "$sigbridge" token keygen -q "pkcs11:token=ock?module-path=$opencryptoki_module" --label "$type" --type "$type" \
        --pin-file pin >/dev/null
    signs_by_itself "opencryptoki-$type" "$alg" "pkcs11:token=ock;object=$type?module-path=$opencryptoki_module"
done
