#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# TLS 1.2 and 1.3, keys of both sides in the token: s_server and s_client with every type of key, and mutual authentication.
# The other side of each handshake has no provider, but for the last.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

provider_rig
server_pid=
finish() {
    [ -z "$server_pid" ] || kill "$server_pid" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

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

# serve CONF OPTION...: s_server on a free port of the loopback, which it tells; $port.
serve() {
    : >server.out # the port of the last one is not this one's
    OPENSSL_CONF=$1 openssl s_server -accept 127.0.0.1:0 -CAfile roots.pem -www "${@:2}" </dev/null >server.out 2>server.err &
    server_pid=$!
    port=
    for _ in $(seq 100); do
        port=$(sed -n 's/^ACCEPT 127\.0\.0\.1:\([0-9]*\)$/\1/p' server.out)
        [ -n "$port" ] && return
        sleep 0.1
    done
    die "no server: $(cat server.err)"
}

stop() {
    kill "$server_pid"
    wait "$server_pid" || true
    server_pid=
}

# shake CONF OPTION...: one handshake, verified, and a page that comes back over it.
shake() {
    printf 'GET / HTTP/1.0\r\n\r\n' >request
    OPENSSL_CONF=$1 timeout 30 openssl s_client -connect "127.0.0.1:$port" -CAfile roots.pem -verify_return_error -ign_eof \
        "${@:2}" <request >client.out 2>client.err || die "no handshake (${*:2}): $(cat client.err server.err)"
    has client.out 'Verify return code: 0 (ok)'
    has client.out 'HTTP/1.0 200 ok'
}

for type in $types; do
    serve "$work/with-pin.cnf" -cert "leaf-$type.pem" -key "$token;object=leaf-$type" -naccept 4
    shake /dev/null -tls1_3
    shake /dev/null -tls1_2
    shake /dev/null -tls1_3
    shake /dev/null -tls1_2
    wait "$server_pid" || die "the server ends with an error: $(cat server.err)"
    server_pid=
done

# RSA signs with both paddings in TLS 1.2
serve "$work/with-pin.cnf" -cert leaf-RSA-2048.pem -key "$token;object=leaf-RSA-2048"
shake /dev/null -tls1_2 -sigalgs RSA+SHA256
shake /dev/null -tls1_2 -sigalgs rsa_pss_rsae_sha384
stop

# the client's key too
for type in $types; do
    serve "$work/with-pin.cnf" -cert leaf-P-256.pem -key "$token;object=leaf-P-256" -Verify 1 -verify_return_error
    shake "$work/with-pin.cnf" -tls1_3 -cert "leaf-$type.pem" -key "$token;object=leaf-$type"
    shake "$work/with-pin.cnf" -tls1_2 -cert "leaf-$type.pem" -key "$token;object=leaf-$type"
    has client.out "Subject: CN=Leaf $type"
    stop
done
