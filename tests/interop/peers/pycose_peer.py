# SPDX-License-Identifier: Apache-2.0
"""pycose as a peer.

  verify KEY.der STATEMENT [PAYLOAD]   exit 0 where the signature is good, 1 where it is not
  sign REQUEST.json STATEMENT           makes a statement; request["signer"] is a command that signs its input
"""
import base64
import hashlib
import json
import subprocess
import sys

from cryptography.hazmat.primitives.serialization import load_der_public_key
from pycose import algorithms, headers
from pycose.keys import CoseKey
from pycose.messages import CoseMessage, Sign1Message


def read(path):
    with open(path, "rb") as file:
        return file.read()


def verify(spki, statement, payload=None):
    key = load_der_public_key(read(spki))
    message = CoseMessage.decode(read(statement))
    if not isinstance(message, Sign1Message):
        raise TypeError("not a COSE_Sign1")
    message.key = CoseKey._from_cryptography_key(key)
    detached = None if payload is None else read(payload)
    return message.verify_signature(detached_payload=detached)


def protected_header(request):
    certs = [base64.b64decode(cert) for cert in request["certs"]]
    claims = {1: request["issuer"], 2: request["subject"], 6: request["issued_at"], "svn": request["svn"]}
    return {
        headers.Algorithm: algorithms.CoseAlgorithm.from_id(request["alg"]),
        headers.ContentType: request["content_type"],
        15: claims,
        headers.X5chain: certs,
        headers.X5t: [-16, hashlib.sha256(certs[0]).digest()],
    }


def sign(request_path, out):
    request = json.loads(read(request_path))
    message = Sign1Message(phdr=protected_header(request), payload=read(request["payload"]))
    to_be_signed = message._create_sig_structure()
    message.signature = subprocess.run(request["signer"], input=to_be_signed, stdout=subprocess.PIPE, check=True).stdout
    with open(out, "wb") as file:
        file.write(message.encode(sign=False))


def main(verb, *arguments):
    if verb == "sign":
        sign(*arguments)
        return 0
    try:
        return 0 if verify(*arguments) else 1
    except Exception as error:  # hostile input: whatever the peer says, it is a refusal
        print(f"pycose: {type(error).__name__}: {error}", file=sys.stderr)
        return 1


sys.exit(main(*sys.argv[1:]))
