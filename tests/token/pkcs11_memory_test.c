/* SPDX-License-Identifier: Apache-2.0 */
/* Where a PIN is while a key is in use: in the secret page, and nowhere else that can be written. */
#include "tests/support/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "tests/support/softhsm.h"

#define CHUNK ((size_t)1 << 20)
#define HUGE  ((unsigned long long)1 << 30) /* a sanitizer's shadow, not memory of the program */

/* In read-only memory, so that this program's own text is not found. */
static const char THE_PIN[] = "pin-4711-of-the-memory-test";
#define PIN_LEN (sizeof(THE_PIN) - 1)

static softhsm *hsm;
static const sigb_bytes TBS = {(const uint8_t *)"what is signed", 14};

static void change_pin(void)
{
    CK_FUNCTION_LIST *calls = softhsm_calls(hsm);
    CK_UTF8CHAR *before = (CK_UTF8CHAR *)(uintptr_t)SOFTHSM_PIN;
    CK_SLOT_ID slots[8];
    CK_ULONG count = 8;
    CK_SESSION_HANDLE session;

    assert_int_equal(calls->C_Initialize(NULL), CKR_OK);
    assert_int_equal(calls->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
    assert_int_equal(
        calls->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session), CKR_OK);
    assert_int_equal(calls->C_Login(session, CKU_USER, before, strlen(SOFTHSM_PIN)), CKR_OK);
    assert_int_equal(
        calls->C_SetPIN(session, before, strlen(SOFTHSM_PIN), (CK_UTF8CHAR *)(uintptr_t)THE_PIN, PIN_LEN),
        CKR_OK);
    assert_int_equal(calls->C_Finalize(NULL), CKR_OK);
}

static int set_up(void **state)
{
    (void)state;
    hsm = softhsm_with_key();
    change_pin();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    softhsm_free(hsm);
    return 0;
}

/* Through /proc/self/mem: sanitizers forbid reading what is not ours. */
static int count_in(int memory, unsigned long long first, unsigned long long last)
{
    static uint8_t chunk[CHUNK + PIN_LEN - 1];
    int found = 0;

    while (first < last) {
        size_t wanted = last - first < sizeof(chunk) ? (size_t)(last - first) : sizeof(chunk);
        ssize_t got = pread(memory, chunk, wanted, (off_t)first);
        const uint8_t *at = chunk;

        if (got <= 0)
            break;
        while ((at = memmem(at, (size_t)got - (size_t)(at - chunk), THE_PIN, PIN_LEN)) != NULL) {
            found++;
            at++;
        }
        OPENSSL_cleanse(chunk, sizeof(chunk));
        first += (size_t)got == sizeof(chunk) ? CHUNK : (size_t)got;
    }
    return found;
}

/* How often the PIN stands in writable memory: in pages that cores leave out, and in all others. */
static void count_pins(int *in_secret, int *elsewhere)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    unsigned long long first = 0, last = 0;
    char line[4096], mode[8] = "";

    assert_non_null(maps);
    assert_true(memory >= 0);
    *in_secret = *elsewhere = 0;
    while (fgets(line, sizeof(line), maps) != NULL) {
        char *dash, *blank;
        unsigned long long start = strtoull(line, &dash, 16);
        if (dash != line && *dash == '-') { /* START-END MODE ... */
            first = start;
            last = strtoull(dash + 1, &blank, 16);
            memcpy(mode, blank + 1, 4);
        } else if (strncmp(line, "VmFlags:", 8) == 0 && mode[1] == 'w' && last - first < HUGE) {
            *(strstr(line, " dd") != NULL ? in_secret : elsewhere) += count_in(memory, first, last);
        }
    }
    assert_int_equal(fclose(maps), 0);
    assert_int_equal(close(memory), 0);
}

static void assert_pins(bool kept)
{
    int in_secret, elsewhere;

    count_pins(&in_secret, &elsewhere);
    assert_int_equal(in_secret, kept ? 1 : 0);
    assert_int_equal(elsewhere, 0);
}

static sigb_rc give_pin(void *arg, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag)
{
    (void)request;
    if (arg != NULL)
        return sigb_pin_read_file(pin, arg, NULL, diag);
    return sigb_pin_put(pin, sigb_bytes_of(THE_PIN, PIN_LEN), diag);
}

static void sign_and_look(const char *uri, void *arg)
{
    const sigb_pkcs11_options options = {.module = softhsm_module(), .pin = give_pin, .pin_arg = arg};
    sigb_signer *signer = NULL;
    sigb_buf signature = SIGB_BUF_INIT;

    assert_pins(false);
    assert_int_equal(sigb_signer_from_pkcs11(uri, &options, &signer, NULL), SIGB_OK);
    assert_pins(true);
    assert_int_equal(sigb_signer_sign(signer, SIGB_ES256, TBS, &signature, NULL), SIGB_OK);
    assert_pins(true);
    sigb_signer_free(signer);
    assert_pins(false);
    sigb_buf_free(&signature);
}

static void write_pin_file(char path[300])
{
    int fd;

    (void)snprintf(path, 300, "%s/pin", softhsm_dir(hsm));
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, THE_PIN, PIN_LEN), (ssize_t)PIN_LEN);
    assert_int_equal(close(fd), 0);
}

static void a_pin_of_the_callback_is_in_the_secret_page_alone(void **state)
{
    (void)state;
    sign_and_look("pkcs11:object=key", NULL);
}

static void a_pin_of_a_file_is_in_the_secret_page_alone(void **state)
{
    char path[300], uri[400];

    (void)state;
    write_pin_file(path);
    sign_and_look("pkcs11:object=key", path);
    (void)snprintf(uri, sizeof(uri), "pkcs11:object=key?pin-source=file:%s", path);
    sign_and_look(uri, NULL);
}

static void a_pin_of_the_uri_is_nowhere_but_in_the_uri(void **state)
{
    (void)state;
    sign_and_look("pkcs11:object=key?pin-value=pin-4711-of-the-memory-test", NULL);
}

/* The scan itself must be able to find it. */
static void a_pin_in_ordinary_memory_would_be_found(void **state)
{
    char *copy = malloc(sizeof(THE_PIN));
    int in_secret, elsewhere;

    (void)state;
    assert_non_null(copy);
    memcpy(copy, THE_PIN, sizeof(THE_PIN));
    count_pins(&in_secret, &elsewhere);
    assert_true(elsewhere >= 1);
    OPENSSL_cleanse(copy, sizeof(THE_PIN));
    free(copy);
    assert_pins(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pin_in_ordinary_memory_would_be_found),
        cmocka_unit_test(a_pin_of_the_callback_is_in_the_secret_page_alone),
        cmocka_unit_test(a_pin_of_a_file_is_in_the_secret_page_alone),
        cmocka_unit_test(a_pin_of_the_uri_is_nowhere_but_in_the_uri),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
