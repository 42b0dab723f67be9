#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What another implementation is asked to sign, as JSON: peer_request.py PAYLOAD EKU ALG LEAF.pem CA.pem ROOT.pem -- SIGNER..."""
import base64
import json
import sys
import time

from check_statement import derive_did, read
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

payload, eku, alg, *rest = sys.argv[1:]
split = rest.index("--")
ders = [x509.load_pem_x509_certificate(read(path)).public_bytes(Encoding.DER) for path in rest[:split]]
json.dump(
    {
        "alg": int(alg),
        "issuer": derive_did(ders, eku),
        "subject": "svc.example",
        "issued_at": int(time.time()),
        "svn": 7,
        "content_type": "application/json",
        "certs": [base64.b64encode(der).decode() for der in ders],
        "payload": payload,
        "signer": rest[split + 1 :],
    },
    sys.stdout,
)
