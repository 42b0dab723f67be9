/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/module.h"

#include <stdio.h>
#include <unistd.h>

#include "cli/text.h"

#define MOST_TIMEOUT_S 86400

/* A sigb_trace_fn. Several threads may be here at once: a line is one write. */
static void trace_put(void *arg, const sigb_trace_call *call)
{
    char line[160];
    int len = snprintf(line, sizeof(line), "trace: %s %s %llu us\n", call->call, call->result,
                       (unsigned long long)call->microseconds);
    ssize_t written = 0;

    (void)arg;
    if (len > 0 && (size_t)len < sizeof(line))
        written = write(STDERR_FILENO, line, (size_t)len);
    (void)written; /* who closed standard error does not want to know */
}

sigb_pkcs11_options module_options(const module_args *args, struct pins *pins, struct report *report)
{
    return (sigb_pkcs11_options){.module = args->path,
                                 .init_args = args->init_args,
                                 .allow_final_pin_try = args->allow_final_pin_try,
                                 .trace = args->trace ? trace_put : NULL,
                                 .pin = pins_ask,
                                 .pin_arg = pins,
                                 .notes = {report_note, report}};
}

static const char *read_digits(const char *text, unsigned *number)
{
    for (; *text >= '0' && *text <= '9' && *number <= MOST_TIMEOUT_S; text++)
        *number = 10 * *number + (unsigned)(*text - '0');
    return text;
}

/* "30", "0.5", "1.250": what is finer than a millisecond is refused, as is what is not a number from end to end. */
sigb_rc timeout_option(const char *text, unsigned unsaid_ms, unsigned *timeout_ms, sigb_diag *diag)
{
    static const unsigned scale[] = {0, 100, 10, 1};
    unsigned seconds = 0, rest = 0;
    const char *point, *end;

    *timeout_ms = unsaid_ms;
    if (text == NULL)
        return SIGB_OK;
    point = end = read_digits(text, &seconds);
    if (*point == '.')
        end = read_digits(point + 1, &rest);
    if (point == text || *end != '\0' || (end != point && (end - point < 2 || end - point > 4)) ||
        seconds > MOST_TIMEOUT_S || (seconds == MOST_TIMEOUT_S && rest > 0))
        return fail(
            diag, SIGB_E_USAGE,
            "'%.40s' is no --token-timeout; wanted are seconds such as 30 or 0.5, %d at most, or 0 for "
            "no limit",
            text, MOST_TIMEOUT_S);
    *timeout_ms = 1000 * seconds + (end == point ? 0 : rest * scale[end - point - 1]);
    return SIGB_OK;
}

sigb_rc signer_options(const signer_args *args, sigb_pkcs11_options *options, sigb_diag *diag)
{
    options->replicas = args->replicas;
    options->no_relogin = args->no_relogin;
    options->copy_key = args->copy_key;
    return timeout_option(args->timeout, TIMEOUT_MS, &options->timeout_ms, diag);
}
