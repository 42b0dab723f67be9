/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   COSE_KeySet = [+ COSE_Key]                                (RFC 9052, 7)
 *   COSE_Key = {
 *     1 => kty: int / tstr,
 *     ? 2 => kid: bstr,
 *     -1 => crv (EC2, OKP) / n (RSA),
 *     -2 => x / e,
 *     -3 => y: bstr / bool,                                   (RFC 9053, 7; RFC 8230, 4)
 *     * label => any
 *   }
 */
#include "base/error.h"
#include "cose/reader.h"
#include "ledger/keys.h"

#define KEY_TYPE 1
#define KEY_NAME 2

/* Values of the labels that are read. */
typedef struct cose_key {
    item type, name, minus_1, minus_2, minus_3, minus_4;
} cose_key;

static item *slot_of(cose_key *key, const item *label)
{
    int64_t number;

    if (!item_int(label, &number))
        return NULL;
    switch (number) {
    case KEY_TYPE:
        return &key->type;
    case KEY_NAME:
        return &key->name;
    case -1:
        return &key->minus_1;
    case -2:
        return &key->minus_2;
    case -3:
        return &key->minus_3;
    case -4:
        return &key->minus_4;
    default:
        return NULL;
    }
}

/* d of EC2 and OKP is -4, of RSA -3: a private key has no place among these files. */
static bool is_private(const cose_key *key, key_kind kind)
{
    return (kind == KEY_RSA ? key->minus_3.kind : key->minus_4.kind) != ITEM_NONE;
}

static bool is_string(const item *value)
{
    return value->kind == ITEM_BSTR && value->body.len > 0;
}

static sigb_rc put_rsa(key_sink *to, const cose_key *key)
{
    const key_numbers numbers = {KEY_RSA, NULL, key->minus_1.body, key->minus_2.body};

    if (!is_string(&key->minus_1) || !is_string(&key->minus_2))
        return sink_refuse(to, "an RSA key of the set lacks its modulus or its exponent");
    return sink_put_numbers(to, &numbers, key->name.body);
}

static sigb_rc put_curve(key_sink *to, key_kind kind, const cose_key *key)
{
    key_numbers numbers = {kind, NULL, key->minus_2.body, key->minus_3.body};
    int64_t crv;

    if (!item_int(&key->minus_1, &crv))
        return key->minus_1.kind == ITEM_TSTR ? SIGB_OK : sink_refuse(to, "a key of the set has no curve");
    numbers.curve = key_curve_of(kind, crv, NULL);
    if (numbers.curve == NULL)
        return SIGB_OK;
    if (kind == KEY_EC2 && key->minus_3.kind == ITEM_SIMPLE)
        return sink_refuse(to, "a key of the set is a compressed point, which is not read");
    if (!is_string(&key->minus_2) || (kind == KEY_EC2 && !is_string(&key->minus_3)))
        return sink_refuse(to, "a key of the set lacks a coordinate");
    return sink_put_numbers(to, &numbers, key->name.body);
}

/* A checked item. */
static sigb_rc put_key(key_sink *to, sigb_bytes map)
{
    cose_key key = {{.kind = ITEM_NONE}, {.kind = ITEM_NONE}, {.kind = ITEM_NONE},
                    {.kind = ITEM_NONE}, {.kind = ITEM_NONE}, {.kind = ITEM_NONE}};
    item head = item_take(&map);
    int64_t kind = 0;

    if (head.kind != ITEM_MAP)
        return sink_refuse(to, "the set holds something else than keys");
    while (map.len > 0) {
        item label = item_take(&map), *slot = slot_of(&key, &label);
        item value = item_of(item_take_whole(&map));

        if (slot != NULL)
            *slot = value;
    }
    if (key.type.kind == ITEM_NONE)
        return sink_refuse(to, "a key of the set has no type");
    if (key.name.kind != ITEM_NONE && key.name.kind != ITEM_BSTR)
        return sink_refuse(to, "a key of the set has a kid that is no byte string");
    if (!item_int(&key.type, &kind) || kind < KEY_OKP || kind > KEY_RSA)
        return SIGB_OK; /* of a type that is not known */
    if (is_private(&key, (key_kind)kind))
        return sink_refuse(to, "there is a private key in it, which belongs nowhere near here");
    return kind == KEY_RSA ? put_rsa(to, &key) : put_curve(to, (key_kind)kind, &key);
}

sigb_rc keys_read_cose(key_sink *to, sigb_bytes file)
{
    sigb_diag why = {{0}, 0};
    reader in = reader_over(file, &why);
    sigb_bytes whole;
    item head;
    sigb_rc rc = reader_item(&in, LENGTHS_DEFINITE, &whole);

    if (rc == SIGB_OK)
        rc = reader_end(&in);
    if (rc != SIGB_OK)
        return sigb_fail(to->diag, SIGB_E_LEDGER_KEYS, "not a COSE_Key set: %s; get the keys anew", why.text);
    head = item_of(whole);
    if (head.kind == ITEM_MAP)
        return put_key(to, whole);
    (void)item_take(&whole);
    while (rc == SIGB_OK && whole.len > 0)
        rc = put_key(to, item_take_whole(&whole));
    return rc;
}
