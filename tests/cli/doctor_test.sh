#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# token doctor: a good key passes every check, in words; each fault is found by the check that it belongs to, with its
# verdict, its code, what was found and what to do; the rest is judged all the same.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

checks='uri module token pin mechanisms login key key-sign key-sensitive key-extractable key-local'
checks+=' key-always-authenticate public-key algorithm mechanism certificate certificate-usage certificate-eku'
checks+=' certificate-validity chain issuer signature'

# examine EXIT URI OPTION...: json is the document, out what people see; both end with EXIT, and tell every check once.
examine() {
    local wanted=$1 status=0
    shift
    "$sigbridge" token doctor "$@" --result json --force >out 2>err </dev/null || status=$?
    is "$status" "$wanted"
    is "$(field json '(d["exit"], d["ok"])')" "($wanted, $([ "$wanted" -eq 0 ] && echo True || echo False))"
    is "$(field json '" ".join(c["check"] for c in d["checks"])')" "$checks"
    is "$(grep -cE '^(ok|WARN|FAIL|not checked) ' out)" "$(wc -w <<<"$checks")"
}

# finds CHECK VERDICT NAME WORDS [ADVICE]: what the last examination said of a check; NAME "-": no code.
finds() {
    local one="[c for c in d['checks'] if c['check'] == '$1'][0]"
    is "$1: $(field json "${one}['verdict']")" "$1: $2"
    is "$1: $(field json "(${one}['error'] or {'name': '-'})['name']")" "$1: $3"
    field json "${one}['found']" >found
    has found "$4"
    field json "${one}['advice']" >advice
    [ "$2" != ok ] || is "$(cat advice)" ''
    [ "$#" -lt 5 ] || has advice "$5"
}

all_ok_but() { # CHECK...
    is "$(field json '" ".join(c["check"] for c in d["checks"] if c["verdict"] != "ok")')" "$*"
}

rig P-384
uri=$key

# ---- a good key ----

examine 0 "$uri" --pin-file pin --root root.pem --sign
all_ok_but ''
finds uri ok - 'well-formed'
finds module ok - "$PKCS11_MODULE_PATH: SoftHSM, Implementation of PKCS11 2.6, Cryptoki 2.40"
finds token ok - 'token=release, SoftHSM project SoftHSM v2, in slot '
finds pin ok - 'the user PIN is set; no wrong entry is counted'
finds mechanisms ok - 'ES256 CKM_ECDSA, ES384 CKM_ECDSA, ES512 CKM_ECDSA'
finds mechanisms ok - 'PS512 CKM_RSA_PKCS_PSS, EdDSA CKM_EDDSA'
finds login ok - 'the token took the login'
finds key ok - 'P-384 pkcs11:serial='
finds key-sign ok - 'CKA_SIGN is true'
finds key-sensitive ok - 'CKA_SENSITIVE is true'
finds key-extractable ok - 'CKA_EXTRACTABLE is false'
finds key-local ok - 'CKA_LOCAL is true, CKA_ALWAYS_SENSITIVE is true, CKA_NEVER_EXTRACTABLE is true'
finds key-always-authenticate ok - 'CKA_ALWAYS_AUTHENTICATE is false'
finds public-key ok - "SHA-256 $(openssl x509 -in leaf.pem -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -d ' ' -f 1)"
finds algorithm ok - 'ES384'
finds mechanism ok - 'CKM_ECDSA makes ES384 signatures; what is signed is hashed here'
finds certificate ok - "of this key, on the token: subject 'CN=Test Leaf'; issuer 'CN=Test CA'; serial 0x"
finds certificate-usage ok - 'an end entity with keyUsage digitalSignature'
finds certificate-eku ok - "the only one: $eku"
finds certificate-validity ok - "'CN=Test Leaf' is valid until "
finds chain ok - "'CN=Test Leaf' <- 'CN=Test CA' <- 'CN=Test Root'"
finds signature ok - 'ES384, 96 bytes, over a text for this test alone; verifies with the public key'
# the issuer is the one that statements have
payload payload.json
sign "${claims[@]}" payload.json -q
"$sigbridge" inspect payload.json.cose --json >statement
is "$(field json 'd["issuer"]')" "$(field statement 'd["issuer"]')"
has found 'ES384'
hasnt out '1234 '

# people see what was wanted and what to do, where it is not ok
examine 0 "$uri" --pin-file pin
all_ok_but chain issuer signature
finds chain 'not checked' - 'no root was given: whether the certificate leads to one that you trust cannot be judged' 'give the root with --root'
finds issuer 'not checked' - 'the issuer is named by the root and one EKU' '--eku'
finds signature 'not checked' - 'not asked for' 'ask for one with --sign'
has out 'not checked  chain                    no root was given'
has out '             what to do: give the root with --root'
is "$(cat err)" ''
"$sigbridge" token doctor "$uri" --pin-file pin --json >document 2>err
is "$(field document '[k for k in d]')" "['schema', 'verb', 'ok', 'exit', 'error', 'checks', 'notes', 'escaped']"

# ---- without a PIN: what everybody sees ----

examine 3 "$uri" --root root.pem
finds pin ok - 'the user PIN is set'
finds mechanisms ok - 'ES384 CKM_ECDSA'
finds login 'not checked' pin-needed 'no PIN was given; private keys are hidden until login' '--pin-file'
finds key 'not checked' pin-needed 'private keys are hidden until login; public keys of this name: 1: P-384 pkcs11:'
finds key-sign 'not checked' - 'not examined: "login" comes first'
finds public-key ok - 'SHA-256'
finds algorithm ok - ES384
finds certificate ok - "of this key, on the token: subject 'CN=Test Leaf'"
finds issuer ok - 'did:x509:0:sha256:'
finds signature 'not checked' - 'not asked for'
has err 'sigbridge token doctor: pin-needed: login: no PIN was given'
is "$(field json '(d["error"]["code"], d["issuer"][:9])')" "(24, 'did:x509:')"
# --login and --sign ask on the terminal, once
for option in --login --sign; do
    on_terminal 1234 "$sigbridge" token doctor "$uri" "$option" >screen
    is "$(grep -o 'PIN of token' screen | wc -l)" 1
    has screen 'the token took the login'
done
refused_login() { setsid "$sigbridge" token doctor "$uri" --login --result json --force >out 2>err </dev/null; }
if refused_login; then die 'a login without a PIN'; fi
finds login fail pin-needed 'there is no terminal to ask for one'

# ---- URI, module, token ----

examine 4 'pkcs11:token=a;token=b'
finds uri fail uri 'token' 'sigbridge token list'
finds module 'not checked' - 'not examined: "uri" comes first'
examine 4 'pkcs11:token=release;object=mst;type=cert' --pin-file pin
finds uri fail uri 'type= in the URI names no private key'
examine 3 "$uri" --module /nonexistent.so --cert leaf.pem --chain ca.pem --root root.pem --eku "$eku"
finds module fail module '/nonexistent.so' 'name the module with --module'
finds token 'not checked' - 'not examined: "module" comes first'
finds certificate 'not checked' - 'whether it is of this key cannot be judged'
finds certificate-usage ok - 'digitalSignature'
finds certificate-eku ok - "among those that it has: $eku"
finds issuer ok - 'did:x509:0:sha256:'
has err 'sigbridge token doctor: module: module:'
examine 3 'pkcs11:token=absent;object=mst' --pin-file pin
finds module ok - SoftHSM
finds token fail token-absent 'no token matches the URI (token=absent' 'connect the device'
finds pin 'not checked' - 'not examined: "token" comes first'
token second
keygen second mst P-256
examine 3 'pkcs11:object=mst' --pin-file pin
finds token fail token-ambiguous '2 tokens match the URI' 'add the serial= of one of them'

# ---- PIN ----

(umask 077 && echo 9999 >wrong)
"$sigbridge" token doctor pkcs11:token=second --pin-file wrong --trace >out 2>err && die 'a wrong PIN passed'
is "$(grep -c 'trace: C_Login' err)" 1
examine 3 'pkcs11:token=second;object=mst' --pin-file wrong --sign
finds pin warn - 'the user PIN was entered wrongly since the last login' 'log in once with the right PIN'
finds login fail pin-incorrect 'C_Login: CKR_PIN_INCORRECT: the token refused the PIN; it was tried once' 'every run costs a try'
is "$(field json '[c["error"]["native"] for c in d["checks"] if c["check"] == "login"]')" '[160]'
finds key 'not checked' pin-incorrect 'private keys are hidden until login'
finds signature 'not checked' - 'not examined: "login" comes first'
examine 0 'pkcs11:token=second;object=mst' --pin-file pin
finds pin warn - 'entered wrongly'
examine 0 'pkcs11:token=second;object=mst' --pin-file pin
finds pin ok - 'no wrong entry'

# ---- key ----

examine 3 'pkcs11:token=release;object=none' --pin-file pin --sign
finds key fail key-absent 'no private key matches, after the login that shows all; public keys of this name: 0' 'sigbridge token list --login'
finds key-sign 'not checked' - 'not examined: "key" comes first'
examine 3 pkcs11:token=release --pin-file pin
finds key fail key-ambiguous '3 private keys match where one is wanted: P-384 pkcs11:' 'add the id= of one of them'
is "$(grep -o 'object=mst;type=private' found | wc -l)" 1
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out imported.pem 2>/dev/null
softhsm2-util --import imported.pem --token second --label imported --id 77 --pin 1234 >/dev/null
examine 0 'pkcs11:token=second;object=imported' --pin-file pin --sign
finds key-local warn - 'CKA_LOCAL is false, CKA_ALWAYS_SENSITIVE is false, CKA_NEVER_EXTRACTABLE is false' 'make a new key with sigbridge token keygen'
finds key-sensitive ok - 'CKA_SENSITIVE is true'
finds certificate warn cert-absent 'no certificate of the key, among 0 given and 0 on the token' 'give it with --cert or --chain'
finds certificate-eku 'not checked' - 'not examined: "certificate" comes first'
finds signature ok - 'ES256, 64 bytes'
# copies of one key are several, until they are said to be one
for id in 80 81; do
    softhsm2-util --import imported.pem --token second --label twin --id "$id" --pin 1234 >/dev/null
done
examine 3 'pkcs11:token=second;object=twin' --pin-file pin
finds key fail key-ambiguous '2 private keys match, copies with one public key: P-256 pkcs11:' 'for copies of one key use --replicas'
examine 0 'pkcs11:token=second;object=twin' --pin-file pin --replicas --sign
finds key ok - '2 private keys match, copies with one public key'
finds signature ok - 'ES256, 64 bytes'
pkcs11_tool() { pkcs11-tool --module "$PKCS11_MODULE_PATH" --token-label second --login --pin 1234 "$@" >/dev/null 2>&1; }
pkcs11_tool --keypairgen --key-type EC:prime256v1 --id 78 --label always --always-auth
examine 0 'pkcs11:token=second;object=always' --pin-file pin --sign
finds key-always-authenticate warn - 'CKA_ALWAYS_AUTHENTICATE is true' 'the PIN is given again for every signature'
finds signature ok - 'ES256, 64 bytes'
pkcs11_tool --keypairgen --key-type rsa:1024 --id 79 --label small
examine 2 'pkcs11:token=second;object=small' --pin-file pin --sign
finds algorithm fail weak-key 'RSA key of 1024 bits' 'make a larger key'
finds signature fail weak-key 'RSA key of 1024 bits'
keygen second ed Ed25519
examine 2 'pkcs11:token=second;object=ed' --pin-file pin
finds algorithm fail profile 'the mst profile does not accept EdDSA' '--profile cose'
finds mechanism ok - 'CKM_EDDSA makes EdDSA signatures; the token is given the whole message'
examine 0 'pkcs11:token=second;object=ed' --pin-file pin --profile cose --sign
finds algorithm ok - 'EdDSA'
finds signature ok - 'EdDSA, 64 bytes'

# ---- certificates ----

# CAs beside the key's certificate, in any order
examine 0 "$uri" --pin-file pin --root root.pem --chain root.pem --chain ca.pem
finds certificate ok - 'of this key, on the token'
# of another key: given, or under the key's id
examine 3 'pkcs11:token=release;object=ca' --pin-file pin --root root.pem --cert leaf.pem
finds certificate fail cert-other-key "the certificate that was given is of another key: subject 'CN=Test Leaf'" 'issued for this key'
finds certificate-eku 'not checked' - 'not examined: "certificate" comes first'
openssl x509 -in leaf.pem -outform DER -out leaf.der
pkcs11_tool --write-object leaf.der --type cert --id 77 --label imported
examine 3 'pkcs11:token=second;object=imported' --pin-file pin
finds certificate fail cert-other-key "the certificate under the key's id is of another key: subject 'CN=Test Leaf'"
# a CA's
examine 2 'pkcs11:token=release;object=ca' --pin-file pin --root root.pem
finds certificate ok - "subject 'CN=Test CA'"
finds certificate-usage fail leaf-ca 'is a CA certificate: a statement is signed by an end entity' 're-issued'
finds certificate-eku fail eku-absent 'has no extended key usage' 'the EKU of your service'
finds issuer fail leaf-ca 'is a CA certificate'
# the root that is not the chain's
cert root 'pkcs11:token=second;object=mst' 'CN=Other Root' other.pem
examine 1 "$uri" --pin-file pin --root other.pem
finds chain fail chain-root 'is none of the 1 pinned root certificates'
finds issuer fail chain-root 'pinned'
finds certificate-validity ok - "'CN=Test Leaf' is valid until"
# another EKU; several, and none named
examine 2 "$uri" --pin-file pin --root root.pem --eku 1.2.3
finds certificate-eku fail eku 'lacks the EKU asked for, 1.2.3' 'name an EKU that it has'
finds chain ok - 'CN=Test Root'
keygen release more P-256
keygen release late P-256
more() { # LABEL OPTION...: a leaf of the key LABEL
    cert leaf "pkcs11:token=release;object=$1" "CN=$1" "$1.pem" --issuer-key 'pkcs11:token=release;object=ca' \
        --issuer-cert ca.pem "${@:2}"
}
more more --eku "$eku,2.25.5"
examine 2 'pkcs11:token=release;object=more' --pin-file pin --root root.pem
finds certificate-eku warn eku-ambiguous "has several EKUs and none was named" 'name the one of your service with --eku'
has found "$eku, 2.25.5"
finds issuer fail eku-ambiguous 'has several EKUs'
examine 0 'pkcs11:token=release;object=more' --pin-file pin
finds certificate-eku warn eku-ambiguous 'has several EKUs'
examine 0 'pkcs11:token=release;object=more' --pin-file pin --root root.pem --eku 2.25.5
finds certificate-eku ok - 'among those that it has: 2.25.5'
finds issuer ok - '::eku:2.25.5'
# time: the leaf's, and soon
more late --eku "$eku" --days 20
examine 0 'pkcs11:token=release;object=late' --pin-file pin --root root.pem
finds certificate-validity warn - "'CN=late' is valid until" 'renew the certificate in time'
has found ' days more'
# a chain that began long ago: a leaf that has expired, and one that is not valid yet
for name in old-root old-ca expired early; do keygen second "$name" P-256; done
old() { # ROLE LABEL OPTION...
    cert "$1" "pkcs11:token=second;object=$2" "CN=$2" "$2.pem" "${@:3}"
}
old root old-root --from 2020-01-01T00:00:00Z --days 20000
old ca old-ca --from 2020-01-02T00:00:00Z --days 19000 --issuer-key 'pkcs11:token=second;object=old-root' --issuer-cert old-root.pem
by_old=(--issuer-key 'pkcs11:token=second;object=old-ca' --issuer-cert old-ca.pem --eku "$eku")
old leaf expired --from 2020-02-01T00:00:00Z --days 30 "${by_old[@]}"
old leaf early --from "$(($(date +%s) + 86400))" --days 300 "${by_old[@]}"
examine 2 'pkcs11:token=second;object=expired' --pin-file pin --root old-root.pem
finds certificate-validity fail expired "'CN=expired' is valid until 2020-03-02T00:00:00Z; it is " 'renew the certificate; correct the clock'
finds chain ok - "'CN=expired' <- 'CN=old-ca' <- 'CN=old-root'"
finds issuer fail expired 'CN=expired'
examine 2 'pkcs11:token=second;object=early' --pin-file pin
finds certificate-validity fail not-yet-valid "'CN=early' is valid from" 'wait, or correct the clock'
finds issuer 'not checked' - 'no root was given'

# ---- devices that misbehave ----

export SIGB_FAULT_MODULE=$PKCS11_MODULE_PATH
fault=${SIGBRIDGE_BUILD:-$top/build}/lib/fault_module.so
with() { # PLAN EXIT OPTION...: the good key, on a token that does as planned
    SIGB_FAULT_PLAN=$1 examine "$2" "$uri" --module "$fault" --root root.pem "${@:3}"
}
logins() { # PLAN OPTION...
    SIGB_FAULT_PLAN=$1 "$sigbridge" token doctor "$uri" --module "$fault" --trace "${@:2}" 2>&1 | grep -c '^trace: C_Login' || true
}

with 'pin-tries=3;pin-wrong=1' 0 --pin-file pin
finds pin warn - 'the user PIN was entered wrongly since the last login'
with 'pin-tries=3;pin-wrong=2' 3 --pin-file pin --sign
finds pin fail pin-final-try 'one try is left: one wrong PIN more locks the token' '--allow-final-pin-try'
finds login 'not checked' - 'nothing was tried'
finds issuer ok - 'did:x509:0:sha256:'
is "$(logins 'pin-tries=3;pin-wrong=2' --pin-file pin --sign)" 0
with 'pin-tries=3;pin-wrong=2' 0 --pin-file pin --allow-final-pin-try
finds pin warn pin-final-try 'one try is left'
with 'pin-tries=3;pin-wrong=3' 3 --pin-file pin --sign --allow-final-pin-try
finds pin fail pin-locked 'the user PIN is locked' 'the security officer has to reset the PIN'
is "$(logins 'pin-tries=3;pin-wrong=3' --pin-file pin --sign --allow-final-pin-try)" 0
is "$(logins 'keypad=1234')" 0 # nobody asked for a login
with 'keypad=1234' 0 --login --sign
finds pin ok - 'entered at the device'
with 'no-login=1234' 0 --sign
finds login ok - 'the token needs no login'
with only=0x1045 0 --pin-file pin --sign
finds mechanisms ok - 'ES384 CKM_ECDSA_SHA384'
has found 'none for ES256, ES512'
finds mechanism ok - 'CKM_ECDSA_SHA384 makes ES384 signatures; the token is given the whole message'
with without=0x1041 3 --pin-file pin --sign
finds mechanism fail mechanism 'ES384 needs CKM_ECDSA or CKM_ECDSA_SHA384' 'a token or module that has the mechanism'
with 'C_Sign,flip' 3 --pin-file pin --sign
finds signature fail signature-fault 'does not verify' 'do not trust the device'
with 'C_Sign,short' 3 --pin-file pin --sign
finds signature fail signature-fault '95 bytes where an ES384 signature has 96'
with 'C_Sign,rv=0x68' 3 --pin-file pin --sign
finds signature fail key-no-sign 'CKR_KEY_FUNCTION_NOT_PERMITTED'
with 'C_Initialize,rv=0x5' 3 --pin-file pin
finds module fail module 'CKR_GENERAL_ERROR' 'name the module with --module'
with 'C_FindObjectsInit,rv=0x30' 3 --pin-file pin
finds key fail token 'C_FindObjectsInit: CKR_DEVICE_ERROR: the device or the connection to it failed' 'check the connection'
finds mechanisms ok - 'ES384'

# a token that hangs is found out in time, by the check that it hung in; the files that were given are judged all the same
hangs() { # CALL CHECK
    local began
    began=$(now)
    with "$1,hang" 3 --pin-file pin --token-timeout "$(patient 1000)" --cert leaf.pem --chain ca.pem
    in_time "$began" 20000
    finds "$2" fail timeout 'the token did not answer in time' '--token-timeout'
    finds certificate 'not checked' - 'whether it is of this key cannot be judged'
    finds issuer ok - 'did:x509:0:sha256:'
    has err "sigbridge token doctor: timeout: $2: "
}
hangs C_Initialize module
hangs C_GetTokenInfo token
hangs C_GetMechanismList mechanisms
hangs C_Login login
hangs C_FindObjects key

# ---- what cannot be read is no finding ----

echo junk >junk.pem
refused 4 cert-unreadable 'junk.pem' "$sigbridge" token doctor "$uri" --root junk.pem
refused 4 usage 'URI is missing' "$sigbridge" token doctor
