/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever is read as a did:x509 is written again byte for byte, and reads the same. */
#include "tests/support/fuzz.h"

#include "issuer/did.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sigb_bytes text = sigb_bytes_of(data, size);
    sigb_buf written = SIGB_BUF_INIT;
    did *first = NULL, *second = NULL;

    if (did_parse(text, &first, NULL) == SIGB_OK) {
        FUZZ_REQUIRE(did_format(first, &written, NULL) == SIGB_OK);
        FUZZ_REQUIRE(sigb_bytes_equal(sigb_buf_bytes(&written), text));
        FUZZ_REQUIRE(did_parse(sigb_buf_bytes(&written), &second, NULL) == SIGB_OK);
        FUZZ_REQUIRE(first->count == second->count && first->hash == second->hash);
        FUZZ_REQUIRE(sigb_text_is_utf8(text));
    }
    did_free(first);
    did_free(second);
    sigb_buf_free(&written);
    return 0;
}
