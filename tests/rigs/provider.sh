# shellcheck shell=bash
# shellcheck disable=SC2154 # $top is that of the lib.sh that is sourced before
# SPDX-License-Identifier: Apache-2.0
# Sourced behind lib.sh by what goes through the stories of the OpenSSL provider with a module's keys: their servers end with the
# story, PINs are in files, and no module but the configuration's is named.
# shellcheck source=tests/provider/stories.sh
source "$top/tests/provider/stories.sh"
trap 'server_gone; all_gone' EXIT

softhsm
unset PKCS11_MODULE_PATH
echo 'what is signed' >message
