# SPDX-License-Identifier: Apache-2.0
"""Certificates for a token's key that `sigbridge token cert` would not make: certs.py LEAF.pem EKU

LEAF.pem lends its public key. Roots and issuing CAs are made here; every file it writes is PEM.
"""
import datetime
import subprocess
import sys
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.utcnow().replace(microsecond=0)
EKU = x509.ObjectIdentifier(sys.argv[2])
OTHER_EKU = x509.ObjectIdentifier("2.25.99")
EXTENDED_KEY_USAGE = x509.ObjectIdentifier("2.5.29.37")
ANY_EKU = x509.ObjectIdentifier("2.5.29.37.0")
token_key = x509.load_pem_x509_certificate(open(sys.argv[1], "rb").read()).public_key()


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def usage(*wanted):
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{each: each in wanted for each in names})


def issue(issuer, key, subject, ca=False, start=NOW - DAY, end=NOW + 30 * DAY, key_usage=None, ekus=(), extra=(),
          twice=None):
    """A certificate of `key`, by an issuer that is (private key, name)."""
    build = x509.CertificateBuilder(issuer[1], name(subject), key, x509.random_serial_number(), start, end)
    build = build.add_extension(x509.BasicConstraints(ca, None), True)
    build = build.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), False)
    build = build.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer[0].public_key()), False)
    if key_usage is not None:
        build = build.add_extension(key_usage, True)
    if ekus:
        build = build.add_extension(x509.ExtendedKeyUsage(ekus), False)
    for extension, critical in extra:
        build = build.add_extension(extension, critical)
    if twice is not None:  # what the builder itself refuses
        build._extensions.append(x509.Extension(twice.oid, False, twice))
    return build.sign(issuer[0], hashes.SHA256())


class Ca:
    """A root, or a CA that `issuer` certified."""

    def __init__(self, subject, issuer=None, key=None, ca=True):
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.identity = (self.key, name(subject))
        self.cert = issue(issuer.identity if issuer else self.identity, self.key.public_key(), subject, ca=ca, start=NOW - 60 * DAY,
                          key_usage=usage("key_cert_sign", "crl_sign") if ca else usage("digital_signature"))


def write(path, *certs):
    with open(path, "wb") as file:
        for cert in certs:
            file.write(cert.public_bytes(serialization.Encoding.PEM))


root = Ca("Soft Root")
ca = Ca("Soft CA", root)
sign = usage("digital_signature")
write("soft-root.pem", root.cert)
write("soft-ca.pem", ca.cert)


def leaf(path, issuer=ca, key=token_key, subject="Soft Leaf", **options):
    options.setdefault("ekus", [EKU])
    options.setdefault("key_usage", sign)
    cert = issue(issuer.identity, key, subject, **options)
    write(path, cert)
    return cert


def over_sha1(path, issuer):
    """Made by openssl: newer releases of the library that makes the others refuse to."""
    key = issuer.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = token_key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    extensions = "basicConstraints=critical,CA:false\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=" + EKU.dotted_string
    with tempfile.TemporaryDirectory() as folder:
        write(folder + "/ca.pem", issuer.cert)
        for file, content in (("key", key), ("public", public), ("extensions", extensions.encode())):
            with open(folder + "/" + file, "wb") as out:
                out.write(content)
        subprocess.run(["openssl", "x509", "-new", "-sha1", "-days", "30", "-subj", "/CN=Soft Leaf", "-force_pubkey", folder + "/public",
                        "-extfile", folder + "/extensions", "-CA", folder + "/ca.pem", "-CAkey", folder + "/key", "-out", path],
                       check=True)


good = leaf("good.pem")
leaf("renewed.pem", start=NOW - DAY / 2)
leaf("expired.pem", start=NOW - 9 * DAY, end=NOW - 8 * DAY)
leaf("future.pem", start=NOW + 8 * DAY, end=NOW + 9 * DAY)
leaf("leaf-ca.pem", ca=True, key_usage=usage("digital_signature", "key_cert_sign"))
leaf("no-usage.pem", key_usage=None)
leaf("other-usage.pem", key_usage=usage("key_agreement"))
leaf("no-eku.pem", ekus=())
leaf("other-eku.pem", ekus=[OTHER_EKU])
leaf("two-ekus.pem", ekus=[EKU, OTHER_EKU])
leaf("any-eku.pem", ekus=[ANY_EKU])
leaf("unreadable-eku.pem", ekus=(), extra=[(x509.UnrecognizedExtension(EXTENDED_KEY_USAGE, b"\x04\x00"), False)])
leaf("repeated-eku.pem", twice=x509.ExtendedKeyUsage([EKU]))
leaf("other-key.pem", key=ec.generate_private_key(ec.SECP256R1()).public_key())
over_sha1("sha1.pem", ca)
leaf("unknown-critical.pem", extra=[(x509.UnrecognizedExtension(x509.ObjectIdentifier("2.25.7"), b"\x05\x00"), True)])
leaf("hostile.pem", subject="Leaf \x1b[31m\u202e\x07")
weak = Ca("Weak CA", root, key=rsa.generate_private_key(65537, 1024))
write("weak-ca.pem", weak.cert)
leaf("of-weak-ca.pem", issuer=weak)
not_ca = Ca("Not A CA", root, ca=False)
write("not-ca.pem", not_ca.cert)
leaf("of-not-ca.pem", issuer=not_ca)

# two paths: one CA key and name, certified by two pinned roots
second = Ca("Second Root")
write("second-root.pem", second.cert)
write("cross-ca.pem", issue(second.identity, ca.key.public_key(), "Soft CA", ca=True, key_usage=usage("key_cert_sign")))
write("unrelated.pem", Ca("Somebody Else").cert)


def crl(path, issuer, *revoked):
    build = x509.CertificateRevocationListBuilder(issuer.identity[1], NOW - DAY, NOW + 30 * DAY)
    build = build.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), False)
    build = build.add_extension(x509.CRLNumber(1), False)
    for cert in revoked:
        build = build.add_revoked_certificate(
            x509.RevokedCertificateBuilder(cert.serial_number, NOW - DAY / 2).build())
    with open(path, "wb") as file:
        file.write(build.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


crl("root.crl", root)
crl("ca.crl", ca)
crl("revoking.crl", ca, good)
