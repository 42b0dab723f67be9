#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# cms and smime: RSA, RSA-PSS and ECDSA, the certificate from the token by its URI; verified without the provider.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

provider_rig
echo 'what is signed' >message
for type in P-256 RSA-3072; do
    keygen release "$type" "$type"
    cert root "$token;object=$type" "CN=Root $type" "root-$type.pem"
    keygen release "leaf-$type" "$type"
    cert leaf "$token;object=leaf-$type" "CN=Leaf $type" "leaf-$type.pem" --issuer-key "$token;object=$type" \
        --issuer-cert "root-$type.pem" --eku 1.3.6.1.5.5.7.3.4
done

for type in P-256 RSA-3072; do
    cms_story "root-$type.pem" "$token;object=leaf-$type;type=cert" "leaf-$type.pem" "$token;object=leaf-$type"
done
cms_pss_story root-RSA-3072.pem leaf-RSA-3072.pem "$token;object=leaf-RSA-3072"
