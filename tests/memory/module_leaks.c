/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two leaks of modules, told to LeakSanitizer where they are made. ci/suppressions/lsan.txt names the modules, but
 * a leak's frames end in libcrypto, which keeps no frame pointers, unless each allocation of a process is unwound
 * the slow way, and then the process takes four times as long. ci/check-sanitizers preloads this; what anybody else
 * calls these functions for is judged as ever.
 */
#include <dlfcn.h>
#include <string.h>

#include <openssl/asn1.h>

extern void __lsan_ignore_object(const void *object)
    __attribute__((weak)); /* NULL: a process without the runtime */

typedef ASN1_STRING *read_string(ASN1_STRING **into, const unsigned char **from, long len);

static ASN1_STRING *read_for(const char *module, const void *caller, read_string *real,
                             const unsigned char **from, long len)
{
    ASN1_STRING *made = real(NULL, from, len);
    Dl_info info;

    if (__lsan_ignore_object == NULL || made == NULL || dladdr(caller, &info) == 0 ||
        strstr(info.dli_fname, module) == NULL)
        return made;
    __lsan_ignore_object(made);
    __lsan_ignore_object(ASN1_STRING_get0_data(made));
    return made;
}

static read_string *real_of(const char *name)
{
    read_string *real = NULL;
    void *found = dlsym(RTLD_NEXT, name);

    memcpy(&real, &found, sizeof(real));
    return real;
}

/* SoftHSM reads the name of an Edwards curve so, at each use of the key. */
ASN1_PRINTABLESTRING *d2i_ASN1_PRINTABLESTRING(ASN1_PRINTABLESTRING **into, const unsigned char **from,
                                               long len)
{
    read_string *real = real_of(__func__);

    return into == NULL ? read_for("libsofthsm2.so", __builtin_return_address(0), real, from, len)
                        : real(into, from, len);
}

/* tpm2-pkcs11 reads the point of an EC key so, at each C_SignInit, and frees the string without its bytes. */
ASN1_OCTET_STRING *d2i_ASN1_OCTET_STRING(ASN1_OCTET_STRING **into, const unsigned char **from, long len)
{
    read_string *real = real_of(__func__);

    return into == NULL ? read_for("libtpm2_pkcs11.so", __builtin_return_address(0), real, from, len)
                        : real(into, from, len);
}
