/* SPDX-License-Identifier: Apache-2.0 */
/* What is read out of a wrapped URI and may be wrapped gives, wrapped again, the bytes that it was read from. */
#include "tests/support/fuzz.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/pem.h>

#include "pkcs11/wrap.h"

static void check(const char *uri, sigb_bytes der)
{
    sigb_buf pem = SIGB_BUF_INIT;
    char *name = NULL, *header = NULL;
    unsigned char *data = NULL;
    long len = 0;

    FUZZ_REQUIRE(strlen(uri) > 0 && strlen(uri) <= SIGB_MAX_URI);
    if (wrap_write(uri, NULL, &pem, NULL) == SIGB_OK) {
        BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
        FUZZ_REQUIRE(bio != NULL && PEM_read_bio(bio, &name, &header, &data, &len) == 1);
        FUZZ_REQUIRE(strcmp(name, WRAP_PEM_NAME) == 0);
        FUZZ_REQUIRE(sigb_bytes_equal(der, sigb_bytes_of(data, (size_t)len)));
        BIO_free(bio);
    } else {
        FUZZ_REQUIRE(pem.len == 0);
    }
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
    sigb_buf_free(&pem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *uri = NULL;
    sigb_diag diag = {{0}, 0};

    if (wrap_read(sigb_bytes_of(data, size), &uri, &diag) == SIGB_OK)
        check(uri, sigb_bytes_of(data, size));
    else
        FUZZ_REQUIRE(uri == NULL && diag.text[0] != '\0');
    OPENSSL_free(uri);
    return 0;
}
