#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Inspection shows everything, and promises nothing.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

rig P-256
payload payload.json
sign "${claims[@]}" payload.json -o good.cose -q
did=$("$sigbridge" issuer derive --chain chain.pem --root root.pem --eku "$eku")

"$sigbridge" inspect good.cose >out 2>err
for words in "$did" svc.example application/json ES256 'CN=Test Leaf'; do has out "$words"; done
is "$(cat err)" 'nothing of this has been checked'
hasnt out verified
"$sigbridge" inspect - <good.cose >stdin 2>err
cmp out stdin
"$sigbridge" inspect good.cose --json >json
is "$(field json 'd["kind"], d["checked"], d["svn"], d["subject"]')" "('cose-sign1', False, 7, 'svc.example')"
is "$(field json '"\n".join(d["dump"])')" "$(cat out)"

# what does not verify can be looked at
for how in signature other-issuer receipts; do
    "$python" "$here/mutate.py" "$how" good.cose spoilt.cose
    "$sigbridge" inspect spoilt.cose >out 2>err
    hasnt out verified
    [ -s out ] || die "nothing to see of $how"
done
while read -r how name words; do
    "$python" "$here/mutate.py" "$how" good.cose spoilt.cose
    refused 4 "$name" "$words" "$sigbridge" inspect spoilt.cose
done <<'ROWS'
untagged tag must stand first
trailing trailing-bytes 1 bytes behind the end
cut cbor bytes are left
duplicate cbor-duplicate a map has a key twice
ROWS

# certificates: PEM, DER, several
"$sigbridge" inspect chain.pem >out 2>err
is "$(wc -l <out)" 3
has out 'CN=Test Leaf'
is "$(cat err)" 'nothing of this has been checked'
openssl x509 -in leaf.pem -outform der -out leaf.der
"$sigbridge" inspect leaf.der --json >json
is "$(field json 'd["kind"], len(d["certificates"])')" "('certificates', 1)"
head -c 100 leaf.der >cut.der
refused 4 cert-unreadable '100 bytes are not a DER certificate' "$sigbridge" inspect cut.der
refused 4 cert-unreadable 'no COSE statement begins like this, and as certificates: no certificate in' "$sigbridge" inspect payload.json

# statements of others
for each in "${SIGBRIDGE_CORPUS:-$top/../shared/corpus}"/mst/*.cose; do
    "$sigbridge" inspect "$each" >out 2>err || die "$each: $(cat err)"
    [ -s out ] || die "nothing to see of $each"
    "$sigbridge" inspect "$each" --json >json
    is "$(field json 'd["kind"]')" cose-sign1
done
