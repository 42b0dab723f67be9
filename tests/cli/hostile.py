# SPDX-License-Identifier: Apache-2.0
"""A good statement of somebody else's whose texts are hostile: hostile.py SUBJECT OUT; writes hostile-root.pem too."""
import base64
import datetime
import hashlib
import sys

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import NameOID

subject, target = sys.argv[1:]
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
protected = cbor2.dumps({
    1: -7, 3: "text/plain", 15: {1: f"did:x509:0:sha256:{print_of_root}::eku:{EKU}", 2: subject, 6: 1750000000, "svn": 1},
    33: [leaf_der, root_der], 34: [-16, hashlib.sha256(leaf_der).digest()], subject: subject})
signed = cbor2.dumps(["Signature1", protected, b"", subject.encode()])
r, s = utils.decode_dss_signature(key.sign(signed, ec.ECDSA(hashes.SHA256())))
statement = cbor2.CBORTag(18, [protected, {subject + "u": subject}, subject.encode(), r.to_bytes(32, "big") + s.to_bytes(32, "big")])
open(target, "wb").write(cbor2.dumps(statement))
open("hostile-root.pem", "wb").write(root.public_bytes(serialization.Encoding.PEM))
