# SPDX-License-Identifier: Apache-2.0
"""A good statement, spoilt in one way: mutate.py HOW IN OUT. Headers that are changed are not signed again."""
import sys

import cbor2

how, source, target = sys.argv[1:]
good = open(source, "rb").read()
protected, unprotected, payload, signature = cbor2.loads(good).value
header = cbor2.loads(protected)


def statement(protected=protected, unprotected=unprotected, payload=payload, signature=signature, tag=18):
    return cbor2.dumps(cbor2.CBORTag(tag, [protected, unprotected, payload, signature]))


def headers(change=None, **more):
    header.update(change or {})
    return statement(protected=cbor2.dumps(header), **more)


def without(*labels):
    return statement(protected=cbor2.dumps({key: value for key, value in header.items() if key not in labels}))


def flipped(data, at):
    data = bytearray(data)
    data[at] ^= 1
    return bytes(data)


claims = header.get(15, {})
WAYS = {
    "signature": lambda: statement(signature=flipped(signature, 5)),
    "payload": lambda: statement(payload=flipped(payload, 5)),
    "short-signature": lambda: statement(signature=signature[:-1]),
    "untagged": lambda: good[1:],
    "tag": lambda: statement(tag=17),
    "trailing": lambda: good + b"\0",
    "cut": lambda: good[:-1],
    "array": lambda: cbor2.dumps(cbor2.CBORTag(18, [protected, unprotected, payload])),
    "duplicate": lambda: statement(protected=b"\xa2\x01\x26\x01\x26"),
    "indefinite": lambda: b"\xd2\x9f" + good[2:] + b"\xff",
    "deep": lambda: statement(unprotected={99: cbor2.loads(b"\x81" * 40 + b"\x00")}),
    "crit": lambda: headers({2: [99], 99: 1}),
    "unprotected-alg": lambda: statement(protected=cbor2.dumps({k: v for k, v in header.items() if k != 1}),
                                         unprotected={1: header[1]}),
    "both-buckets": lambda: statement(unprotected={1: header[1]}),
    "text-alg": lambda: headers({1: "ES256"}),
    "no-chain": lambda: without(33),
    "no-claims": lambda: without(15),
    "type-beside-digest": lambda: headers({3: "application/json"}),
    "short-digest": lambda: statement(payload=payload[:-1]),
    "not-cbor": lambda: b"\xff\xff",
    "other-issuer": lambda: headers({15: {**claims, 1: "did:web:example"}}),
    "receipts": lambda: statement(unprotected={394: [good]}),
    "non-shortest": lambda: good[:2] + b"\x5a" + len(protected).to_bytes(4, "big") + protected
    + cbor2.dumps(unprotected) + cbor2.dumps(payload) + cbor2.dumps(signature),
}
open(target, "wb").write(WAYS[how]())
