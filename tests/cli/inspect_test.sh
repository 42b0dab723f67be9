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

# what stands in a receipt's place and is none
"$python" "$here/mutate.py" receipts good.cose spoilt.cose
"$sigbridge" inspect spoilt.cose >out 2>err
has out 'not read as a receipt: receipt-malformed: '

corpus=${SIGBRIDGE_CORPUS:-$top/../shared/corpus}/mst
if [ ! -d "$corpus" ]; then
    echo "skipped: there is no $corpus"
    exit 77
fi

# statements of others
for each in "$corpus"/*.cose; do
    "$sigbridge" inspect "$each" >out 2>err || die "$each: $(cat err)"
    [ -s out ] || die "nothing to see of $each"
    "$sigbridge" inspect "$each" --json >json
    is "$(field json 'd["kind"]')" cose-sign1
done

# receipts in full: tree, issuer, time, both transactions, each step of the path
uvm=$corpus/uvm-transparent.cose
"$sigbridge" inspect "$uvm" >out 2>err
"$sigbridge" receipt inspect --number 1 "$uvm" >receipt.txt 2>err
sed -n '/^receipt 1 in full:$/,$p' out | tail -n +2 | cmp - receipt.txt
for words in 'tree: CCF (2)' 'issuer: "esrp-cts-db.confidential-ledger.azure.com"' '(2025-12-22T21:11:28Z)' 'entry: "458.12440"' \
    'signed in: "458.12441"' 'path, 5:' 'left  dcca11d1f7ce42c6ad444b4f0a0dce80b124e4d9a47682482af97217aa3ef831' \
    'left  3c408c50424c65137e89dbaaf0d4fc6edc0f8b65c076fb308bd046fe7f259d39'; do has receipt.txt "$words"; done
"$sigbridge" inspect "$uvm" --json >json
is "$(field json '"\n".join(d["receipts_in_full"][0])')" "$(cat receipt.txt)"
