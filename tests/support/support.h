/* SPDX-License-Identifier: Apache-2.0 */
/* What every C test includes first: cmocka, in the order it demands. */
#ifndef SIGB_TESTS_SUPPORT_H
#define SIGB_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sigbridge/sigbridge.h>

/* For a child that ends without freeing anything, on purpose: LeakSanitizer, where it is built in, looks away. */
void leaks_are_meant(void);

/*
 * A time that is usually enough, or longer where the machine has more to do than
 * this test: by how much longer it takes just now to be given some of the processor.
 */
unsigned patient_ms(unsigned usual_ms);

/*
 * A type of key for tests that make many: under valgrind RSA-2048 in the place of
 * larger ones, for the token looks for their primes for minutes, in its own code.
 */
const char *affordable_type(const char *type);

/* A signature over something, with a key on P-256; it is not looked at. */
sigb_rc sign_something(sigb_signer *signer, sigb_diag *diag);

/* A refusal is asserted by its code and by its words. */
#define assert_refused(call, code, words)                                                                    \
    do {                                                                                                     \
        sigb_diag diag_of_call = {{0}, 0};                                                                   \
        sigb_diag *diag = &diag_of_call;                                                                     \
        assert_int_equal((call), (code));                                                                    \
        if (strstr(diag->text, (words)) == NULL)                                                             \
            fail_msg("words: \"%s\", wanted in them: \"%s\"", diag->text, (words));                          \
    } while (0)

#endif
