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

# ---- OpenSSL's own tools ask by their user interface, once, or take what is given ----

public_by() { openssl pkey -in "$1" -pubout -out asked.pub "${@:2}" 2>err </dev/null; }
soft x509 -in ec.pem -noout -pubkey >ec.pub
for named in "$token;object=ec;type=private" plain.key; do
    on_terminal 1234 openssl pkey -in "$named" -pubout -out asked.pub >screen
    is "$(grep -c 'PIN of token release' screen)" 1
    cmp ec.pub asked.pub
    rm asked.pub
    public_by "$named" -passin pass:1234
    cmp ec.pub asked.pub
    rm asked.pub
    if public_by "$named" -passin pass:4321; then die 'a wrong PIN opens a key'; fi
    has err 'CKR_PIN_INCORRECT'
done

# ---- a key that is made: nobody is asked, so the configuration has to have the PIN ----

made() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -propquery provider=sigbridge "$@" -out made.key; }
if made -pkeyopt "pkcs11_uri:$token;object=made" 2>err </dev/null; then die 'a key was made without a PIN'; fi
has err 'nobody can be asked for it now; set pin-source'
made -pkeyopt "pkcs11_uri:$token;object=made?pin-source=file:$work/pin" 2>err </dev/null || die "$(cat err)"
has made.key 'BEGIN PKCS#11 PROVIDER URI'
OPENSSL_CONF=/dev/null "$sigbridge" token list --pin-file pin >listed
is "$(grep -c 'object=made' listed)" 2
openssl dgst -sha256 -sign made.key -out signature ec.pem
openssl pkey -in made.key -pubout -out made.pub
is "$(soft dgst -sha256 -verify made.pub -signature signature ec.pem)" 'Verified OK'
