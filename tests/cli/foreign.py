# SPDX-License-Identifier: Apache-2.0
"""A statement of somebody else's, correctly signed, wrong in one way: foreign.py HOW SUBJECT OUT

SUBJECT stands wherever text may; "good" is not wrong at all. Writes foreign-root.pem too.
"""
import base64
import datetime
import hashlib
import sys

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import NameOID

how, subject, target = sys.argv[1:]
EKU = "2.25.197642879"
NOW = datetime.datetime.utcnow()


def usage(sign):
    return x509.KeyUsage(digital_signature=sign, content_commitment=False, key_encipherment=False, data_encipherment=False,
                         key_agreement=False, key_cert_sign=not sign, crl_sign=not sign, encipher_only=False,
                         decipher_only=False)


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def issue(issuer, issuer_key, text, key, ca):
    build = x509.CertificateBuilder(issuer, name(text), key.public_key(), x509.random_serial_number(),
                                    NOW - datetime.timedelta(days=1), NOW + datetime.timedelta(days=9))
    build = build.add_extension(x509.BasicConstraints(ca, None), True).add_extension(usage(not ca), True)
    build = build.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    build = build.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False)
    if not ca:
        build = build.add_extension(x509.ExtendedKeyUsage([x509.ObjectIdentifier(EKU)]), False)
    return build.sign(issuer_key, hashes.SHA256())


root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
root = issue(name("Root " + subject), root_key, "Root " + subject, root_key, True)
leaf = issue(root.subject, root_key, "Leaf " + subject, key, False)
root_der, leaf_der = (cert.public_bytes(serialization.Encoding.DER) for cert in (root, leaf))
print_of_root = base64.urlsafe_b64encode(hashlib.sha256(root_der).digest()).decode().rstrip("=")
claims = {1: f"did:x509:0:sha256:{print_of_root}::eku:{EKU}", 2: subject, 6: 1750000000, "svn": 1}
header = {1: -7, 3: "text/plain", 15: claims, 33: [leaf_der, root_der],
          34: [-16, hashlib.sha256(leaf_der).digest()], subject: subject}
{
    "good": lambda: None,
    "x5t": lambda: header.update({34: [-16, hashlib.sha256(root_der).digest()]}),
    "did-root": lambda: claims.update({1: f"did:x509:0:sha256:{'A' * 43}::eku:{EKU}"}),
    "did-eku": lambda: claims.update({1: f"did:x509:0:sha256:{print_of_root}::eku:2.25.5"}),
    "did-syntax": lambda: claims.update({1: "did:x509:0:sha256:AA"}),
    "did-method": lambda: claims.update({1: "did:web:example"}),
    "no-svn": lambda: claims.pop("svn"),
    "text-svn": lambda: claims.update(svn="1"),
    "negative-svn": lambda: claims.update(svn=-1),
    "no-subject": lambda: claims.pop(2),
    "no-type": lambda: header.pop(3),
    "alg-of-other-curve": lambda: header.update({1: -35}),
    "unknown-alg": lambda: header.update({1: -257}),
    "no-alg": lambda: header.pop(1),
    "short-chain": lambda: header.update({33: leaf_der}),
    "chain-order": lambda: header.update({33: [root_der, leaf_der]}),
    "not-a-cert": lambda: header.update({33: [b"leaf", root_der]}),
}[how]()
protected = cbor2.dumps(header)
signed = cbor2.dumps(["Signature1", protected, b"", subject.encode()])
r, s = utils.decode_dss_signature(key.sign(signed, ec.ECDSA(hashes.SHA256())))
statement = cbor2.CBORTag(18, [protected, {subject + "u": subject}, subject.encode(), r.to_bytes(32, "big") + s.to_bytes(32, "big")])
open(target, "wb").write(cbor2.dumps(statement))
open("foreign-root.pem", "wb").write(root.public_bytes(serialization.Encoding.PEM))
