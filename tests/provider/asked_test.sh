#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Who is asked for a PIN: the application that loads a file which names a key, and nobody on a terminal but by its leave.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

provider_rig
keygen release ec P-256
"$sigbridge" provider wrap -q "$token;object=ec" -o plain.key
cert root "$token;object=ec" 'CN=Story Root' ec.pem
cat >load.py <<'PY'
"""Loads a certificate and its key with the passphrase that is given, and says how often it was asked."""
import ssl, sys
asked = []
def passphrase():
    asked.append(1)
    return sys.argv[3]
try:
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(sys.argv[1], sys.argv[2], password=passphrase)
    print(f"loaded, asked {len(asked)}")
except (OSError, ssl.SSLError):
    print(f"not loaded, asked {len(asked)}")
PY
export OPENSSL_CONF=$work/without-pin.cnf
is "$("$python" load.py ec.pem plain.key 1234)" 'loaded, asked 1'
is "$("$python" load.py ec.pem plain.key '')" 'not loaded, asked 1'
on_terminal 1234 "$python" load.py ec.pem plain.key '' >screen
has screen 'not loaded, asked 1'
hasnt screen PIN
