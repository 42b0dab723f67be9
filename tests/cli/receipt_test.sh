#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Receipts on the command line: a production statement is taken apart, put together again, and judged offline.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

corpus=${SIGBRIDGE_CORPUS:-$top/../shared/corpus}/mst
if [ ! -d "$corpus" ]; then
    echo "skipped: there is no $corpus"
    exit 77
fi
ledger=esrp-cts-db.confidential-ledger.azure.com
issuer=did:x509:0:sha256:I__iuL25oXEVFdTP_aBLx_eT1RPHbCQ_ECBQfYZpt9s::eku:1.3.6.1.4.1.311.76.59.1.2
kid=da7694f16def5a056ca96afb21e89a9450e4cc875e2de351da76d99544a3e849
cp "$corpus/uvm-transparent.cose" uvm.cose
cp "$corpus/esrp-cts-db.json" keys.json
judge() { "$sigbridge" verify --issuer "$issuer" "$@"; }

# judged at the time of the receipt, and expired without it
judge --ledger-keys "$ledger=keys.json" --require-receipt "$ledger" --require-receipt all uvm.cose 2>err
has err 'transparent: yes'
has err 'validity judged at: 2025-12-22T21:11:28Z (earliest receipt)'
has err "receipt: good, ledger $ledger (pinned), entry 458.12440, signed 458.12441, at 2025-12-22T21:11:28Z, key $kid"
refused 2 expired 'certificate 1 of 3' judge uvm.cose
judge --at 2026-01-01T00:00:00Z uvm.cose 2>err
has err 'receipts not checked'
hasnt err transparent:
judge --ledger-keys "$ledger=keys.json" --json uvm.cose >json
is "$(field json 'd["transparent"], d["time_source"], [(r["outcome"], r["ledger"], r["pinned"], r["kid"], r["entry"], r["signed"], r["time"]) for r in d["receipts"]]')" \
    "(True, 'earliest receipt', [('good', '$ledger', True, '$kid', '458.12440', '458.12441', '2025-12-22T21:11:28Z')])"

# a key that is pinned to nobody leaves the ledger a claim; one that is pinned elsewhere vouches for nobody here
judge --ledger-keys keys.json --require-receipt any uvm.cose 2>err
has err "ledger $ledger (claimed)"
has err "which ledger it is of is the receipt's own word"
refused 4 usage "no keys are pinned to it: give them with --ledger-keys $ledger=FILE" judge --ledger-keys keys.json --require-receipt "$ledger" uvm.cose
refused 4 usage 'give --ledger-keys' judge --require-receipt any uvm.cose
judge --at 2026-01-01T00:00:00Z --ledger-keys other.example=keys.json uvm.cose 2>err
has err 'transparent: no, it has no good receipt'
has err 'receipt 1 not good: receipt-ledger'
refused 2 receipt-needed 'receipt 1: receipt-ledger' judge --at 2026-01-01T00:00:00Z --ledger-keys other.example=keys.json --require-receipt 1 uvm.cose
refused 2 receipt-needed '2 good receipts are wanted' judge --ledger-keys keys.json --require-receipt 2 uvm.cose
printf '{"keys":[]}' >none.json
refused 4 ledger-keys "'none.json'" judge --ledger-keys none.json uvm.cose

# out and in again: the same bytes
"$sigbridge" receipt list uvm.cose >out 2>err
has out "1 tree 2 ledger $ledger (claimed) entry 458.12440 kid $kid"
is "$(cat err)" 'nothing of this has been checked'
"$sigbridge" receipt detach uvm.cose --number 1 --receipt-out uvm.receipt -o plain.cose -q
"$sigbridge" receipt detach uvm.cose -o plain-too.cose -q
cmp plain.cose plain-too.cose
"$sigbridge" receipt list plain.cose >out 2>err
is "$(cat out)" ''
"$sigbridge" receipt attach plain.cose --receipt uvm.receipt --ledger-keys "$ledger=keys.json" -o again.cose 2>err
has err 'receipt attached: plain.cose -> again.cose'
has err 'receipt: good'
cmp again.cose uvm.cose
"$sigbridge" receipt attach plain.cose --receipt uvm.receipt -o unverified.cose 2>err
has err 'the receipt is not verified'
"$sigbridge" receipt attach plain.cose --receipt uvm.receipt -o - -q 2>err | cmp - uvm.cose

# everything it says
"$sigbridge" receipt inspect uvm.receipt >out 2>err
for words in "$ledger" 458.12440 458.12441 "$kid"; do has out "$words"; done
is "$(cat err)" 'nothing of this has been checked'
"$sigbridge" receipt inspect --number 1 uvm.cose >same 2>err
cmp out same

# what is refused leaves nothing behind
to=(-o new.cose)
refused 3 receipt-ledger 'of which no key is known' "$sigbridge" receipt attach plain.cose --receipt uvm.receipt --ledger-keys other.example=keys.json "${to[@]}"
"$python" - uvm.receipt <<'PY'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[-1] ^= 1
open("flipped.receipt", "wb").write(data)
PY
refused 1 receipt-signature 'the ledger did not sign this receipt' "$sigbridge" receipt attach plain.cose --receipt flipped.receipt --ledger-keys keys.json "${to[@]}"
refused 4 receipt-malformed 'the receipt cannot be read' "$sigbridge" receipt attach plain.cose --receipt keys.json "${to[@]}"
refused 4 exists 'the statement has this receipt already' "$sigbridge" receipt attach uvm.cose --receipt uvm.receipt "${to[@]}"
refused 4 usage 'the result would replace the statement' "$sigbridge" receipt attach plain.cose --receipt uvm.receipt -o plain.cose
refused 4 usage "'0' is no number of a receipt" "$sigbridge" receipt detach uvm.cose --number 0 "${to[@]}"
refused 4 usage 'the statement has 1 receipts, and number 2 is asked for' "$sigbridge" receipt detach uvm.cose --number 2 "${to[@]}"
refused 4 usage 'the statement has no receipt to detach' "$sigbridge" receipt detach plain.cose "${to[@]}"
refused 4 usage 'say which with --number' "$sigbridge" receipt detach uvm.cose --receipt-out kept.receipt "${to[@]}"
refused 4 usage 'the statement has 1 receipts, and number 2 is asked for' "$sigbridge" receipt inspect --number 2 uvm.cose
[ ! -e new.cose ] || die 'something was written'
[ ! -e kept.receipt ] || die 'a receipt was written'

# a bad one behind a good one harms nothing, and is told of
"$sigbridge" receipt attach uvm.cose --receipt flipped.receipt -o two.cose -q
judge --ledger-keys "$ledger=keys.json" --require-receipt "$ledger" two.cose 2>err
has err 'transparent: yes'
has err 'receipt 2 not good: receipt-signature'
refused 2 receipt-needed 'receipt 2: receipt-signature' judge --ledger-keys "$ledger=keys.json" --require-receipt all two.cose
