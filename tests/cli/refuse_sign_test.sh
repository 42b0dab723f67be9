#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What signing refuses: claims, payloads, certificates, chains, EKUs, algorithms. Nothing is signed, no file appears.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

rig P-384
payload payload.json
out=(payload.json -o never.cose)

# ---- claims ----

json=(--content-type application/json)
refused 2 subject 'subject' sign --svn 7 "${json[@]}" "${out[@]}"
refused 2 subject 'empty' sign --subject '' --svn 7 "${json[@]}" "${out[@]}"
refused 2 subject 'unknown.intent' sign --subject unknown.intent --svn 7 "${json[@]}" "${out[@]}"
refused 2 svn 'svn' sign --subject s "${json[@]}" "${out[@]}"
refused 2 svn '0' sign --subject s --svn 0 "${json[@]}" "${out[@]}"
refused 2 svn '-1' sign --subject s --svn -1 "${json[@]}" "${out[@]}"
refused 2 svn '1.5' sign --subject s --svn 1.5 "${json[@]}" "${out[@]}"
refused 2 svn 'seven' sign --subject s --svn seven "${json[@]}" "${out[@]}"
refused 2 svn 'is not a positive whole number such as 7' sign --subject s --svn '' "${json[@]}" "${out[@]}"
refused 2 svn '007' sign --subject s --svn 007 "${json[@]}" "${out[@]}"
refused 2 svn 'at most 9223372036854775807 is wanted' sign --subject s --svn 9223372036854775808 "${json[@]}" "${out[@]}"
refused 2 content-type 'content type' sign --subject s --svn 7 "${out[@]}"
refused 2 content-type 'json' sign --subject s --svn 7 --content-type json "${out[@]}"
refused 2 content-type "'text / plain' is not a media type; give one such as application/json" sign --subject s --svn 7 --content-type 'text / plain' "${out[@]}"
did=$("$sigbridge" issuer derive --chain chain.pem --root root.pem --eku "$eku")
refused 2 iss-differs "$eku" sign "${claims[@]}" --iss "${did}1" "${out[@]}"
refused 2 iss-differs "$did" sign "${claims[@]}" --iss did:web:example "${out[@]}"

# ---- payload ----

: >empty
refused 4 payload 'empty' sign "${claims[@]}" empty -o never.cose
refused 4 payload 'empty' sign "${claims[@]}" - -o never.cose
refused 4 io "cannot read the payload 'absent'" sign "${claims[@]}" absent -o never.cose
refused 4 io 'Is a directory' sign "${claims[@]}" . -o never.cose
head -c 1048576 /dev/zero >mebibyte
refused 2 statement-size '1048576' sign "${claims[@]}" mebibyte -o never.cose
sign "${claims[@]}" mebibyte -o large.cose --profile cose -q
refused 2 statement-size 'at most 1048576' verify large.cose
truncate -s 16777217 huge
refused 4 limit '16777216' sign "${claims[@]}" huge -o never.cose --profile cose
rm mebibyte huge large.cose

# ---- algorithm and profile ----

refused 2 alg-key 'ES256' sign "${claims[@]}" "${out[@]}" --alg ES256
refused 2 alg-key 'PS384' sign "${claims[@]}" "${out[@]}" --alg PS384
refused 2 profile 'ESP384' sign "${claims[@]}" "${out[@]}" --alg ESP384
refused 2 profile 'etached' sign "${claims[@]}" "${out[@]}" --detached

# ---- certificates and chains, with a leaf of the token's key ----

"$sigbridge" token delete -q 'pkcs11:token=release;type=cert' --yes --pin-file pin || true
for each in root ca mst; do
    "$sigbridge" token delete -q "pkcs11:token=release;type=cert;object=$each" --yes --pin-file pin
done
"$python" -W ignore "$here/certs.py" leaf.pem "$eku"
soft() { # OPTION...
    "$sigbridge" sign --key "$key" --root soft-root.pem --pin-file pin "${claims[@]}" "${out[@]}" "$@"
}
of() { # LEAF OPTION...
    soft --chain soft-ca.pem --eku "$eku" --cert "$@"
}
of good.pem -q
rm never.cose

refused 3 cert-absent 'none of 0 certificates is the signing key' soft --eku "$eku"
refused 3 cert-absent 'none of 1 certificates is the signing key' soft --eku "$eku" --chain soft-ca.pem
refused 3 cert-other-key 'is the certificate of another key than the signing key; give the one that was issued for this key' of other-key.pem
refused 3 cert-ambiguous 'serial' of good.pem --cert renewed.pem
of good.pem --cert expired.pem -q
rm never.cose
refused 1 chain-incomplete 'Soft CA' soft --eku "$eku" --cert good.pem
refused 1 chain-root 'Soft Root' "$sigbridge" sign --key "$key" --root root.pem --pin-file pin "${claims[@]}" "${out[@]}" \
    --eku "$eku" --cert good.pem --chain soft-ca.pem --chain soft-root.pem
refused 1 chain-unrelated 'Somebody Else' of good.pem --chain unrelated.pem
refused 1 chain-ambiguous 'leave one certificate or one root out' of good.pem --chain cross-ca.pem --root second-root.pem
refused 2 expired 'certificate has expired (valid ' of expired.pem
refused 2 not-yet-valid 'wait, or correct the clock' of future.pem
refused 2 leaf-ca 'use a certificate without CA rights' of leaf-ca.pem
refused 2 key-usage 'keyUsage is absent where digitalSignature is wanted' of no-usage.pem
refused 2 key-usage 'digitalSignature' of other-usage.pem
refused 2 weak-digest 'have it re-issued over SHA-256' of sha1.pem
refused 2 weak-key "'CN=Weak CA': CA certificate key too weak" soft --eku "$eku" --cert of-weak-ca.pem --chain weak-ca.pem
refused 1 chain 'Not A CA' soft --eku "$eku" --cert of-not-ca.pem --chain not-ca.pem
refused 1 chain 'Soft Leaf' of unknown-critical.pem

# ---- EKU ----

refused 2 eku-absent 'have the certificate re-issued with the EKU of your service' of no-eku.pem
refused 2 eku-malformed 'cannot be read; have the certificate re-issued' of unreadable-eku.pem
refused 2 eku-malformed 'occurs more than once; have the certificate re-issued' of repeated-eku.pem
refused 2 eku 'or use another certificate; it has: 2.25.99' of other-eku.pem
refused 2 eku-ambiguous '2.25.99' soft --chain soft-ca.pem --cert two-ekus.pem
has json "$eku"
soft --chain soft-ca.pem --cert two-ekus.pem --eku 2.25.99 -q
rm never.cose
refused 2 eku-any 'it fits everybody; use the EKU of your service' soft --chain soft-ca.pem --cert any-eku.pem
refused 2 eku-any 'it fits everybody; use the EKU of your service' soft --chain soft-ca.pem --cert any-eku.pem --eku 2.5.29.37.0
refused 4 usage "'not.an.oid' is not a dotted OID" soft --chain soft-ca.pem --cert good.pem --eku not.an.oid

# the same judge, without a key
refused 2 expired 'certificate 1 of 3' "$sigbridge" issuer derive --chain expired.pem --chain soft-ca.pem --root soft-root.pem
"$sigbridge" issuer derive --chain expired.pem --chain soft-ca.pem --root soft-root.pem --at "$(date -u -d '-204 hours' +%s)" >/dev/null
refused 1 did-mismatch 'lacks the EKU that the eku predicate asks for' "$sigbridge" issuer resolve "${did}1" --chain chain.pem
refused 3 issuer-method 'no other issuer method is supported' "$sigbridge" issuer resolve did:web:example --chain chain.pem
refused 4 did 'its fingerprint has 3 bytes where sha256 has 32' "$sigbridge" issuer resolve did:x509:0:sha256:AAAA::eku:x --chain chain.pem
