/* SPDX-License-Identifier: Apache-2.0 */
/* A file of keys gives keys, or words and nothing; and what it gave is the same once it was written in both forms. */
#include "ledger/keys.h"
#include "tests/support/fuzz.h"

static void check_same(const sigb_keys *a, const sigb_keys *b)
{
    FUZZ_REQUIRE(sigb_keys_count(a) == sigb_keys_count(b));
    for (size_t i = 0; i < sigb_keys_count(a); i++)
        FUZZ_REQUIRE(strcmp(sigb_keys_kid(a, i), sigb_keys_kid(b, i)) == 0);
}

static void check_written(const sigb_keys *keys, keys_form form)
{
    sigb_buf file = SIGB_BUF_INIT;
    sigb_keys *again = sigb_keys_new();

    FUZZ_REQUIRE(keys_write(keys, form, &file, NULL) == SIGB_OK);
    FUZZ_REQUIRE(sigb_keys_put(again, sigb_buf_bytes(&file), NULL, NULL) == SIGB_OK);
    check_same(keys, again);
    sigb_keys_free(again);
    sigb_buf_free(&file);
}

/* Each is found by its hash. */
static void check_found(const sigb_keys *keys)
{
    for (size_t i = 0; i < sigb_keys_count(keys); i++) {
        const service_key *found = NULL;

        FUZZ_REQUIRE(keys_find(keys, SIGB_BYTES_NONE, sigb_bytes_text(sigb_keys_kid(keys, i)), &found,
                               NULL) == SIGB_OK);
        FUZZ_REQUIRE(found == keys->all[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sigb_keys *keys = sigb_keys_new(), *pinned = sigb_keys_new();
    sigb_diag diag = {{0}, 0};
    sigb_rc rc = sigb_keys_put(keys, sigb_bytes_of(data, size), NULL, &diag);

    FUZZ_REQUIRE((rc == SIGB_OK) == (sigb_keys_count(keys) > 0));
    FUZZ_REQUIRE(rc == SIGB_OK || diag.text[0] != '\0');
    if (sigb_keys_put(pinned, sigb_bytes_of(data, size), "ledger.example", NULL) == SIGB_OK)
        check_same(keys, pinned);
    if (rc == SIGB_OK) {
        check_found(keys);
        check_written(keys, KEYS_COSE);
        check_written(keys, KEYS_JWK);
    }
    sigb_keys_free(keys);
    sigb_keys_free(pinned);
    return 0;
}
