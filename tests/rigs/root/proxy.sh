#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SoftHSM behind p11-kit-proxy, which is the module where none is named: in the process, and on a server.
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source=../p11kit.sh
source "$rigs/p11kit.sh"

authority
token_of "$softhsm" far
"$sigbridge" token keygen -q "pkcs11:token=far?module-path=$softhsm" --label p384 --type P-384 --pin-file pin >/dev/null

only_module near "module: $softhsm"
signs_by_itself proxy ES384 "pkcs11:token=far;object=p384?module-path=$p11kit_proxy"
sign_as 'pkcs11:token=far;object=p384' proxy.pem unnamed.cose
judged_good unnamed.cose ES384

server_start node far
only_module remote "remote: $(server_address node)"
sign_as 'pkcs11:token=far;object=p384' proxy.pem remote.cose
judged_good remote.cose ES384
