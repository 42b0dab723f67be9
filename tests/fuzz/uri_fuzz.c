/* SPDX-License-Identifier: Apache-2.0 */
/* What the reader takes, the writer writes so that it reads back the same, and a second time identically. */
#include "tests/support/fuzz.h"

#include <string.h>

#include "base/text.h"
#include "pkcs11/pkcs11.h"

static const char *class_name(const p11_uri *uri)
{
    CK_OBJECT_CLASS class = 0;

    if (!p11_uri_class(uri, &class))
        return NULL;
    return class == CKO_PRIVATE_KEY   ? "private"
           : class == CKO_PUBLIC_KEY  ? "public"
           : class == CKO_CERTIFICATE ? "cert"
                                      : NULL;
}

static void write_again(const p11_uri *uri, sigb_buf *text)
{
    const p11_name name = {.token = p11_uri_token(uri),
                           .serial = p11_uri_serial(uri),
                           .object = p11_uri_object(uri),
                           .id = p11_uri_id(uri),
                           .type = class_name(uri)};

    p11_uri_format(text, &name);
    FUZZ_REQUIRE(text_c_str(text) != NULL);
}

static int same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void check(const p11_uri *uri)
{
    sigb_buf text = SIGB_BUF_INIT, again = SIGB_BUF_INIT;
    p11_uri *back = NULL;

    write_again(uri, &text);
    /* percent-encoding may make it longer than a URI may be */
    if (text.len <= SIGB_MAX_URI) {
        FUZZ_REQUIRE(p11_uri_parse((const char *)text.ptr, NULL, &back, NULL) == SIGB_OK);
        FUZZ_REQUIRE(same_text(p11_uri_token(uri), p11_uri_token(back)));
        FUZZ_REQUIRE(same_text(p11_uri_serial(uri), p11_uri_serial(back)));
        FUZZ_REQUIRE(same_text(p11_uri_object(uri), p11_uri_object(back)));
        FUZZ_REQUIRE(same_text(class_name(uri), class_name(back)));
        FUZZ_REQUIRE(sigb_bytes_equal(p11_uri_id(uri), p11_uri_id(back)));
        write_again(back, &again);
        FUZZ_REQUIRE(sigb_bytes_equal(sigb_buf_bytes(&text), sigb_buf_bytes(&again)));
    }
    p11_uri_free(back);
    sigb_buf_free(&text);
    sigb_buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sigb_buf text = SIGB_BUF_INIT;
    p11_uri *uri = NULL;
    sigb_diag diag = {{0}, 0};

    sigb_buf_append(&text, sigb_bytes_of(data, size));
    FUZZ_REQUIRE(text_c_str(&text) != NULL);
    if (p11_uri_parse((const char *)text.ptr, NULL, &uri, &diag) == SIGB_OK)
        check(uri);
    else
        FUZZ_REQUIRE(uri == NULL && diag.text[0] != '\0');
    p11_uri_free(uri);
    sigb_buf_free(&text);
    return 0;
}
