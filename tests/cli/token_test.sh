#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Tokens: from a free slot to a chain of certificates, and away again, with a question.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

softhsm

# ---- init ----

"$sigbridge" token init --label first --so-pin-file so-pin --pin-file pin >out 2>err
is "$(grep -c '^pkcs11:.*token=first' out)" 1
has err 'initialised the token'
refused 4 exists 'first' "$sigbridge" token init --label first --so-pin-file so-pin --pin-file pin
refused 4 exists 'is initialised already; initialising it again would destroy its keys' "$sigbridge" token init "$(cat out)" --label second --so-pin-file so-pin --pin-file pin
refused 4 usage '--label is missing' "$sigbridge" token init --so-pin-file so-pin --pin-file pin
# new PINs are typed twice; two that differ change nothing
on_terminal '12345678|12345678|1234|9999' "$sigbridge" token init --label typed >screen && die 'PINs differ'
has screen 'the two PINs differ'
hasnt screen 9999
"$sigbridge" token list >out
hasnt out token=typed
on_terminal '12345678|12345678|1234|1234' "$sigbridge" token init --label typed >screen
has screen "New security officer's PIN for token '"
has screen "Again: New user PIN for token '"
"$sigbridge" token list 'pkcs11:token=typed' --pin-file pin -q >/dev/null

# ---- keygen ----

for type in P-256 P-384 P-521 RSA-2048 Ed25519; do
    "$sigbridge" token keygen pkcs11:token=first --type "$type" --label "k-$type" --pin-file pin >uri 2>err
    "$sigbridge" token list "$(cat uri)" --pin-file pin --json >json
    is "$(field json '[i["type"] for i in d["items"] if i["kind"] == "private"]')" "['$type']"
    is "$(field json '[("sensitive" in i["note"], "never extractable" in i["note"]) for i in d["items"] if i["kind"] == "private"]')" '[(True, True)]'
done
refused 4 exists 'has an object with this label' "$sigbridge" token keygen pkcs11:token=first --label k-P-256 --pin-file pin
"$sigbridge" token keygen --token pkcs11:token=first --label with-id --id 00Ff10 --copyable --pin-file pin --json >json
is "$(field json '"id=%00%FF%10" in d["uri"]')" True
refused 4 exists 'has an object with this id' "$sigbridge" token keygen --uri pkcs11:token=first --label other --id 00ff10 --pin-file pin
refused 3 pin-incorrect 'it was tried once and is not tried again' "$sigbridge" token keygen pkcs11:token=first --label x --pin-file so-pin
refused 3 token-ambiguous '2 tokens match the URI; say which by serial=' "$sigbridge" token keygen --label x --pin-file pin
refused 3 token-absent 'no token matches the URI (token=none' "$sigbridge" token keygen pkcs11:token=none --label x --pin-file pin
refused 3 pin-needed 'there is no terminal to ask for one; see --help for its sources' setsid "$sigbridge" token keygen pkcs11:token=first --label x

# ---- cert ----

new() { cert "$1" "pkcs11:token=first;object=$2" "CN=$2" "$2.pem" "${@:3}"; }
new root k-P-384
new ca k-P-256 --issuer-key 'pkcs11:token=first;object=k-P-384' --issuer-cert k-P-384.pem
new leaf k-RSA-2048 --issuer-key 'pkcs11:token=first;object=k-P-256' --issuer-cert k-P-256.pem --eku "$eku,2.25.5" --days 30
openssl x509 -in k-RSA-2048.pem -noout -text >text
has text 'Digital Signature'
has text "$eku"
has text 'CA:FALSE'
openssl verify -x509_strict -CAfile k-P-384.pem -untrusted k-P-256.pem k-RSA-2048.pem >/dev/null
"$sigbridge" token list 'pkcs11:token=first;type=cert' --json >json
is "$(field json 'sorted(i["label"] for i in d["items"] if i["kind"] == "cert")')" "['k-P-256', 'k-P-384', 'k-RSA-2048']"
refused 4 exists 'has a certificate with this label' "$sigbridge" token cert --role root --key 'pkcs11:token=first;object=k-P-384' --subject CN=x --pin-file pin -o never.pem
refused 4 exists "'k-P-256.pem' exists" "$sigbridge" token cert --role root --key 'pkcs11:token=first;object=k-P-521' --subject CN=x --pin-file pin -o k-P-256.pem
refused 4 usage 'an issuing CA or a leaf needs its issuer' "$sigbridge" token cert --role leaf --key 'pkcs11:token=first;object=k-P-521' --subject CN=x --pin-file pin -o never.pem
refused 3 key-absent 'has no such private key' "$sigbridge" token cert --role root --key 'pkcs11:token=first;object=none' --subject CN=x --pin-file pin -o never.pem
"$sigbridge" token cert --role root --key 'pkcs11:token=first;object=k-P-521' --subject CN=x --pin-file pin -o - -q | openssl x509 -noout -subject -nameopt RFC2253 >out
has out 'CN=x'
# one question for two keys on one token
on_terminal 1234 "$sigbridge" token cert --role leaf --key 'pkcs11:token=first;object=with-id' --subject CN=asked --eku "$eku" \
    --issuer-key 'pkcs11:token=first;object=k-P-256' --issuer-cert k-P-256.pem -o asked.pem >screen
is "$(grep -o 'PIN of token' screen | wc -l)" 1
[ -s asked.pem ] || die 'no certificate'

# ---- delete ----

all() { "$sigbridge" token list "pkcs11:token=first" --pin-file pin --json >json; field json 'len(d["items"])'; }
count=$(all)
refused 4 usage 'URI is missing' "$sigbridge" token delete
refused 4 usage 'add object= or id=' "$sigbridge" token delete pkcs11:token=first --pin-file pin --yes
refused 3 key-absent 'list it to see what there is' "$sigbridge" token delete 'pkcs11:token=first;object=none' --pin-file pin --yes
refused 4 not-confirmed 'there is no terminal to confirm on' setsid "$sigbridge" token delete 'pkcs11:token=first;object=k-P-256' --pin-file pin
for answer in no '' y 'yes please' YES; do
    on_terminal "$answer " "$sigbridge" token delete 'pkcs11:token=first;object=k-P-256' --pin-file pin >screen && die "deleted for '$answer'"
    has screen 'not-confirmed'
done
on_terminal '!yes|no' "$sigbridge" token delete 'pkcs11:token=first;object=k-P-256' --pin-file pin >screen && die 'deleted for what was typed before the question'
is "$(all)" "$count"
on_terminal yes "$sigbridge" token delete 'pkcs11:token=first;object=k-P-256' --pin-file pin >screen
has screen 'delete 3 objects? type yes: '
has screen 'deleted 3 objects'
is "$(all)" "$((count - 3))"
"$sigbridge" token delete 'pkcs11:token=first;object=k-P-384' --pin-file pin --yes --json >json
is "$(field json 'sorted(i["kind"] for i in d["deleted"])')" "['cert', 'private', 'public']"
