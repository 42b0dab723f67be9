#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Judges receipts of a ledger, with nothing but a CBOR library and a cryptographic one.

    check_receipts.py FOLDER BEFORE STATEMENT...

FOLDER is one that testlog wrote, with keys.cbor, S.N.receipt and older.M.N.receipt, for a log that took BEFORE entries
of nobody's before the statements. For RFC 9162 the whole tree is made anew from the entries, roots and paths by the
recursive definitions of its section 2.1, and not from the proofs. Every receipt is then spoilt, and must be refused.
"""
import pathlib, sys
from hashlib import sha256

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

CURVES = {1: (ec.SECP256R1(), hashes.SHA256(), 32, -7), 2: (ec.SECP384R1(), hashes.SHA384(), 48, -35)}
RFC9162, CCF = 1, 2


class Refused(Exception):
    pass


def digest(*parts):
    return sha256(b"".join(parts)).digest()


def require(holds, why):
    if not holds:
        raise Refused(why)


# ---- RFC 9162, 2.1: the tree from its entries ----

def largest_power_below(n):
    return 1 << ((n - 1).bit_length() - 1)


def tree_hash(entries):
    if len(entries) == 1:
        return digest(b"\x00", entries[0])
    k = largest_power_below(len(entries))
    return digest(b"\x01", tree_hash(entries[:k]), tree_hash(entries[k:]))


def path(m, entries):
    if len(entries) == 1:
        return []
    k = largest_power_below(len(entries))
    if m < k:
        return path(m, entries[:k]) + [tree_hash(entries[k:])]
    return path(m - k, entries[k:]) + [tree_hash(entries[:k])]


def subproof(m, entries, whole):
    if m == len(entries):
        return [] if whole else [tree_hash(entries)]
    k = largest_power_below(len(entries))
    if m <= k:
        return subproof(m, entries[:k], whole) + [tree_hash(entries[k:])]
    return subproof(m - k, entries[k:], False) + [tree_hash(entries[:k])]


# ---- receipts ----

def keys_of(folder):
    keys = {}
    for key in cbor2.loads((folder / "keys.cbor").read_bytes()):
        curve, hash_, width, alg = CURVES[key[-1]]
        point = ec.EllipticCurvePublicNumbers(int.from_bytes(key[-2], "big"), int.from_bytes(key[-3], "big"), curve)
        keys[bytes(key[2])] = (point.public_key(), hash_, width, alg)
    return keys


def open_receipt(raw):
    tagged = cbor2.loads(raw)
    require(tagged.tag == 18 and len(tagged.value) == 4, "no COSE_Sign1")
    protected, unprotected, payload, signature = tagged.value
    require(payload is None, "a payload")
    return protected, cbor2.loads(protected), unprotected[396], signature


def check_signature(protected, header, signature, root, keys):
    require(header[4] in keys, "unknown key")
    key, hash_, width, alg = keys[header[4]]
    require(header[1] == alg and len(signature) == 2 * width, "algorithm")
    der = encode_dss_signature(int.from_bytes(signature[:width], "big"), int.from_bytes(signature[width:], "big"))
    try:
        key.verify(der, cbor2.dumps(["Signature1", protected, b"", root]), ec.ECDSA(hash_))
    except InvalidSignature:
        raise Refused("signature") from None


def root_by_ccf(proof, entry):
    transaction, evidence, data_hash = proof[1]
    require(data_hash == digest(entry), "another statement")
    root = digest(transaction, digest(evidence.encode()), data_hash)
    for left, sibling in proof[2]:
        root = digest(sibling, root) if left else digest(root, sibling)
    return root


def root_by_rfc9162(proof, index, entries):
    size, place, steps = proof
    require(place == index and size <= len(entries), "place")
    require(steps == path(index, entries[:size]), "path")
    return tree_hash(entries[:size])


def check_inclusion(raw, keys, index, entries):
    protected, header, proofs, signature = open_receipt(raw)
    proof = cbor2.loads(proofs[-1][0])
    root = root_by_ccf(proof, entries[index]) if header[395] == CCF else root_by_rfc9162(proof, index, entries)
    check_signature(protected, header, signature, root, keys)
    return header[395]


def check_continuation(raw, keys, entries):
    protected, header, proofs, signature = open_receipt(raw)
    older, newer, steps = cbor2.loads(proofs[-2][0])
    require(steps == subproof(older, entries[:newer], True), "path")
    check_signature(protected, header, signature, tree_hash(entries[:newer]), keys)


def refuses(check, raw, *how):
    """One bit in each of three bytes: two of the signature, and one farther back, of what it covers or proves."""
    for at in (len(raw) - 1, len(raw) - 40, len(raw) - 100):
        spoilt = bytearray(raw)
        spoilt[at] ^= 1
        try:
            check(bytes(spoilt), *how)
        except (Refused, cbor2.CBORDecodeError, ValueError, TypeError, KeyError, IndexError, AttributeError):
            continue
        sys.exit(f"FAILED: a receipt whose byte {at} was changed is taken")


def entry_of(statement):
    protected, _, payload, signature = cbor2.loads(statement).value
    return cbor2.dumps(cbor2.CBORTag(18, [protected, {}, payload, signature]))


def main(folder, before, statements):
    folder = pathlib.Path(folder)
    keys = keys_of(folder)
    nobodys = lambda number: number.to_bytes(8, "little")
    entries = [nobodys(i) for i in range(before)] + [entry_of(pathlib.Path(s).read_bytes()) for s in statements]
    entries += [nobodys(i) for i in range(len(entries), len(entries) + 200)]  # between signatures, one each
    inclusions, continuations, trees = 0, 0, set()
    for file in sorted(folder.glob("*.receipt")):
        raw = file.read_bytes()
        if file.name.startswith("older."):
            check_continuation(raw, keys, entries)
            refuses(check_continuation, raw, keys, entries)
            continuations += 1
            continue
        index = before + int(file.name.split(".")[0]) - 1
        trees.add(check_inclusion(raw, keys, index, entries))
        refuses(check_inclusion, raw, keys, index, entries)
        if index + 1 < before + len(statements) and entries[index] != entries[index + 1]:
            try:
                check_inclusion(raw, keys, index + 1, entries)
                sys.exit("FAILED: a receipt is taken for another statement")
            except Refused:
                pass
        inclusions += 1
    if inclusions == 0:
        sys.exit(f"FAILED: no receipts in {folder}")
    print(f"{inclusions} {continuations} {sorted(trees)}")


if __name__ == "__main__":
    try:
        main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
    except Refused as why:
        sys.exit(f"FAILED: {why}")
