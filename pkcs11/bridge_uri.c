/* SPDX-License-Identifier: Apache-2.0 */
/* URIs from files and callers that nobody vouches for: no code is loaded for them, and no PIN in them is tried. */
#include <openssl/crypto.h>

#include "base/error.h"
#include "pkcs11/bridge.h"
#include "pkcs11/internal.h"

/* Query attributes as RFC 7512 writes them; p11_uri_parse() has refused all that is not written so. */
static bool is_named(const char *attribute, size_t len, const char *const *names)
{
    for (; *names != NULL; names++)
        if (len > strlen(*names) && strncmp(attribute, *names, strlen(*names)) == 0 &&
            attribute[strlen(*names)] == '=')
            return true;
    return false;
}

/* The URI without these query attributes. NULL: out of memory. */
static char *without(const char *uri, const char *const *names)
{
    char *made = OPENSSL_strdup(uri);
    const char *from = strchr(uri, '?');
    char *to = made == NULL || from == NULL ? NULL : made + (from - uri);
    char before = '?';

    while (to != NULL && *from != '\0') {
        size_t len = strcspn(++from, "&");
        if (!is_named(from, len, names)) {
            *to++ = before;
            memcpy(to, from, len);
            to += len;
            before = '&';
        }
        from += len;
    }
    if (to != NULL)
        OPENSSL_cleanse(to, strlen(uri) + 1 - (size_t)(to - made)); /* ends it, and leaves no PIN behind */
    return made;
}

sigb_rc bridge_uri_clean(const char *text, const bridge_rules *rules, char **usable, char **shown,
                         sigb_diag *diag)
{
    static const char *const modules[] = {"module-path", "module-name", NULL};
    static const char *const nothing[] = {NULL};
    static const char *const pins[] = {"pin-value", NULL};
    p11_uri *uri = NULL;
    bool has_pin;
    sigb_rc rc = p11_uri_parse(text, NULL, &uri, diag);

    if (rc != SIGB_OK)
        return rc;
    has_pin = p11_uri_has_pin(uri);
    p11_uri_free(uri);
    if (has_pin && !rules->uri_may_hold_pin)
        return sigb_fail(diag, SIGB_E_URI,
                         "the URI holds a PIN (pin-value), which a URI from a file or a caller may not; use "
                         "pin-source, or say allow-uri-pin = yes in the provider's section of openssl.cnf");
    *usable = without(text, rules->uri_may_name_module ? nothing : modules);
    *shown = *usable == NULL ? NULL : without(*usable, pins);
    if (*shown == NULL) {
        bridge_uri_free(*usable);
        *usable = NULL;
        return sigb_no_memory(diag);
    }
    return SIGB_OK;
}

void bridge_uri_free(char *usable)
{
    if (usable != NULL)
        OPENSSL_clear_free(usable, strlen(usable));
}

sigb_rc bridge_uri_scope(const char *text, bool *names_object, unsigned *classes, bool *says_type,
                         sigb_diag *diag)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    p11_uri *uri = NULL;
    sigb_rc rc = p11_uri_parse(text, NULL, &uri, diag);

    if (rc != SIGB_OK)
        return rc;
    *names_object = p11_uri_object(uri) != NULL || p11_uri_has_id(uri);
    *says_type = p11_uri_class(uri, &class);
    *classes = !*says_type                ? BRIDGE_CERT | BRIDGE_PUBLIC | BRIDGE_PRIVATE
               : class == CKO_PRIVATE_KEY ? BRIDGE_PRIVATE
               : class == CKO_PUBLIC_KEY  ? BRIDGE_PUBLIC
               : class == CKO_CERTIFICATE ? BRIDGE_CERT
                                          : 0;
    p11_uri_free(uri);
    return SIGB_OK;
}

sigb_rc bridge_uri_place(const char *text, const bridge_rules *rules, char **usable, sigb_buf *label,
                         sigb_buf *id, sigb_diag *diag)
{
    p11_uri *uri = NULL;
    char *clean = NULL, *shown = NULL;
    sigb_rc rc = bridge_uri_clean(text, rules, &clean, &shown, diag);

    if (rc == SIGB_OK)
        rc = p11_uri_parse(clean, NULL, &uri, diag);
    if (rc == SIGB_OK) {
        sigb_buf_append(label, sigb_bytes_text(p11_uri_object(uri)));
        sigb_buf_append(id, p11_uri_id(uri));
        rc = label->failed || id->failed ? sigb_no_memory(diag) : SIGB_OK;
    }
    p11_uri_free(uri);
    OPENSSL_free(shown);
    if (rc == SIGB_OK)
        *usable = clean;
    else
        bridge_uri_free(clean);
    return rc;
}
