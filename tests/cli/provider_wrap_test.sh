#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# provider wrap: the key file of a token key's URI, as OpenSSL's own tools read its structure; what is refused, and that
# no file is replaced.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

uri='pkcs11:token=release;object=mst;type=private?pin-source=file:/run/pin'

# ---- standard output, a file, a document ----

"$sigbridge" provider wrap "$uri" >key.pem 2>err
is "$(cat err)" ''
is "$(head -n 1 key.pem)" '-----BEGIN PKCS#11 PROVIDER URI-----'
is "$(tail -n 1 key.pem)" '-----END PKCS#11 PROVIDER URI-----'
grep -v -- ----- key.pem | base64 -d >key.der
openssl asn1parse -inform DER -in key.der | sed -E 's/^ *[0-9]+:d=([0-9]) .*(cons|prim): */\1 /; s/ +:/ /; s/ +$//' >parsed
is "$(cat parsed)" "0 SEQUENCE
1 VISIBLESTRING PKCS#11 Provider URI v1.0
1 UTF8STRING $uri"

"$sigbridge" provider wrap "$uri" -o file.pem 2>err
cmp key.pem file.pem
is "$(cat err)" 'wrote: file.pem'
"$sigbridge" provider wrap "$uri" -o - >again.pem
cmp key.pem again.pem
"$sigbridge" provider wrap "$uri" --json >json
is "$(field json 'd["pem"]')" "$(cat key.pem)"
is "$("$sigbridge" provider wrap -q "$uri" -o quiet.pem 2>&1)" ''
cmp key.pem quiet.pem

# ---- refusals: nothing is written, and no file replaced ----

echo mine >taken
refused 4 exists 'taken' "$sigbridge" provider wrap "$uri" -o taken
is "$(cat taken)" mine
"$sigbridge" provider wrap -q "$uri" -o taken --force
cmp key.pem taken
refused 4 uri 'a file is no place for one' "$sigbridge" provider wrap 'pkcs11:object=k?pin-value=987654' -o absent
hasnt json 987654
refused 4 uri 'another kind of object' "$sigbridge" provider wrap 'pkcs11:object=k;type=cert' -o absent
refused 4 uri 'begins with "pkcs11:"' "$sigbridge" provider wrap /etc/ssl/key.pem -o absent
refused 4 usage 'URI is missing' "$sigbridge" provider wrap -o absent
refused 4 usage 'cannot share standard output' "$sigbridge" provider wrap "$uri" -o -
[ ! -e absent ] || die 'a refusal wrote a file'
