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

# ---- req, x509 -req ----

printf '%s\n' '[req]' 'distinguished_name = dn' '[dn]' '[v3_ca]' 'basicConstraints = critical,CA:TRUE' \
    'keyUsage = critical,keyCertSign,cRLSign' 'subjectKeyIdentifier = hash' >req.cnf
hsm req -x509 -new -config req.cnf -extensions v3_ca -key "$ca_key" -subj '/CN=Story CA' -days 30 -out ca.pem
soft verify -CAfile ca.pem ca.pem >out
has out 'ca.pem: OK'
hsm req -new -config req.cnf -key "$token;object=leaf" -subj '/CN=leaf' -out leaf.csr
soft req -in leaf.csr -verify -noout >out 2>&1
has out 'self-signature verify OK'
echo 'basicConstraints = CA:FALSE' >leaf.ext
hsm x509 -req -in leaf.csr -CA ca.pem -CAkey "$ca_key" -CAcreateserial -days 10 -extfile leaf.ext -out leaf.pem
soft verify -CAfile ca.pem leaf.pem >out
has out 'leaf.pem: OK'

# RSA-PSS says its padding in the certificate
hsm req -x509 -new -config req.cnf -extensions v3_ca -key "$token;object=rsa" -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest \
    -subj '/CN=PSS CA' -days 30 -out pss.pem
soft verify -CAfile pss.pem pss.pem >out
has out 'pss.pem: OK'
soft x509 -in pss.pem -noout -text >text
has text 'Salt Length: 0x20'

# the key's certificate and the key belong together, also as OpenSSL sees it
hsm x509 -in ca.pem -noout -pubkey >certified.pub
hsm pkey -in "$ca_key" -pubout >ca.pub
cmp certified.pub ca.pub

# ---- ca, crl ----

mkdir issued
touch index
echo 1000 >serial
echo 01 >crlnumber
printf '%s\n' '[ca]' 'default_ca = story' '[story]' "database = $work/index" "serial = $work/serial" "crlnumber = $work/crlnumber" \
    "new_certs_dir = $work/issued" "certificate = $work/ca.pem" 'default_md = sha384' 'policy = policy' 'default_days = 5' \
    'default_crl_days = 5' 'rand_serial = no' '[policy]' 'commonName = supplied' >ca.cnf
OPENSSL_CONF=$work/with-pin.cnf openssl ca -batch -config ca.cnf -keyfile "$ca_key" -in leaf.csr -out issued.pem 2>err || die "$(cat err)"
soft verify -CAfile ca.pem issued.pem >out
has out 'issued.pem: OK'
OPENSSL_CONF=$work/with-pin.cnf openssl ca -batch -config ca.cnf -keyfile "$ca_key" -revoke issued.pem 2>err || die "$(cat err)"
OPENSSL_CONF=$work/with-pin.cnf openssl ca -batch -config ca.cnf -keyfile "$ca_key" -gencrl -out crl.pem 2>err || die "$(cat err)"
soft crl -in crl.pem -CAfile ca.pem -noout >out 2>&1
has out 'verify OK'
if soft verify -crl_check -CRLfile crl.pem -CAfile ca.pem issued.pem >out 2>&1; then die 'a revoked certificate passes'; fi
has out 'certificate revoked'

# ---- ocsp ----

soft ocsp -issuer ca.pem -cert issued.pem -no_nonce -reqout request 2>err
"$sigbridge" provider wrap -q "$ca_key" -o ca.key
OPENSSL_CONF=$work/with-pin.cnf openssl ocsp -index index -CA ca.pem -rsigner ca.pem -rkey ca.key -reqin request -respout response 2>err ||
    die "$(cat err)"
soft ocsp -issuer ca.pem -cert issued.pem -no_nonce -respin response -CAfile ca.pem >out 2>&1
has out 'issued.pem: revoked'
has out 'Response verify OK'
