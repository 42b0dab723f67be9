/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that appear whole or not at all: written to a temporary in the same
 * folder (O_EXCL), synced, then given their name, which replaces nothing
 * unless asked to. A signal or an error leaves nothing behind.
 */
#ifndef SIGB_CLI_OUTPUT_H
#define SIGB_CLI_OUTPUT_H

#include <sigbridge/bytes.h>

/* SIGINT, SIGTERM and SIGHUP remove an unfinished file first; a closed pipe or a limit is an error, not a signal. Call once. */
void output_guard_signals(void);

/*
 * Before any work: would `path` be taken? SIGB_E_EXISTS: it exists, and `force`
 * is false. SIGB_E_IO: no such folder, or not writable, or a device. SIGB_E_USAGE:
 * "-" is a terminal.
 */
SIGB_CHECK sigb_rc output_check(const char *path, bool force, sigb_diag *diag);

/* Two outputs of one run must not be one file: the second would refuse or replace the first. SIGB_E_USAGE. NULL: none. */
SIGB_CHECK sigb_rc output_check_distinct(const char *path, const char *other, sigb_diag *diag);

/* Writes the file, or standard output for "-". The same refusals, judged again. */
SIGB_CHECK sigb_rc output_file(const char *path, bool force, sigb_bytes content, sigb_diag *diag);

/* Writes all of it to a descriptor; `what` is said in the refusal. SIGB_E_IO. */
SIGB_CHECK sigb_rc output_write(int fd, sigb_bytes content, const char *what, sigb_diag *diag);

#endif
