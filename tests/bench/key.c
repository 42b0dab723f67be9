/* SPDX-License-Identifier: Apache-2.0 */
#include "key.h"

#include <stdio.h>
#include <string.h>

bool bench_done(sigb_rc rc, const sigb_diag *diag, const char *what)
{
    if (rc != SIGB_OK)
        fprintf(stderr, "%s: %s: %s\n", what, sigb_rc_name(rc), diag->text);
    return rc == SIGB_OK;
}

bool bench_key_read(bench_key *key, char **words)
{
    FILE *file = fopen(words[4], "r");
    bool read = file != NULL && fgets(key->pin, sizeof(key->pin), file) != NULL;

    if (file != NULL)
        fclose(file);
    if (!read) {
        perror(words[4]);
        return false;
    }
    key->pin[strcspn(key->pin, "\n")] = '\0';
    key->name = words[0];
    key->module = words[1];
    key->token = words[2];
    key->label = words[3];
    key->pin_file = words[4];
    return true;
}

static sigb_rc give_pin(void *arg, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag)
{
    (void)request;
    return sigb_pin_read_file(pin, arg, NULL, diag);
}

sigb_signer *bench_key_open(bench_key *key, const sigb_pkcs11_options *options)
{
    char uri[256];
    sigb_signer *signer = NULL;
    sigb_pkcs11_options with = options == NULL ? (sigb_pkcs11_options){0} : *options;
    sigb_diag diag = {{0}, 0};
    sigb_rc rc;

    with.module = key->module;
    with.pin = give_pin;
    with.pin_arg = key->pin_file;
    snprintf(uri, sizeof(uri), "pkcs11:token=%s;object=%s;type=private", key->token, key->label);
    rc = sigb_signer_from_pkcs11(uri, &with, &signer, &diag);
    return bench_done(rc, &diag, uri) ? signer : NULL;
}

bool bench_signing_open(bench_signing *signing, bench_key *key, const sigb_pkcs11_options *options)
{
    sigb_diag diag = {{0}, 0};
    sigb_rc rc;

    memset(signing, 0, sizeof(*signing));
    memset(signing->tbs, 'x', sizeof(signing->tbs));
    signing->signer = bench_key_open(key, options);
    if (signing->signer == NULL)
        return false;
    rc = sigb_alg_for_key(sigb_signer_spki(signing->signer), SIGB_ALG_NONE, SIGB_PROFILE_COSE, &signing->alg,
                          &diag);
    return bench_done(rc, &diag, "algorithm");
}

void bench_signing_close(bench_signing *signing)
{
    sigb_signer_free(signing->signer);
    signing->signer = NULL;
}

bool bench_sign_round(void *arm)
{
    const bench_signing *signing = arm;
    sigb_buf signature = SIGB_BUF_INIT;
    sigb_diag diag = {{0}, 0};
    sigb_rc rc = sigb_signer_sign(signing->signer, signing->alg,
                                  sigb_bytes_of(signing->tbs, sizeof(signing->tbs)), &signature, &diag);

    sigb_buf_free(&signature);
    return bench_done(rc, &diag, "sign");
}

/* What the signer does by itself for a key, said to the bare arms. */
static const struct alg_row {
    sigb_alg alg;
    const char *digest;
    bool rsa;
} ALGS[] = {{SIGB_ES256, "SHA2-256", false}, {SIGB_ES384, "SHA2-384", false}, {SIGB_PS384, "SHA2-384", true}};

bool bench_bare_input(const bench_key *key, const bench_signing *signing, bare_input *input)
{
    *input = (bare_input){.tbs = {signing->tbs, sizeof(signing->tbs)},
                          .module = key->module,
                          .token = key->token,
                          .key = key->label,
                          .pin = key->pin};
    for (size_t i = 0; i < sizeof(ALGS) / sizeof(ALGS[0]); i++)
        if (ALGS[i].alg == signing->alg) {
            input->digest = ALGS[i].digest;
            input->rsa = ALGS[i].rsa;
            return true;
        }
    fprintf(stderr, "%s: the bare arms do not know the algorithm\n", key->name);
    return false;
}
