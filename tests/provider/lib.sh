# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Sourced first by every story of the OpenSSL provider: keys made in a token of SoftHSM, and the stories that need no more of
# a module than a key (stories.sh).
# shellcheck source=tests/cli/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
# shellcheck source=tests/provider/stories.sh
source "$top/tests/provider/stories.sh"
trap 'server_gone; rm -rf "$work"' EXIT

token='pkcs11:token=release'

# A token "release", a configuration that knows its PIN, and one that does not.
provider_rig() {
    softhsm
    token release
    configure with-pin.cnf "pin-source = $work/pin"
    configure without-pin.cnf
    unset OPENSSL_CONF
}

# OpenSSL's tool does it from 3.5 on.
can_encapsulate() { [[ $(openssl pkeyutl -help 2>&1) == *-encap* ]]; }

# public LABEL: its public key, as software writes it, in LABEL.pub.
public() { public_of "$token;object=$1;type=private" "$1.pub"; }
