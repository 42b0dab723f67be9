#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# TLS 1.2 and 1.3, keys of both sides in the token: s_server and s_client with every type of key, and mutual authentication.
# The other side of each handshake has no provider, but for the last.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

provider_rig

types='P-256 P-384 P-521 RSA-2048 Ed25519'
for type in $types; do
    keygen release "$type" "$type"
    cert root "$token;object=$type" "CN=Root $type" "root-$type.pem"
    keygen release "leaf-$type" "$type"
    cert leaf "$token;object=leaf-$type" "CN=Leaf $type" "leaf-$type.pem" --issuer-key "$token;object=$type" \
        --issuer-cert "root-$type.pem" --eku 1.3.6.1.5.5.7.3.1,1.3.6.1.5.5.7.3.2
done
cat root-*.pem >roots.pem

# types of keys that sign no statements, and certificates of their own making
printf '%s\n' '[req]' 'distinguished_name = dn' '[dn]' '[v3]' 'basicConstraints = critical,CA:TRUE' 'subjectKeyIdentifier = hash' >req.cnf
for type in ED448 RSA-PSS; do
    hsm genpkey -algorithm "$type" -propquery provider=sigbridge -pkeyopt "pkcs11_uri:$token;object=leaf-$type" -out "leaf-$type.key" -quiet
    hsm req -x509 -new -config req.cnf -extensions v3 -key "$token;object=leaf-$type;type=private" -subj "/CN=Leaf $type" -days 30 \
        -out "leaf-$type.pem"
    cat "leaf-$type.pem" >>roots.pem
done
types+=' ED448 RSA-PSS'

for type in $types; do tls_story "leaf-$type.pem" "$token;object=leaf-$type"; done
rsa_tls_story leaf-RSA-2048.pem "$token;object=leaf-RSA-2048" RSA+SHA256 rsa_pss_rsae_sha384

# the client's key too
for type in $types; do
    mutual_tls_story "$work/with-pin.cnf" leaf-P-256.pem "$token;object=leaf-P-256" \
        "$work/with-pin.cnf" "leaf-$type.pem" "$token;object=leaf-$type" "CN=Leaf $type"
done
