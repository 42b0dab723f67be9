#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Keys, tokens, modules and PINs: what is refused, and every way for a PIN to come.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

rig P-256
payload payload.json
to=("${claims[@]}" payload.json -o never.cose)
by() { "$sigbridge" sign "${anchors[@]}" "${to[@]}" "$@"; }
made() { # the statement is there and good
    verify -q never.cose
    rm never.cose
}

# ---- URI, module, token, key ----

refused 4 io "cannot read the key 'mst': No such file or directory; a key is a pkcs11: URI, store:" by --key mst --pin-file pin
refused 4 uri 'object= in the URI is there twice' by --key 'pkcs11:object=mst;object=mst' --pin-file pin
refused 4 uri 'holds %00' by --key 'pkcs11:object=mst%00' --pin-file pin
refused 4 uri 'unknown path attribute "colour"' by --key 'pkcs11:colour=red' --pin-file pin
refused 4 uri 'pin-' by --key "pkcs11:object=mst?pin-value=1234&pin-source=file:$work/pin"
hasnt json 1234
refused 3 module '/absent.so' by --key "$key" --module /absent.so --pin-file pin
refused 3 module 'cannot be loaded: ' by --key "$key" --module "$(command -v bash)" --pin-file pin
refused 3 module '/other.so' env PKCS11_MODULE_PATH=/other.so "$sigbridge" sign --key "$key" "${anchors[@]}" "${to[@]}" --pin-file pin
refused 3 token-absent 'absent' by --key 'pkcs11:token=absent;object=mst' --pin-file pin
refused 3 key-absent 'absent' by --key 'pkcs11:token=release;object=absent' --pin-file pin
refused 3 key-ambiguous 'serial=' by --key 'pkcs11:token=release' --pin-file pin

foreign() { # LABEL OPTION...: a key that another program makes
    pkcs11-tool --module "$PKCS11_MODULE_PATH" --token-label release --login --pin 1234 --keypairgen --label "$1" "${@:2}" >/dev/null 2>&1
}
foreign short --key-type rsa:1024
refused 2 weak-key 'RSA key of 1024 bits: at least 2048 are wanted' by --key 'pkcs11:token=release;object=short' --pin-file pin
foreign curve --key-type EC:secp256k1
refused 3 key-unsupported 'wanted: EC on P-256, P-384 or P-521, RSA, or Ed25519' by --key 'pkcs11:token=release;object=curve' --pin-file pin

# a token that returns what is no signature of the key
faulty=${SIGBRIDGE_BUILD:-$top/build}/lib/fault_module.so
export SIGB_FAULT_MODULE=$PKCS11_MODULE_PATH
while read -r plan words; do
    SIGB_FAULT_PLAN=C_Sign,$plan refused 3 signature-fault "$words" by --key "$key" --module "$faulty" --pin-file pin
done <<'ROWS'
flip it does not verify with the leaf's key, so nothing was written
short the signer returned 63 bytes where an ES256 signature has 64
empty the signer returned 0 bytes where an ES256 signature has 64
ROWS
by --key "$key" --module "$faulty" --pin-file pin -q
made

# the module: --module beats the URI, the URI beats the environment
by --key "$key?module-path=/absent.so" --module "$PKCS11_MODULE_PATH" --pin-file pin -q
made
module=$PKCS11_MODULE_PATH
PKCS11_MODULE_PATH=/absent.so by --key "$key?module-path=$module" --pin-file pin -q
made

# the URIs that the list shows are keys as they stand
"$sigbridge" token list --pin-file pin | awk '$1 == "private" { print $3 }' >uris
is "$(wc -l <uris)" 5
by --key "$(grep 'object=mst' uris)" --pin-file pin -q
made

# ---- PIN ----

refused 3 pin-needed 'no terminal' setsid "$sigbridge" sign --key "$key" "${anchors[@]}" "${to[@]}"
refused 3 pin-needed 'NO_PIN' setsid "$sigbridge" sign --key "$key" "${anchors[@]}" "${to[@]}" --pin-env NO_PIN
refused 4 usage 'two sources are named for one PIN' by --key "$key" --pin-file pin --pin-env X
refused 4 usage '--pin-file is given twice' by --key "$key" --pin-file pin --pin-file pin
refused 4 usage 'must be a number' by --key "$key" --pin-fd three
refused 4 io 'the PIN cannot be read from the descriptor: Bad file descriptor' by --key "$key" --pin-fd 77
refused 4 io 'absent' by --key "$key" --pin-file absent
: >empty
refused 3 pin-needed 'the PIN is empty' by --key "$key" --pin-file empty
head -c 300 /dev/zero | tr '\0' 1 >long
refused 4 limit '255' by --key "$key" --pin-file long
by --key "$key" --chain - --pin-fd 0 2>err <ca.pem && die 'one standard input'
has err 'usage: standard input cannot be both the chain and the PIN; give one as a file'

by --key "$key" --pin-file pin -q
made
by --key "$key" --pin-fd 9 -q 9<pin
made
by --key "$key" --pin-fd 0 -q <pin
made
printf '1234\r\n' >crlf
chmod 600 crlf
by --key "$key" --pin-file crlf -q
made
THE_PIN=1234 by --key "$key" --pin-env THE_PIN -q
made
by --key "$key?pin-source=file:$work/pin" -q
made
by --key "$key?pin-value=1234" 2>err
has err 'sigbridge: note: '
hasnt err 1234
made
chmod 644 pin
by --key "$key" --pin-file pin 2>err
has err 'sigbridge: note: '
by --key "$key" --pin-file pin --force --json >json
is "$(field json 'len(d["notes"])')" 1
chmod 600 pin
made

# the terminal: asked once, nothing echoed, nothing remembered
on_terminal 1234 "$sigbridge" sign --key "$key" "${anchors[@]}" "${to[@]}" >screen
has screen "PIN of token 'release' (serial "
hasnt screen 1234
made
THE_PIN='' on_terminal 1234 "$sigbridge" sign --key "$key" "${anchors[@]}" "${to[@]}" --pin-env THE_PIN -q >screen
made

# a wrong PIN is tried once and never shown
echo 4321 >wrong
chmod 600 wrong
refused 3 pin-incorrect 'it was tried once and is not tried again' by --key "$key" --pin-file wrong
hasnt json 4321
is "$(field json 'd["error"]["native"]')" 160
by --key "$key" --pin-file pin -q
made

# ---- two tokens with one label ----

keep=$SOFTHSM2_CONF
mkdir other
sed "s,$work/tokens,$work/other," "$keep" >other.conf
SOFTHSM2_CONF=$work/other.conf token release
mv other/* tokens/
rm -r other other.conf
refused 3 token-ambiguous 'serial=' by --key 'pkcs11:token=release;object=mst' --pin-file pin
by --key "$(grep 'object=mst' uris)" --pin-file pin -q
made
refused 4 exists 'release' "$sigbridge" token init --label release --so-pin-file so-pin --pin-file pin
