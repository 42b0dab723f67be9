/* SPDX-License-Identifier: Apache-2.0 */
/* The plan: read from its text as a whole, then asked at every call. The grammar is at the top of fault_module.c. */
#include "tests/fault/internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

/* What happens to calls of one function. */
typedef struct rule {
    fault_call call;
    unsigned long after, times, seen;
    fault_hit hit;
    unsigned long delay_ms;
    bool hangs;
    CK_RV dead; /* CKR_OK: the device lives */
} rule;

typedef struct plan {
    rule rules[FAULT_RULES];
    size_t rule_count;
    fault_token token;
    CK_ULONG wrong_pins;
} plan;

static pthread_mutex_t lock =
    PTHREAD_MUTEX_INITIALIZER; /* over the four below; never held while a call is made */
static pthread_cond_t released = PTHREAD_COND_INITIALIZER;
static plan now = {.token = {.sessions = FAULT_NEVER, .pin_tries = FAULT_NEVER}};
static CK_RV dead = CKR_OK;
static unsigned long releases;

/* ---- reading ---- */

/* A piece of the text: NAME or NAME=VALUE. */
typedef struct word {
    const char *name, *value;
    size_t name_len, value_len;
} word;

static bool is(const word *w, const char *name)
{
    return w->name_len == strlen(name) && memcmp(w->name, name, w->name_len) == 0;
}

/* The piece up to one of `ends`; *text moves behind it. */
static word word_next(const char **text, const char *ends)
{
    size_t len = strcspn(*text, ends);
    const char *equals = memchr(*text, '=', len);
    word w = {.name = *text, .name_len = equals == NULL ? len : (size_t)(equals - *text)};

    if (equals != NULL) {
        w.value = equals + 1;
        w.value_len = (size_t)(*text + len - w.value);
    }
    *text += len;
    return w;
}

static bool number(const char *text, size_t len, CK_ULONG *value)
{
    char digits[32], *end;

    if (len == 0 || len >= sizeof(digits))
        return false;
    memcpy(digits, text, len);
    digits[len] = '\0';
    *value = strtoul(digits, &end, 0);
    return *end == '\0';
}

static bool number_of(const word *w, CK_ULONG *value)
{
    return w->value != NULL && number(w->value, w->value_len, value);
}

static bool text_of(const word *w, char text[FAULT_TEXT])
{
    if (w->value == NULL || w->value_len == 0 || w->value_len >= FAULT_TEXT)
        return false;
    memcpy(text, w->value, w->value_len);
    text[w->value_len] = '\0';
    return true;
}

/* N+N+N */
static bool list_of(const word *w, fault_list *list)
{
    const char *at = w->value, *end = at == NULL ? NULL : at + w->value_len;

    while (at != NULL && list->count < FAULT_LIST) {
        const char *plus = memchr(at, '+', (size_t)(end - at));
        if (!number(at, (size_t)((plus == NULL ? end : plus) - at), &list->of[list->count]))
            return false;
        list->count++;
        if (plus == NULL)
            return true;
        at = plus + 1;
    }
    return false;
}

static bool shape_of(const word *w, fault_shape *shape)
{
    static const struct {
        const char *name;
        fault_shape shape;
    } shapes[] = {{"flip", FLIPPED},
                  {"short", SHORTENED},
                  {"empty", EMPTIED},
                  {"long", LENGTHENED},
                  {"huge", BOUNDLESS}};

    for (size_t i = 0; i < COUNT(shapes); i++)
        if (is(w, shapes[i].name)) {
            *shape = shapes[i].shape;
            return true;
        }
    return false;
}

static bool rule_put(rule *r, const word *w)
{
    if (is(w, "after"))
        return number_of(w, &r->after);
    if (is(w, "times"))
        return number_of(w, &r->times);
    if (is(w, "rv"))
        return r->hit.instead = number_of(w, &r->hit.rv);
    if (is(w, "post"))
        return r->hit.behind = number_of(w, &r->hit.rv);
    if (is(w, "delay"))
        return number_of(w, &r->delay_ms);
    if (is(w, "dead"))
        return number_of(w, &r->dead);
    if (is(w, "key"))
        return text_of(w, r->hit.key);
    if (is(w, "hang"))
        return r->hangs = true;
    if (is(w, "unended"))
        return r->hit.unended = true;
    return shape_of(w, &r->hit.shape);
}

/* CALL,WORD,WORD... */
static bool rule_read(plan *p, fault_call call, const char **text)
{
    rule *r = &p->rules[p->rule_count];

    if (p->rule_count == FAULT_RULES)
        return false;
    memset(r, 0, sizeof(*r));
    r->call = call;
    r->times = FAULT_NEVER;
    while (**text == ',') {
        word w;
        (*text)++;
        w = word_next(text, ",;");
        if (!rule_put(r, &w))
            return false;
    }
    p->rule_count++;
    return true;
}

static bool property_put(plan *p, const word *w)
{
    fault_token *t = &p->token;

    if (is(w, "sessions"))
        return number_of(w, &t->sessions);
    if (is(w, "pin-tries"))
        return number_of(w, &t->pin_tries);
    if (is(w, "pin-wrong"))
        return number_of(w, &p->wrong_pins);
    if (is(w, "only"))
        return list_of(w, &t->only);
    if (is(w, "without"))
        return list_of(w, &t->without);
    if (is(w, "hide"))
        return list_of(w, &t->hidden);
    if (is(w, "flags-on"))
        return number_of(w, &t->flags_on);
    if (is(w, "flags-off"))
        return number_of(w, &t->flags_off);
    if (is(w, "serial"))
        return text_of(w, t->serial);
    if (is(w, "keypad"))
        return text_of(w, t->keypad);
    if (is(w, "no-login"))
        return text_of(w, t->no_login);
    if (is(w, "user"))
        return text_of(w, t->user);
    return t->blank_labels = is(w, "blank-labels");
}

static bool plan_read(plan *p, const char *text)
{
    *p = (plan){.token = {.sessions = FAULT_NEVER, .pin_tries = FAULT_NEVER}};
    while (*text != '\0') {
        word w = word_next(&text, ",;");
        fault_call call = is(&w, "*") ? FAULT_ANY : call_named(w.name, w.name_len);
        bool good = call != FAULT_CALL_COUNT || is(&w, "*") ? rule_read(p, call, &text) : property_put(p, &w);

        if (!good || (*text != ';' && *text != '\0'))
            return false;
        text += *text == ';';
    }
    return true;
}

bool plan_set(const char *text)
{
    plan read;

    if (!plan_read(&read, text))
        return false;
    (void)pthread_mutex_lock(&lock);
    now = read;
    dead = CKR_OK;
    counts_reset(read.wrong_pins);
    (void)pthread_mutex_unlock(&lock);
    return true;
}

/* ---- asking ---- */

fault_token plan_token(void)
{
    fault_token copy;

    (void)pthread_mutex_lock(&lock);
    copy = now.token;
    (void)pthread_mutex_unlock(&lock);
    return copy;
}

static bool strikes(rule *r, fault_call call)
{
    unsigned long at;

    if (r->call != call && r->call != FAULT_ANY)
        return false;
    at = r->seen++;
    return at >= r->after && at - r->after < r->times;
}

static void hit_add(fault_hit *sum, const fault_hit *one)
{
    if (!sum->instead && !sum->behind) {
        sum->instead = one->instead;
        sum->behind = one->behind;
        sum->rv = one->rv;
    }
    sum->unended |= one->unended;
    if (one->shape != AS_MADE)
        sum->shape = one->shape;
    if (one->key[0] != '\0')
        memcpy(sum->key, one->key, sizeof(sum->key));
}

/* A dead device answers nothing but C_Initialize and C_Finalize. */
static bool is_dead(fault_call call)
{
    return dead != CKR_OK && call != FAULT_C_Initialize && call != FAULT_C_Finalize;
}

static void wait_ms(unsigned long ms)
{
    struct timespec time = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};

    while (ms > 0 && nanosleep(&time, &time) != 0)
        continue;
}

/* Every rule that strikes, in one. */
static void rules_ask(fault_call call, fault_hit *sum, unsigned long *delay_ms, bool *hangs)
{
    for (size_t i = 0; i < now.rule_count && !is_dead(call); i++) {
        rule *r = &now.rules[i];
        if (!strikes(r, call))
            continue;
        counts_hit(i);
        hit_add(sum, &r->hit);
        *delay_ms += r->delay_ms;
        *hangs |= r->hangs;
        dead = r->dead == CKR_OK ? dead : r->dead;
    }
    if (is_dead(call)) {
        sum->instead = true;
        sum->behind = false;
        sum->rv = dead;
    }
}

fault_hit plan_hit(fault_call call)
{
    fault_hit sum = {.rv = CKR_OK};
    unsigned long delay_ms = 0, began;
    bool hangs = false;

    counts_call(call);
    (void)pthread_mutex_lock(&lock);
    rules_ask(call, &sum, &delay_ms, &hangs);
    began = releases;
    while (hangs && releases == began)
        (void)pthread_cond_wait(&released, &lock);
    (void)pthread_mutex_unlock(&lock);
    wait_ms(delay_ms);
    return sum;
}

void plan_revive(void)
{
    (void)pthread_mutex_lock(&lock);
    dead = CKR_OK;
    (void)pthread_mutex_unlock(&lock);
}

void plan_release(void)
{
    (void)pthread_mutex_lock(&lock);
    releases++;
    (void)pthread_cond_broadcast(&released);
    (void)pthread_mutex_unlock(&lock);
}
