/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signs a file with a key in a PKCS#11 token and verifies what came out.
 *   cc sign_and_verify.c $(pkg-config --cflags --libs sigbridge) -o sign_and_verify
 *   ./sign_and_verify KEY-URI MODULE PIN-FILE ROOT EKU CERTIFICATES PAYLOAD
 */
#include <sigbridge/sigbridge.h>

#include <stdio.h>

static sigb_rc pin_from_file(void *path, const sigb_pin_request *request, sigb_pin *pin, sigb_diag *diag)
{
    (void)request;
    return sigb_pin_read_file(pin, path, NULL, diag);
}

static void read_file(sigb_buf *into, const char *path)
{
    unsigned char block[4096];
    size_t len;
    FILE *file = fopen(path, "rb");

    while (file != NULL && (len = fread(block, 1, sizeof(block), file)) > 0)
        sigb_buf_append(into, sigb_bytes_of(block, len));
    if (file != NULL)
        fclose(file);
}

int main(int argc, char **argv)
{
    sigb_buf root_pem = SIGB_BUF_INIT, roots = SIGB_BUF_INIT, pem = SIGB_BUF_INIT, certs = SIGB_BUF_INIT;
    sigb_buf payload = SIGB_BUF_INIT, made = SIGB_BUF_INIT;
    sigb_signer *signer = NULL;
    sigb_issuer *issuer = NULL;
    sigb_builder *builder = NULL;
    sigb_statement *statement = NULL;
    sigb_policy *policy = sigb_policy_new();
    sigb_verified *verified = NULL;
    sigb_diag diag = {{0}, 0};
    sigb_rc rc = SIGB_E_USAGE;

    if (argc != 8 || policy == NULL)
        goto out;
    sigb_pkcs11_options token = {.module = argv[2], .pin = pin_from_file, .pin_arg = argv[3]};
    sigb_claims claims = {
        .subject = "example", .content_type = "application/json", .has_svn = true, .svn = 1};
    claims.issued_at = SIGB_TIME_NOW;
    read_file(&root_pem, argv[4]);
    read_file(&pem, argv[6]);
    read_file(&payload, argv[7]);
    if ((rc = sigb_certs_append(&roots, sigb_buf_bytes(&root_pem), &diag)) != SIGB_OK ||
        (rc = sigb_certs_append(&certs, sigb_buf_bytes(&pem), &diag)) != SIGB_OK ||
        (rc = sigb_signer_from_pkcs11(argv[1], &token, &signer, &diag)) != SIGB_OK)
        goto out;

    sigb_issuer_options from = {
        .certs = sigb_buf_bytes(&certs), .roots = sigb_buf_bytes(&roots), .eku = argv[5]};
    from.spki = sigb_signer_spki(signer); /* the leaf is the certificate of this key, whatever the order */
    from.at = SIGB_TIME_NOW;
    if ((rc = sigb_issuer_derive(&from, &issuer, &diag)) != SIGB_OK ||
        (rc = sigb_builder_new(issuer, &claims, SIGB_ALG_NONE, SIGB_PROFILE_MST, &builder, &diag)) !=
            SIGB_OK ||
        (rc = sigb_builder_attach(builder, sigb_buf_bytes(&payload), &diag)) != SIGB_OK ||
        (rc = sigb_builder_sign(builder, signer, &made, &diag)) != SIGB_OK)
        goto out;

    if ((rc = sigb_policy_put_roots(policy, sigb_buf_bytes(&roots), &diag)) != SIGB_OK ||
        (rc = sigb_policy_set_eku(policy, argv[5], &diag)) != SIGB_OK ||
        (rc = sigb_policy_set_subject(policy, "example", &diag)) != SIGB_OK ||
        (rc = sigb_statement_parse(sigb_buf_bytes(&made), &statement, &diag)) != SIGB_OK ||
        (rc = sigb_statement_verify(statement, policy, NULL, &verified, &diag)) != SIGB_OK)
        goto out;
    printf("%zu bytes, verified: %s\n", made.len, sigb_verified_issuer(verified));
out:
    if (rc != SIGB_OK)
        fprintf(stderr, "%s: %s\n", sigb_rc_name(rc), diag.text);
    sigb_verified_free(verified);
    sigb_policy_free(policy);
    sigb_statement_free(statement);
    sigb_builder_free(builder);
    sigb_issuer_free(issuer);
    sigb_signer_free(signer);
    sigb_buf_free(&root_pem);
    sigb_buf_free(&roots);
    sigb_buf_free(&pem);
    sigb_buf_free(&certs);
    sigb_buf_free(&payload);
    sigb_buf_free(&made);
    return sigb_rc_exit(rc);
}
