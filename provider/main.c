/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The OpenSSL provider: keys of tokens for whatever OpenSSL signs. It registers
 * no digest, cipher, KDF or random numbers, and hashes in a library context of
 * its own, so that a module that uses OpenSSL itself never gets back in here.
 */
#include <stdarg.h>
#include <stdio.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include <sigbridge/sigbridge.h>

#include "provider/provider.h"

#define PROPERTY_ROOM 160

/* ---- refusals ---- */

static void raise_error(const prov_ctx *ctx, sigb_rc rc, const char *format, ...)
{
    va_list args;

    if (ctx->new_error == NULL || ctx->vset_error == NULL)
        return;
    va_start(args, format);
    ctx->new_error(ctx->core);
    ctx->vset_error(ctx->core, (uint32_t)rc, format, args);
    va_end(args);
}

int prov_fail(prov_ctx *ctx, sigb_rc rc, const sigb_diag *diag)
{
    raise_error(ctx, rc, "%s", diag == NULL || diag->text[0] == '\0' ? sigb_rc_name(rc) : diag->text);
    return 0;
}

int prov_refuse(prov_ctx *ctx, sigb_rc rc, const char *format, ...)
{
    sigb_diag diag = {{0}, 0};
    va_list args;

    va_start(args, format);
    (void)vsnprintf(diag.text, sizeof(diag.text), format, args);
    va_end(args);
    return prov_fail(ctx, rc, &diag);
}

/* ---- algorithms, under the name by which we are loaded ---- */

#define OPERATIONS 7

static const struct {
    int operation;
    const OSSL_ALGORITHM *algorithms;
} TABLES[OPERATIONS] = {{OSSL_OP_STORE, PROV_STORES},
                        {OSSL_OP_KEYMGMT, PROV_KEYMGMTS},
                        {OSSL_OP_SIGNATURE, PROV_SIGNATURES},
                        {OSSL_OP_ASYM_CIPHER, PROV_CIPHERS},
                        {OSSL_OP_KEM, PROV_KEMS},
                        {OSSL_OP_ENCODER, PROV_ENCODERS},
                        {OSSL_OP_DECODER, PROV_DECODERS}};

/* One for each row of TABLES. */
typedef struct prov_operation {
    OSSL_ALGORITHM *algorithms;
    char (*properties)[PROPERTY_ROOM];
} prov_operation;

static void operations_free(prov_operation *of)
{
    for (size_t i = 0; of != NULL && i < OPERATIONS; i++) {
        OPENSSL_free(of[i].algorithms);
        OPENSSL_free(of[i].properties);
    }
    OPENSSL_free(of);
}

static bool operation_fill(prov_operation *of, const OSSL_ALGORITHM *table, const char *identity)
{
    size_t count = 0;

    while (table[count].algorithm_names != NULL)
        count++;
    of->algorithms = OPENSSL_memdup(table, (count + 1) * sizeof(*table));
    of->properties = OPENSSL_zalloc((count + 1) * sizeof(*of->properties));
    if (of->algorithms == NULL || of->properties == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        const char *more = table[i].property_definition;

        (void)snprintf(of->properties[i], PROPERTY_ROOM, "provider=%s%s%s", identity,
                       more[0] == '\0' ? "" : ",", more);
        of->algorithms[i].property_definition = of->properties[i];
    }
    return true;
}

/* NULL: out of memory. */
static prov_operation *operations_new(const char *identity)
{
    prov_operation *of = OPENSSL_zalloc(OPERATIONS * sizeof(*of));

    for (size_t i = 0; of != NULL && i < OPERATIONS; i++)
        if (!operation_fill(&of[i], TABLES[i].algorithms, identity)) {
            operations_free(of);
            return NULL;
        }
    return of;
}

static const OSSL_ALGORITHM *operations_find(const prov_operation *of, int operation)
{
    for (size_t i = 0; i < OPERATIONS; i++)
        if (TABLES[i].operation == operation)
            return of[i].algorithms;
    return NULL;
}

/* ---- what the core asks ---- */

static const OSSL_PARAM *gettable_params(void *provctx)
{
    static const OSSL_PARAM gettable[] = {OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_NAME, NULL, 0),
                                          OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_VERSION, NULL, 0),
                                          OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_BUILDINFO, NULL, 0),
                                          OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, NULL), OSSL_PARAM_END};

    (void)provctx;
    return gettable;
}

static int get_params(void *provctx, OSSL_PARAM params[])
{
    const struct {
        const char *name, *text;
    } texts[] = {{OSSL_PROV_PARAM_NAME, "sigbridge: signing with PKCS#11 tokens"},
                 {OSSL_PROV_PARAM_VERSION, sigb_version()},
                 {OSSL_PROV_PARAM_BUILDINFO, sigb_version()}};
    const prov_ctx *ctx = provctx;
    OSSL_PARAM *p;

    for (size_t i = 0; i < COUNT(texts); i++) {
        p = OSSL_PARAM_locate(params, texts[i].name);
        if (p != NULL && !OSSL_PARAM_set_utf8_ptr(p, texts[i].text))
            return 0;
    }
    p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS);
    return (p == NULL || OSSL_PARAM_set_int(p, 1)) && config_tell(ctx->config, params);
}

static const OSSL_ALGORITHM *query_operation(void *provctx, int operation, int *no_cache)
{
    const prov_ctx *ctx = provctx;

    *no_cache = 0;
    return operations_find(ctx->operations, operation);
}

static void teardown(void *provctx)
{
    prov_ctx *ctx = provctx;

    bridge_module_release(atomic_load(&ctx->module));
    OPENSSL_free(atomic_load(&ctx->refusal));
    prov_reasons_free(ctx->reasons);
    operations_free(ctx->operations);
    config_free(ctx->config);
    OPENSSL_free(ctx);
}

static const OSSL_DISPATCH PROVIDER[] = {
    {OSSL_FUNC_PROVIDER_TEARDOWN, (void (*)(void))teardown},
    {OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, (void (*)(void))gettable_params},
    {OSSL_FUNC_PROVIDER_GET_PARAMS, (void (*)(void))get_params},
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query_operation},
    {0, NULL},
};

/* ---- loading ---- */

static void take_upcalls(prov_ctx *ctx, const OSSL_DISPATCH *in)
{
    for (; in->function_id != 0; in++)
        switch (in->function_id) {
        case OSSL_FUNC_CORE_GET_PARAMS:
            ctx->get_params = OSSL_FUNC_core_get_params(in);
            break;
        case OSSL_FUNC_CORE_NEW_ERROR:
            ctx->new_error = OSSL_FUNC_core_new_error(in);
            break;
        case OSSL_FUNC_CORE_SET_ERROR_DEBUG:
            ctx->set_error_debug = OSSL_FUNC_core_set_error_debug(in);
            break;
        case OSSL_FUNC_CORE_VSET_ERROR:
            ctx->vset_error = OSSL_FUNC_core_vset_error(in);
            break;
        case OSSL_FUNC_BIO_READ_EX:
            ctx->bio_read = OSSL_FUNC_BIO_read_ex(in);
            break;
        case OSSL_FUNC_BIO_GETS:
            ctx->bio_gets = OSSL_FUNC_BIO_gets(in);
            break;
        case OSSL_FUNC_BIO_CTRL:
            ctx->bio_ctrl = OSSL_FUNC_BIO_ctrl(in);
            break;
        case OSSL_FUNC_BIO_WRITE_EX:
            ctx->bio_write = OSSL_FUNC_BIO_write_ex(in);
            break;
        default:
            break;
        }
}

/* The name that the configuration loads us under: another provider's, where its users switched by changing a path. */
static const char *identity_of(const prov_ctx *ctx)
{
    const char *name = NULL;
    OSSL_PARAM params[] = {OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_CORE_PROV_NAME, NULL, 0), OSSL_PARAM_END};

    params[0].data = &name;
    return ctx->get_params != NULL && ctx->get_params(ctx->core, params) && name != NULL ? name : "sigbridge";
}

/* Reads the configuration, and touches no module: programs load every provider that openssl.cnf names. */
__attribute__((visibility("default"))) int OSSL_provider_init(const OSSL_CORE_HANDLE *core,
                                                              const OSSL_DISPATCH *in,
                                                              const OSSL_DISPATCH **out, void **provctx)
{
    prov_ctx *ctx = OPENSSL_zalloc(sizeof(*ctx));
    sigb_diag diag = {{0}, 0};
    sigb_rc rc;

    if (ctx == NULL)
        return 0;
    ctx->core = core;
    atomic_init(&ctx->module, NULL);
    atomic_init(&ctx->refusal, NULL);
    take_upcalls(ctx, in);
    ctx->reasons = prov_reasons_new(ctx, identity_of(ctx));
    rc = config_read(core, ctx->get_params, &ctx->config, &diag);
    if (rc == SIGB_OK && (ctx->operations = operations_new(identity_of(ctx))) == NULL)
        rc = SIGB_E_MEMORY;
    if (rc != SIGB_OK) {
        (void)prov_fail(ctx, rc, &diag);
        teardown(ctx);
        return 0;
    }
    *out = PROVIDER;
    *provctx = ctx;
    return 1;
}
