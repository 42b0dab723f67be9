/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are read: whole and bounded, or opened to be streamed. "-" is standard input, for one of them. */
#ifndef SIGB_CLI_INPUT_H
#define SIGB_CLI_INPUT_H

#include <sigbridge/bytes.h>

#include "cli/options.h"

/*
 * Opens a file for reading; the caller closes it (also for "-", which is a
 * descriptor of its own). `what` says in words what the file is.
 * SIGB_E_IO: missing, a folder, not readable. SIGB_E_USAGE: "-" a second time.
 */
SIGB_CHECK sigb_rc input_open(const char *path, const char *what, int *fd, sigb_diag *diag);

/*
 * Appends the content to `out`, at most one byte more than a statement or
 * payload may have: the library then refuses it.
 */
SIGB_CHECK sigb_rc input_read(const char *path, const char *what, sigb_buf *out, sigb_diag *diag);

/* Appends the certificates of each file. SIGB_E_CERT_DER names the file. */
SIGB_CHECK sigb_rc input_certs(const option_list *files, const char *what, sigb_buf *certs, sigb_diag *diag);

/* Says that standard input is in use; SIGB_E_USAGE if it is already. */
SIGB_CHECK sigb_rc input_take_stdin(const char *what, sigb_diag *diag);

/* True when both paths are one file that exists. */
bool input_is_same_file(const char *a, const char *b);

#endif
