#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Programs that know nothing of tokens, and take a key file: curl with a client certificate, Python's ssl on both sides, and
# osslsigncode, which signs releases for Windows.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

provider_rig

for type in P-256 RSA-2048; do
    keygen release "$type" "$type"
    cert root "$token;object=$type" "CN=Root $type" "root-$type.pem"
    keygen release "leaf-$type" "$type"
    cert leaf "$token;object=leaf-$type" "CN=Leaf $type" "leaf-$type.pem" --issuer-key "$token;object=$type" \
        --issuer-cert "root-$type.pem" --eku 1.3.6.1.5.5.7.3.1,1.3.6.1.5.5.7.3.2
    "$sigbridge" provider wrap -q "$token;object=leaf-$type" -o "leaf-$type.key"
done
cat root-*.pem >roots.pem
# servers often have both in one file, in either order
(umask 077 && cat leaf-P-256.pem leaf-P-256.key >whole-P-256.pem && cat leaf-RSA-2048.key leaf-RSA-2048.pem >whole-RSA-2048.pem)

cat >serve.py <<'PY'
"""A TLS server whose key is in a token: says who came, and ends after as many clients as it is told."""
import socket, ssl, sys
certificate, key, roots, clients = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
context.load_verify_locations(roots)
context.verify_mode = ssl.CERT_REQUIRED
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
for _ in range(int(clients)):
    connection, _ = listener.accept()
    with context.wrap_socket(connection, server_side=True) as client:
        name = dict(pair[0] for pair in client.getpeercert()["subject"])["commonName"]
        client.recv(4096)
        page = f"hello {name}\n"
        client.sendall(f"HTTP/1.0 200 OK\r\nContent-Length: {len(page)}\r\n\r\n{page}".encode())
PY
cat >visit.py <<'PY'
"""A TLS client whose key is in a token."""
import socket, ssl, sys
port, certificate, key, roots = sys.argv[1:]
context = ssl.create_default_context(cafile=roots)
context.check_hostname = False
context.load_cert_chain(certificate, key)
with context.wrap_socket(socket.create_connection(("127.0.0.1", int(port)))) as server:
    server.sendall(b"GET / HTTP/1.0\r\n\r\n")
    page = b""
    while chunk := server.recv(4096):
        page += chunk
print(page.decode().splitlines()[-1])
PY

export OPENSSL_CONF=$work/with-pin.cnf
for type in P-256 RSA-2048; do
    : >port # the last server's is not this one's
    "$python" serve.py "whole-$type.pem" "whole-$type.pem" roots.pem 2 >port 2>server.err &
    server_pid=$!
    for _ in $(seq 100); do [ -s port ] || sleep 0.1; done
    is "$(curl -sS --insecure --cert "leaf-$type.pem" --key "leaf-$type.key" "https://127.0.0.1:$(cat port)/" 2>&1)" "hello Leaf $type"
    is "$("$python" visit.py "$(cat port)" "leaf-$type.pem" "leaf-$type.key" roots.pem 2>&1)" "hello Leaf $type"
    wait "$server_pid" || die "$(cat server.err)"
    server_pid=
    is "$(cat server.err)" ''
done

# ---- a release for Windows ----

keygen release code RSA-3072
cert leaf "$token;object=code" 'CN=Code' code.pem --issuer-key "$token;object=RSA-2048" --issuer-cert root-RSA-2048.pem --eku 1.3.6.1.5.5.7.3.3
"$sigbridge" provider wrap -q "$token;object=code" -o code.key
"$python" - program.exe <<'PY'
"""The smallest program that is a PE file."""
import struct, sys
dos = b"MZ" + bytes(58) + struct.pack("<I", 64)
coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x14C, 1, 0, 0, 0, 224, 0x102)
optional = struct.pack("<HBBIIIIIIIIIHHHHHHIIIIHHIIIIII", 0x10B, 8, 0, 512, 0, 0, 0x1000, 0x1000, 0x2000, 0x400000, 0x1000, 512,
                       4, 0, 0, 0, 4, 0, 0, 0x2000, 512, 0, 3, 0, 0x100000, 0x1000, 0x100000, 0x1000, 0, 16) + bytes(128)
section = b".text\0\0\0" + struct.pack("<IIIIIIHHI", 1, 0x1000, 512, 512, 0, 0, 0, 0, 0x60000020)
head = dos + coff + optional + section
open(sys.argv[1], "wb").write(head + bytes(512 - len(head)) + b"\xc3" + bytes(511))
PY
code=code.key # later versions look in a file for objects of any kind, and take the URI
help=$(osslsigncode sign --help 2>&1 || true)
if [[ $help == *'-key <file|URI>'* ]]; then code="$token;object=code;type=private"; fi
osslsigncode sign -h sha256 -certs code.pem -key "$code" -in program.exe -out signed.exe >out 2>&1 || die "osslsigncode: $(cat out)"
unset OPENSSL_CONF
OPENSSL_CONF=/dev/null osslsigncode verify -CAfile root-RSA-2048.pem -in signed.exe >out 2>&1 || die "osslsigncode verify: $(cat out)"
has out 'Signature verification: ok'
