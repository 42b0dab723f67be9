/* SPDX-License-Identifier: Apache-2.0 */
#include "base/time.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <sigbridge/issuer.h>

#include "base/error.h"

int64_t time_resolve(int64_t at)
{
    return at == SIGB_TIME_NOW ? (int64_t)time(NULL) : at;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar; years are counted from March, so that leap days end them. */
static int64_t days_of(int64_t year, int month, int day)
{
    int64_t from_march = (month + 9) % 12;
    int64_t y = year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * from_march + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static int month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

/* Exactly `count` digits; moves *text behind them. */
static bool take_digits(const char **text, int count, int *value)
{
    *value = 0;
    for (int i = 0; i < count; i++, (*text)++) {
        if (**text < '0' || **text > '9')
            return false;
        *value = *value * 10 + (**text - '0');
    }
    return true;
}

static bool take_char(const char **text, char wanted)
{
    if (**text != wanted)
        return false;
    (*text)++;
    return true;
}

static bool take_fraction(const char **text)
{
    int digit;

    if (!take_char(text, '.'))
        return true;
    if (!take_digits(text, 1, &digit))
        return false;
    while (**text >= '0' && **text <= '9')
        (*text)++;
    return true;
}

/* "Z" or "+hh:mm": seconds to take off. */
static bool take_offset(const char **text, int64_t *offset)
{
    int hours, minutes, sign = **text == '-' ? -1 : 1;

    *offset = 0;
    if (take_char(text, 'Z') || take_char(text, 'z'))
        return true;
    if (!take_char(text, '+') && !take_char(text, '-'))
        return false;
    if (!take_digits(text, 2, &hours) || !take_char(text, ':') || !take_digits(text, 2, &minutes) ||
        hours > 23 || minutes > 59)
        return false;
    *offset = sign * (hours * 3600 + minutes * 60);
    return true;
}

/* RFC 3339, 5.6: date-time. A leap second is read as the second after it. */
static bool read_rfc3339(const char *text, int64_t *at)
{
    int year, month, day, hour, minute, second;
    int64_t offset;

    if (!take_digits(&text, 4, &year) || !take_char(&text, '-') || !take_digits(&text, 2, &month) ||
        !take_char(&text, '-') || !take_digits(&text, 2, &day))
        return false;
    if (!take_char(&text, 'T') && !take_char(&text, 't'))
        return false;
    if (!take_digits(&text, 2, &hour) || !take_char(&text, ':') || !take_digits(&text, 2, &minute) ||
        !take_char(&text, ':') || !take_digits(&text, 2, &second))
        return false;
    if (!take_fraction(&text) || !take_offset(&text, &offset) || *text != '\0')
        return false;
    if (month < 1 || month > 12 || day < 1 || day > month_days(year, month) || hour > 23 || minute > 59 ||
        second > 60)
        return false;
    *at = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
    return true;
}

/* Whole seconds: at most 12 digits, which reaches the year 33658. */
static bool read_seconds(const char *text, int64_t *at)
{
    size_t len = strspn(text, "0123456789");

    if (len == 0 || len > 12 || text[len] != '\0')
        return false;
    *at = strtoll(text, NULL, 10);
    return true;
}

sigb_rc sigb_time_parse(const char *text, int64_t *at, sigb_diag *diag)
{
    int64_t read;

    if (text == NULL || at == NULL || (!read_seconds(text, &read) && !read_rfc3339(text, &read)))
        return sigb_fail(diag, SIGB_E_USAGE,
                         "'%.64s' is not a time; wanted: 2026-07-01T12:00:00Z, or seconds since 1970",
                         text == NULL ? "" : text);
    *at = read;
    return SIGB_OK;
}

const char *time_text(int64_t at, char text[TIME_TEXT])
{
    time_t seconds = (time_t)at;
    struct tm tm;

    if (gmtime_r(&seconds, &tm) == NULL || tm.tm_year < -1900 || tm.tm_year > 8099)
        (void)snprintf(text, TIME_TEXT, "%" PRId64, at);
    else /* strftime does not pad years below 1000 */
        (void)snprintf(text, TIME_TEXT, "%04d-%02d-%02dT%02d:%02d:%02dZ", (tm.tm_year + 1900) % 10000,
                       (tm.tm_mon + 1) % 100, tm.tm_mday % 100, tm.tm_hour % 100, tm.tm_min % 100,
                       tm.tm_sec % 100);
    return text;
}
