#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks a signed statement without any code of this project.

Needs python3-cbor2 and python3-cryptography as Debian has them. What a statement of ours must be is built here a
second time, from the values found in it, and compared byte for byte: ascending labels, shortest heads, nothing else.
Then signature, chain, did:x509, certificate hash, claims and artifact are judged. One line on success; exit 1 and
"wrong: ..." otherwise.
"""
import argparse
import base64
import datetime
import hashlib
import os
import sys

import cbor2
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding

ALG, CONTENT_TYPE, CLAIMS, X5CHAIN, X5T = 1, 3, 15, 33, 34
HASH_ALG, PREIMAGE_TYPE, LOCATION = 258, 259, 260
ISS, SUB, IAT, SVN = 1, 2, 6, "svn"

# COSE number: (name, hash, curve); RFC 9053, RFC 8230
ALGS = {
    -7: ("ES256", hashes.SHA256, "secp256r1"),
    -35: ("ES384", hashes.SHA384, "secp384r1"),
    -36: ("ES512", hashes.SHA512, "secp521r1"),
    -37: ("PS256", hashes.SHA256, None),
    -38: ("PS384", hashes.SHA384, None),
    -39: ("PS512", hashes.SHA512, None),
    -8: ("EdDSA", None, None),
}
DIGESTS = {-16: "sha256", -43: "sha384", -44: "sha512"}  # RFC 9054
PSS_OID = "1.2.840.113549.1.1.10"
BASIC_CONSTRAINTS, EXTENDED_KEY_USAGE = "2.5.29.19", "2.5.29.37"
HASH_OIDS = {
    bytes.fromhex("0609608648016503040201"): hashes.SHA256,
    bytes.fromhex("0609608648016503040202"): hashes.SHA384,
    bytes.fromhex("0609608648016503040203"): hashes.SHA512,
}


class Wrong(Exception):
    """What was found, and what was wanted."""


def require(condition, words):
    if not condition:
        raise Wrong(words)


# ---- layout ----


def claims_as_we_write_them(claims):
    """CWT claims = { 1: iss, ? 2: sub, ? 6: iat, ? "svn": int }, in this order."""
    unknown = set(claims) - {ISS, SUB, IAT, SVN}
    require(not unknown, f"claims that are not ours: {unknown}")
    return {key: claims[key] for key in (ISS, SUB, IAT, SVN) if key in claims}


def header_as_we_write_it(header, leaf):
    """Attached and detached: { 1, 3, 15, 33, 34 }; hash envelope: { 1, 15, 33, 34, 258, 259, ? 260 }."""
    if HASH_ALG in header:
        order = (ALG, CLAIMS, X5CHAIN, X5T, HASH_ALG, PREIMAGE_TYPE, LOCATION)
    else:
        order = (ALG, CONTENT_TYPE, CLAIMS, X5CHAIN, X5T)
    unknown = set(header) - set(order)
    require(not unknown, f"labels that do not belong here: {unknown}")
    built = {label: header[label] for label in order if label in header}
    built[CLAIMS] = claims_as_we_write_them(header[CLAIMS])
    built[X5T] = [-16, hashlib.sha256(leaf).digest()]
    return built


def check_layout(statement, message, header):
    chain = header[X5CHAIN]
    require(isinstance(chain, (list, tuple)) and len(chain) >= 2, "x5chain is not an array of two or more")
    built = cbor2.dumps(header_as_we_write_it(header, chain[0]))
    require(built == message[0], "protected header differs from its deterministic encoding")
    whole = b"\xd2\x84" + cbor2.dumps(built) + b"\xa0" + cbor2.dumps(message[2]) + cbor2.dumps(message[3])
    require(whole == statement, "statement differs from its deterministic encoding")


def parse(statement):
    try:
        tagged = cbor2.loads(statement)
        require(isinstance(tagged, cbor2.CBORTag) and tagged.tag == 18, "not tagged 18")
        message = tagged.value
        require(isinstance(message, (list, tuple)) and len(message) == 4, "not an array of four")
        require(isinstance(message[0], bytes) and isinstance(message[3], bytes), "not byte strings at 0 and 3")
        require(message[2] is None or isinstance(message[2], bytes), "payload neither byte string nor nil")
        header = cbor2.loads(message[0])
        require(isinstance(header, dict), "protected header is not a map")
        require(all(label in header for label in (ALG, CLAIMS, X5CHAIN, X5T)), "label 1, 15, 33 or 34 is missing")
        require(isinstance(header[CLAIMS], dict) and ISS in header[CLAIMS], "claims without an issuer")
    except (cbor2.CBORError, ValueError, TypeError, ArithmeticError, RuntimeError, OSError, MemoryError) as error:
        raise Wrong(f"not readable: {error}") from error
    return message, header


# ---- DER: Debian's python3-cryptography reads no OID whose arcs exceed 32 bits, and UUIDs have 128 ----


def der_list(der):
    """The elements that stand one behind the other, as (tag, content)."""
    elements = []
    while der:
        require(len(der) >= 2, "DER ends early")
        tag, length, head = der[0], der[1], 2
        if length & 0x80:
            head += length & 0x7F
            length = int.from_bytes(der[2:head], "big")
        require(head + length <= len(der), "DER ends early")
        elements.append((tag, der[head : head + length]))
        der = der[head + length :]
    return elements


def oid_text(content):
    arcs, value = [], 0
    for byte in content:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(str(arc) for arc in (first, arcs[0] - 40 * first, *arcs[1:]))


def extension(certificate, wanted):
    """The elements within an extension's SEQUENCE; None where it is absent."""
    (_, tbs), *_ = der_list(certificate.tbs_certificate_bytes)
    for tag, content in der_list(tbs):
        if tag != 0xA3:
            continue
        for _, fields in der_list(der_list(content)[0][1]):
            (_, oid), *_, (_, value) = der_list(fields)
            if oid_text(oid) == wanted:
                return der_list(der_list(value)[0][1])
    return None


# ---- signatures ----


def verify_raw(key, alg, signature, data):
    """A COSE signature: r || s for ECDSA, salt as long as the digest for PSS."""
    require(alg in ALGS, f"algorithm {alg} is not known")
    name, digest, curve = ALGS[alg]
    if name.startswith("ES"):
        require(isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == curve, f"{name} with another key")
        width = (key.curve.key_size + 7) // 8
        require(len(signature) == 2 * width, f"{len(signature)} bytes of signature, wanted {2 * width}")
        r, s = (int.from_bytes(part, "big") for part in (signature[:width], signature[width:]))
        key.verify(utils.encode_dss_signature(r, s), data, ec.ECDSA(digest()))
    elif name.startswith("PS"):
        require(isinstance(key, rsa.RSAPublicKey), f"{name} with another key")
        pss = padding.PSS(padding.MGF1(digest()), digest().digest_size)
        key.verify(signature, data, pss, digest())
    else:
        require(isinstance(key, ed25519.Ed25519PublicKey), f"{name} with another key")
        key.verify(signature, data)


def check_signature(message, header, leaf, payload):
    sig_structure = cbor2.dumps(["Signature1", message[0], b"", payload])
    try:
        verify_raw(leaf.public_key(), header[ALG], message[3], sig_structure)
    except InvalidSignature as error:
        raise Wrong("signature does not verify") from error


def pss_digest(certificate):
    """The hash of an RSASSA-PSS certificate: the algorithm identifier follows the TBS."""
    (_, content), *_ = der_list(certificate.public_bytes(Encoding.DER))
    _, (_, identifier), _ = der_list(content)
    found = [digest for oid, digest in HASH_OIDS.items() if oid in identifier]
    require(len(found) == 1, "PSS certificate without exactly one SHA-2 digest")
    return found[0]


def check_issued(certificate, issuer):
    key = issuer.public_key()
    signature, tbs = certificate.signature, certificate.tbs_certificate_bytes
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, tbs, ec.ECDSA(certificate.signature_hash_algorithm))
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, tbs)
        elif certificate.signature_algorithm_oid.dotted_string == PSS_OID:
            digest = pss_digest(certificate)
            key.verify(signature, tbs, padding.PSS(padding.MGF1(digest()), digest().digest_size), digest())
        else:
            key.verify(signature, tbs, padding.PKCS1v15(), certificate.signature_hash_algorithm)
    except InvalidSignature as error:
        raise Wrong(f"{certificate.subject.rfc4514_string()} was not signed by the certificate behind it") from error
    require(certificate.issuer == issuer.subject, "issuer's name is not the subject's of the certificate behind it")


# ---- chain and issuer ----


def load_chain(ders):
    try:
        return [x509.load_der_x509_certificate(der) for der in ders]
    except (ValueError, TypeError) as error:
        raise Wrong(f"a certificate cannot be read: {error}") from error


def is_ca(certificate):
    constraints = extension(certificate, BASIC_CONSTRAINTS) or []
    return bool(constraints) and constraints[0] == (0x01, b"\xff")


def instant(certificate, name):
    """The field with its time zone, which later versions of the package call by another name."""
    later = getattr(certificate, name + "_utc", None)
    return later or getattr(certificate, name).replace(tzinfo=datetime.timezone.utc)


def check_chain(chain, at):
    for certificate, issuer in zip(chain, chain[1:] + [chain[-1]]):
        check_issued(certificate, issuer)
        require(is_ca(issuer), "an issuing certificate is not a CA")
        if at is not None:
            valid = instant(certificate, "not_valid_before") <= at <= instant(certificate, "not_valid_after")
            require(valid, f"{certificate.subject.rfc4514_string()} is not valid at {at}")
    require(not is_ca(chain[0]), "the leaf is a CA")


def leaf_ekus(leaf):
    ekus = extension(leaf, EXTENDED_KEY_USAGE)
    require(ekus is not None, "the leaf has no EKU")
    return [oid_text(oid) for _, oid in ekus]


def fingerprint(der, hash_name="sha256"):
    return base64.urlsafe_b64encode(hashlib.new(hash_name, der).digest()).rstrip(b"=").decode()


def derive_did(ders, eku):
    return f"did:x509:0:sha256:{fingerprint(ders[-1])}::eku:{eku}"


def check_issuer(did, ders, leaf, eku):
    """The DID that root and EKU give must be the one that the statement has."""
    ekus = leaf_ekus(leaf)
    if eku is None:
        eku = did.rpartition("::eku:")[2]
    require(eku in ekus, f"EKU {eku} is not the leaf's: {ekus}")
    require(did == derive_did(ders, eku), f"issuer is {did}, wanted {derive_did(ders, eku)}")


# ---- what the statement says ----


def check_x5t(x5t, leaf):
    require(isinstance(x5t, (list, tuple)) and len(x5t) == 2 and x5t[0] in DIGESTS, "x5t is not [hash, digest]")
    require(hashlib.new(DIGESTS[x5t[0]], leaf).digest() == x5t[1], "x5t is not the leaf's hash")


def file_digest(path, name):
    digest = hashlib.new(name)
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.digest()


def check_envelope(header, payload, artifact):
    require(CONTENT_TYPE not in header, "label 3 beside 258")
    require(header[HASH_ALG] in DIGESTS, f"hash {header[HASH_ALG]} is not known")
    name = DIGESTS[header[HASH_ALG]]
    require(len(payload) == hashlib.new(name).digest_size, f"digest is not as long as {name}'s")
    if artifact is not None:
        require(file_digest(artifact, name) == payload, "the artifact has another digest")


def check_wanted(found, wanted, name):
    require(wanted is None or found == wanted, f"{name} is {found!r}, wanted {wanted!r}")


def check_claims(header, args):
    claims = header[CLAIMS]
    check_wanted(claims.get(SUB), args.subject, "subject")
    check_wanted(claims.get(SVN), args.svn, "svn")
    check_wanted(claims.get(IAT), args.iat, "iat")
    check_wanted(header.get(PREIMAGE_TYPE, header.get(CONTENT_TYPE)), args.content_type, "content type")
    check_wanted(header.get(LOCATION), args.location, "location")
    check_wanted(ALGS[header[ALG]][0], args.alg, "algorithm")


# ---- the whole ----


def read(path):
    with open(path, "rb") as file:
        return file.read()


def the_payload(message, args):
    if message[2] is None:
        require(args.payload is not None, "detached, and no --payload")
        return read(args.payload)
    if args.payload is not None and not args.artifact:
        require(read(args.payload) == message[2], "the payload is another")
    require(len(message[2]) > 0, "the payload is empty")
    return message[2]


def check_root(ders, path):
    wanted = x509.load_pem_x509_certificate(read(path)).public_bytes(Encoding.DER)
    require(ders[-1] == wanted, "the last certificate is not the root wanted")


def check(statement, args):
    message, header = parse(statement)
    if not args.foreign:
        check_layout(statement, message, header)
    chain = load_chain(header[X5CHAIN])
    payload = the_payload(message, args)
    check_signature(message, header, chain[0], payload)
    check_chain(chain, None if args.no_time else datetime.datetime.now(datetime.timezone.utc))
    if args.root is not None:
        check_root(header[X5CHAIN], args.root)
    check_issuer(header[CLAIMS][ISS], header[X5CHAIN], chain[0], args.eku)
    check_x5t(header[X5T], header[X5CHAIN][0])
    if HASH_ALG in header:
        check_envelope(header, payload, args.artifact)
    check_claims(header, args)
    return header


def refuses(statement, args):
    try:
        check(statement, args)
    except Wrong:
        return True
    except (ValueError, TypeError, AttributeError, x509.DuplicateExtension, x509.InvalidVersion):
        return True  # a certificate that the crypto library itself cannot stand
    return False


def check_every_byte(statement, args):
    """No byte of a statement may change unnoticed."""
    for index in range(len(statement)):
        flipped = bytearray(statement)
        flipped[index] ^= 0x01
        require(refuses(bytes(flipped), args), f"byte {index} may change unnoticed")


def labelled(bucket, label):
    return cbor2.dumps(label) + cbor2.dumps(bucket[label])


def parts(statement, message, header):
    """Each part's name and the offset of its last byte."""
    claims = header[CLAIMS]
    found = {f"label-{label}": labelled(header, label) for label in header if label not in (CLAIMS, X5CHAIN)}
    found |= {f"claim-{key}": labelled(claims, key) for key in claims}
    found |= {f"cert-{place}": cert for place, cert in enumerate(header[X5CHAIN])}
    start = statement.index(message[0])
    offsets = {name: start + message[0].index(value) + len(value) - 1 for name, value in found.items()}
    offsets |= {"tag": 0, "array": 1, "unprotected": start + len(message[0]), "signature": len(statement) - 1}
    if message[2] is not None:
        offsets["payload"] = len(statement) - len(cbor2.dumps(message[3])) - 1
    return offsets


def flip_into(folder, statement, args):
    """Writes the statement once for each part, a bit of that part flipped; each must be refused here already."""
    message, header = parse(statement)
    for name, offset in parts(statement, message, header).items():
        flipped = bytearray(statement)
        flipped[offset] ^= 0x01
        require(refuses(bytes(flipped), args), f"{name} may change unnoticed")
        with open(os.path.join(folder, f"{name}.cose"), "wb") as file:
            file.write(flipped)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("statement", nargs="+", help="several: each is checked, and one line says how many")
    parser.add_argument("--root", help="PEM of the root that the chain must end in")
    parser.add_argument("--eku", help="dotted OID that the issuer must name")
    parser.add_argument("--subject")
    parser.add_argument("--svn", type=int)
    parser.add_argument("--iat", type=int)
    parser.add_argument("--content-type")
    parser.add_argument("--location")
    parser.add_argument("--alg", help="name of the algorithm wanted")
    parser.add_argument("--payload", help="file that was signed, inside or beside")
    parser.add_argument("--artifact", help="file whose digest the hash envelope holds")
    parser.add_argument("--every-byte", action="store_true", help="flip each byte in turn and want a refusal")
    parser.add_argument("--flip-into", metavar="DIR", help="write a flipped statement for each part, each refused")
    parser.add_argument("--foreign", action="store_true", help="made by another program: any layout")
    parser.add_argument("--no-time", action="store_true", help="do not judge validity periods")
    return parser.parse_args()


def main():
    args = arguments()
    for path in args.statement:
        statement = read(path)
        try:
            header = check(statement, args)
            if args.every_byte:
                check_every_byte(statement, args)
            if args.flip_into:
                flip_into(args.flip_into, statement, args)
        except Wrong as wrong:
            print(f"wrong: {wrong} ({path})", file=sys.stderr)
            return 1
    count = f"{len(args.statement)} " if len(args.statement) > 1 else ""
    print(f"ok {count}{ALGS[header[ALG]][0]} {header[CLAIMS][ISS]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
