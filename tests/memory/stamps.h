/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios about time stamps, for the table of memory_test.c: what each does is its row there. */
#ifndef SIGB_TESTS_STAMPS_H
#define SIGB_TESTS_STAMPS_H

#include "tests/memory/sweep.h"

/* Reads the tokens of the fuzzer's corpus: before the first of these. */
void stamps_make(void);
void stamps_free(void);

/* A TSA's response, which is of another statement than the world's. */
sigb_bytes stamps_response(void);

sigb_rc stamp_request(void), stamp_payload_request(void);
sigb_rc stamp_parse_response(void), stamp_parse_rejection(void), stamp_parse_spoilt(void);
sigb_rc stamp_dump(void), stamp_dump_in_statement(void);
sigb_rc stamp_answer(void), stamp_answer_without_nonce(void);
sigb_rc stamp_attach(void), stamp_verify(void), stamp_verify_other(void), stamp_verify_stranger(void);
sigb_rc stamp_build(void);

#endif
