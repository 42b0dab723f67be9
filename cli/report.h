/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a verb tells, and the one place that turns it into text: facts are
 * collected while the verb runs and shown when it has ended. For people on
 * standard error; data (a DID, a URI, a dump) on standard output; with --json
 * one document on standard output instead of both, with --result the same
 * document in a file.
 */
#ifndef SIGB_CLI_REPORT_H
#define SIGB_CLI_REPORT_H

#include <jansson.h>

#include <sigbridge/bytes.h>

#include "cli/options.h"

#define REPORT_SCHEMA "sigbridge/1"

struct report {
    const char *verb;
    bool json, quiet, verbose, force;
    const char *result; /* file for the document, or NULL */
    json_t *facts;      /* object */
    json_t *escaped;    /* keys whose value is not UTF-8 and therefore shown escaped */
    json_t *notes;      /* array of text */
    bool failed;        /* out of memory while collecting */
    bool despite;       /* report_despite_failure() */
    sigb_buf text;      /* for people */
    sigb_buf data;      /* for standard output */
};

void report_begin(struct report *report, const char *verb, bool json);

/* Facts of the document. Bytes that are not UTF-8 are shown escaped, and the key is listed under "escaped". */
void report_text(struct report *report, const char *key, sigb_bytes raw);
void report_int(struct report *report, const char *key, int64_t number); /* as text beyond 2^53 */
void report_bool(struct report *report, const char *key, bool value);
void report_time(struct report *report, const char *key, int64_t at);
void report_hex(struct report *report, const char *key, sigb_bytes bytes);
/* Takes value. */
void report_json(struct report *report, const char *key, json_t *value);
/* Each line of `text` as one member of an array. */
void report_lines(struct report *report, const char *key, sigb_bytes text);

/* The same, to be put elsewhere. */
json_t *report_list(struct report *report, const char *key, sigb_bytes text);

/* A string as JSON has it; NULL, and report->failed, without memory. `key` as in report_text(). */
json_t *report_string(struct report *report, const char *key, sigb_bytes raw);

/* A line "label: value" for people. */
void report_say(struct report *report, const char *label, sigb_bytes raw);

/* A remark that is no failure; a sigb_notes callback. Shown at once, and part of the document. */
void report_note(void *arg, const char *text);

/* What was found is told with a failure too: for a verb whose answer is what it found, and not what it made. */
void report_despite_failure(struct report *report);

/* Shows everything; gives the exit status. */
int report_end(struct report *report, sigb_rc rc, const sigb_diag *said);

#endif
