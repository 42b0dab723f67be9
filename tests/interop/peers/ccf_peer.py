# SPDX-License-Identifier: Apache-2.0
"""ccf and pyscitt as peers: receipts by ccf's verifier, statements with receipts by pyscitt's.

  receipt SPKI.der RECEIPT STATEMENT       exit 0 where the receipt is good for the statement, 1 where it is not
  statement SPKI.der TRANSPARENT STATEMENT  the same for a statement with its receipts, beside the one that was registered
"""
import hashlib
import sys

import ccf.cose
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pyscitt import verify


def read(path):
    with open(path, "rb") as file:
        return file.read()


class OneKey(verify.TrustStore):
    def __init__(self, key):
        self.key = key

    @property
    def services(self):
        return {}

    def get_key(self, receipt):
        return self.key


def main(what, spki, first, statement):
    key = load_der_public_key(read(spki))
    if what == "receipt":
        ccf.cose.verify_receipt(read(first), key, hashlib.sha256(read(statement)).digest())
    else:
        verify.verify_transparent_statement(read(first), OneKey(key), read(statement))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (AssertionError, ValueError) as why:
        sys.exit(f"not good: {why}")
