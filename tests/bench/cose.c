/* SPDX-License-Identifier: Apache-2.0 */
#include "cose.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <sigbridge/statement.h>

/* Takes a byte string with its head off `rest`; empty if there is none. */
static sigb_bytes take_bstr(sigb_bytes *rest)
{
    size_t head = rest->len > 0 && rest->ptr[0] >= 0x58 ? (size_t)1 << (rest->ptr[0] - 0x58) : 0;
    size_t len = head == 0 && rest->len > 0 ? rest->ptr[0] - 0x40U : 0;
    sigb_bytes whole = SIGB_BYTES_NONE;

    if (rest->len < 1 + head || rest->ptr[0] < 0x40 || rest->ptr[0] > 0x5a)
        return whole;
    for (size_t i = 0; i < head; i++)
        len = len << 8 | rest->ptr[1 + i];
    if (rest->len - 1 - head < len)
        return whole;
    whole = sigb_bytes_of(rest->ptr, 1 + head + len);
    *rest = sigb_bytes_of(rest->ptr + whole.len, rest->len - whole.len);
    return whole;
}

static void put_bstr(sigb_buf *out, sigb_bytes content)
{
    const uint8_t head[] = {0x59, (uint8_t)(content.len >> 8), (uint8_t)content.len};

    if (content.len < 24)
        sigb_buf_append(out, sigb_bytes_of((const uint8_t[]){(uint8_t)(0x40 + content.len)}, 1));
    else if (content.len < 256)
        sigb_buf_append(out, sigb_bytes_of((const uint8_t[]){0x58, (uint8_t)content.len}, 2));
    else
        sigb_buf_append(out, sigb_bytes_of(head, sizeof(head)));
    sigb_buf_append(out, content);
}

size_t bench_ecdsa_der(sigb_bytes raw, unsigned char **der)
{
    int half = (int)(raw.len / 2), len;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw.ptr, half, NULL), *s = BN_bin2bn(raw.ptr + half, half, NULL);

    if (sig == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(sig, r, s) != 1)
        return 0;
    len = i2d_ECDSA_SIG(sig, der);
    ECDSA_SIG_free(sig);
    return len > 0 ? (size_t)len : 0;
}

bool bench_chain_split(sigb_bytes chain, bare_input *input)
{
    sigb_bytes cert;

    for (size_t i = 0; i < sizeof(input->certs) / sizeof(input->certs[0]); i++) {
        if (!sigb_certs_next(&chain, &cert))
            return false;
        input->certs[i] = (bare_bytes){cert.ptr, cert.len};
    }
    return chain.len == 0;
}

static bool split(bench_cose *made, sigb_bytes bytes, sigb_bytes payload, const sigb_statement *parsed)
{
    static const uint8_t context[] = {0x84, 0x6a, 'S', 'i', 'g', 'n', 'a', 't', 'u', 'r', 'e', '1'};
    sigb_bytes rest = sigb_bytes_of(bytes.ptr + 2, bytes.len - 2); /* tag and array */
    sigb_bytes content = sigb_statement_detached(parsed) ? payload : sigb_statement_payload(parsed);
    const uint8_t *end = bytes.ptr + bytes.len;
    size_t len = end[-66] == 0x58 && end[-65] == 64 ? 64 : 96;

    sigb_buf_append(&made->tbs, sigb_bytes_of(context, sizeof(context)));
    sigb_buf_append(&made->tbs, take_bstr(&rest));
    put_bstr(&made->tbs, SIGB_BYTES_NONE);
    put_bstr(&made->tbs, content);
    made->is_p256 = len == 64;
    made->der_len = bench_ecdsa_der(sigb_bytes_of(end - len, len), &made->der);
    return !made->tbs.failed && made->der_len > 0;
}

bool bench_cose_open(bench_cose *made, sigb_bytes bytes, sigb_bytes payload)
{
    sigb_statement *parsed = NULL;
    sigb_diag diag = {{0}, 0};
    bool good = sigb_statement_parse(bytes, &parsed, &diag) == SIGB_OK && split(made, bytes, payload, parsed);

    if (!good)
        fprintf(stderr, "a COSE_Sign1 of another form than the bare arms know: %s\n", diag.text);
    sigb_statement_free(parsed);
    return good;
}

void bench_cose_close(bench_cose *done)
{
    sigb_buf_free(&done->tbs);
    OPENSSL_free(done->der);
}

const char *bench_cose_digest(const bench_cose *of)
{
    return of->is_p256 ? "SHA2-256" : "SHA2-384";
}

bare_bytes bench_cose_tbs(const bench_cose *of)
{
    return (bare_bytes){of->tbs.ptr, of->tbs.len};
}

bare_bytes bench_cose_signature(const bench_cose *of)
{
    return (bare_bytes){of->der, of->der_len};
}
