/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs made by other implementations: a folder beside the tree, read where it is present. */
#ifndef SIGB_TESTS_CORPUS_H
#define SIGB_TESTS_CORPUS_H

#include <sigbridge/bytes.h>

/* SIGBRIDGE_CORPUS, or ../shared/corpus. False, and says so, where it is absent; with CI=true that fails the test. */
bool corpus_is_here(void);

/* Appends a file of it. Returns all of `room`. */
sigb_bytes corpus_read(sigb_buf *room, const char *name);

/* Appends any file. Returns all of `room`; a file that cannot be read fails the test. */
sigb_bytes file_read(sigb_buf *room, const char *path);

#endif
