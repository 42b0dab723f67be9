#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A certificate authority whose key is in a token: req, x509 -req, ca, crl, ocsp; what it issues is judged without the
# provider.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

provider_rig
keygen release ca P-384
keygen release rsa RSA-3072
keygen release leaf P-256
ca_key="$token;object=ca;type=private"

req_story "$ca_key" "$token;object=leaf"
pss_req_story "$token;object=rsa"
ca_story "$ca_key"
"$sigbridge" provider wrap -q "$ca_key" -o ca.key
ocsp_story ca.key
