/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A signer signs and cannot reveal its key. Where the key lives is decided once,
 * when the signer is made: in a PKCS#11 token, behind any OpenSSL provider, behind an
 * EVP_PKEY that the application has, or behind two functions of the application's own.
 *
 * Threads: a signer may be used by several threads at once, if its ops may.
 * sigb_signer_free() must be the last call on it.
 */
#ifndef SIGBRIDGE_SIGNER_H
#define SIGBRIDGE_SIGNER_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/types.h>

#include <sigbridge/alg.h>
#include <sigbridge/bytes.h>
#include <sigbridge/pin.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

typedef struct sigb_signer sigb_signer;

/*
 * What a back end must do: two functions.
 *
 * sign: appends the COSE signature over all of `tbs` to `signature`: for ECDSA
 * r || s, each as wide as the curve (RFC 9053, 2.1); for RSASSA-PSS the modulus
 * width (RFC 8230), salt as long as the digest; for EdDSA the bytes of RFC 8032.
 * Hashing is the back end's work. `alg` is one that fits the public key.
 * free: releases impl; may be NULL.
 */
typedef struct sigb_signer_ops {
    sigb_rc (*sign)(void *impl, sigb_alg alg, sigb_bytes tbs, sigb_buf *signature, sigb_diag *diag);
    void (*free)(void *impl);
} sigb_signer_ops;

/*
 * A signer over functions of the caller's. `spki` is the DER SubjectPublicKeyInfo
 * of the key (copied). Takes impl: it is released by ops->free with the signer,
 * and also when this call fails. `ops` is copied.
 * SIGB_E_KEY_UNSUPPORTED: the key fits no algorithm. SIGB_E_USAGE, SIGB_E_MEMORY.
 */
SIGB_CHECK sigb_rc sigb_signer_from_ops(const sigb_signer_ops *ops, void *impl, sigb_bytes spki,
                                        sigb_signer **signer, sigb_diag *diag);

/*
 * A signer over a private key that the application holds through OpenSSL: in
 * memory, or in any provider or engine (libp11's keys among them). Takes a
 * reference to pkey. The signature is made in the library context that the
 * key belongs to. SIGB_E_KEY_UNSUPPORTED, SIGB_E_USAGE, SIGB_E_MEMORY.
 */
SIGB_CHECK sigb_rc sigb_signer_from_evp_pkey(EVP_PKEY *pkey, sigb_signer **signer, sigb_diag *diag);

/* One Cryptoki call that was made: never an argument, so never a PIN or key material. */
typedef struct sigb_trace_call {
    const char *call;      /* "C_SignInit"; static */
    const char *result;    /* "CKR_OK"; valid during the call */
    unsigned long native;  /* the same as a number */
    uint64_t microseconds; /* that it took */
} sigb_trace_call;

/* Called in whatever thread made the call, also several at once, with no lock held. */
typedef void (*sigb_trace_fn)(void *arg, const sigb_trace_call *call);

/*
 * How to reach a PKCS#11 key. Zero-initialise, then set what is known; NULL
 * stands for all zeros. Borrowed for the call, but for what says otherwise.
 */
typedef struct sigb_pkcs11_options {
    const char *module; /* path of the module; NULL: module-path or module-name of the URI, then
                           PKCS11_MODULE_PATH, then p11-kit's proxy */
    sigb_pin_fn pin;    /* asked where the URI has no pin-source or pin-value; may be NULL.
                           Must stay callable for the signer's life */
    void *pin_arg;
    sigb_notes notes;         /* remarks while opening */
    const char *init_args;    /* the module's own initialisation string (pReserved of C_Initialize), as NSS
                              wants one; NULL: for a module that module-name= names, p11-kit's
                              x-init-reserved of it */
    unsigned timeout_ms;      /* for each operation, opening or a signature, repairs included; time in the
                              PIN callback does not count. 0: none; repairs then end after 3 seconds, but
                              a call that hangs in the module, be it C_Initialize or C_Finalize, is
                              waited for, and so do all who need the same module meanwhile.
                              Costs one hop to another thread for each operation */
    bool replicas;            /* several matching keys with one public key are one key, used in order */
    bool no_relogin;          /* the PIN is not kept: a lost login is not repaired */
    bool allow_final_pin_try; /* log in although one wrong PIN more would lock the token */
    bool copy_key;            /* sign with a copy in the session (C_CopyObject) where the token allows it */
    bool no_certs;            /* certificates are not looked for: a bare signature needs none */
    sigb_trace_fn trace; /* told of each Cryptoki call made for this signer, while it lives; may be NULL */
    void *trace_arg;
} sigb_pkcs11_options;

/*
 * Opens the one private key that `uri` (RFC 7512, checked strictly) names: finds
 * module, token and key, logs in once if the token asks for it, and reads the
 * certificates and the public key that the token holds for the key.
 * Refusals: SIGB_E_URI, _MODULE, _TOKEN, _TOKEN_ABSENT, _TOKEN_AMBIGUOUS,
 * _PIN_*, _KEY_ABSENT, _KEY_AMBIGUOUS (lists the candidates with serial=),
 * _KEY_NO_SIGN, _KEY_UNSUPPORTED, _MECHANISM, _MEMORY.
 * Each signature is then two Cryptoki calls, C_SignInit and C_Sign; the first
 * is verified against the public key before it is returned.
 */
SIGB_CHECK sigb_rc sigb_signer_from_pkcs11(const char *uri, const sigb_pkcs11_options *options,
                                           sigb_signer **signer, sigb_diag *diag);

/* An OpenSSL provider: its name, and the path of its NAME.so, or NULL for OpenSSL's folder of modules. */
typedef struct sigb_store_provider {
    const char *name, *path;
} sigb_store_provider;

/*
 * How to reach a key through OpenSSL's providers. Zero-initialise, then set what
 * is known; NULL stands for all zeros. Borrowed for the call.
 */
typedef struct sigb_store_options {
    const sigb_store_provider
        *providers;        /* to load, in this order, behind `default`, which is always there */
    size_t provider_count; /* SIGB_MAX_PROVIDERS at most */
    const char *config;    /* path of a file as openssl.cnf: the providers that its openssl_conf leads to are
                              set up and activated as it says; nothing else in it acts. NULL: none is read */
    const char *propquery; /* property query for all that OpenSSL fetches; NULL: to sign, the key's own
                              provider before others. "?provider=tpm2" prefers one, without ? it excludes
                              all others, `default` among them, which reads files */
    sigb_pin_fn pin;       /* asked, with SIGB_PIN_STORE, where the store wants a PIN or passphrase: once at
                              most, during the call; may be NULL */
    void *pin_arg;
    sigb_notes notes; /* remarks while opening */
    bool no_certs;    /* certificates are not looked for: a bare signature needs none */
} sigb_store_options;

/*
 * Opens the one private key that `uri` names: any URI that a provider opens
 * (OSSL_STORE: "handle:0x81000001" with tpm2, "pkcs11:..." with one for tokens), or a
 * file: PEM, DER or PKCS#12, encrypted ones too, and files that wrap another URI for
 * a provider that is loaded. Certificates that the same URI shows come along.
 *
 * All of it happens in a library context of this signer's own, which is freed
 * with it. No configuration is read but options->config; verification and the
 * program's own use of OpenSSL never meet what is loaded here. Code is loaded
 * from options->providers, options->config and OpenSSL's folder of modules
 * (OPENSSL_MODULES) alone: name only files that you trust.
 *
 * Not checked: where the key lives and whether it can leave it, what else the
 * provider does with it and with the PIN (OpenSSL and the provider copy it to
 * memory of their own), whether a provider forwards the work elsewhere. Known is
 * what the first signature proves: that it verifies with the public half that
 * the key tells.
 *
 * A call into a provider cannot be stopped, so there is no deadline here, nor
 * repairs but those that the provider makes. A signer may be used by several
 * threads at once as far as the provider can; those of OpenSSL and ours can. In
 * a child of the process that opened it the key is what the provider makes of a
 * fork: keys of OpenSSL's own providers and of ours sign on. fork() does not
 * wait for a call that is under way here, so do not fork while a signer is opened.
 *
 * Refusals: SIGB_E_USAGE, _LIMIT, _IO (no such file), _SETUP (the configuration,
 * or no provider opens such a URI), _MODULE (a provider cannot be loaded),
 * _PIN_NEEDED, _PIN_INCORRECT (tried once), _KEY_ABSENT (says what is there
 * instead), _KEY_AMBIGUOUS (several; they are listed), _KEY_UNSUPPORTED (fits no
 * algorithm, or does not tell its public half), _WEAK_KEY, _TOKEN (the provider
 * failed, in its words), _MEMORY; and every other code with which our own
 * provider refuses.
 */
SIGB_CHECK sigb_rc sigb_signer_from_store(const char *uri, const sigb_store_options *options,
                                          sigb_signer **signer, sigb_diag *diag);

/* DER SubjectPublicKeyInfo of the key; no bytes while it is not known (some tokens hide it). */
sigb_bytes sigb_signer_spki(const sigb_signer *signer);

/*
 * Certificates that the back end keeps for the key and candidates for its
 * chain, as DER one behind the other, in no order; no bytes if there are none,
 * or they were not asked for. Not checked in any way, and not bound to the key.
 */
sigb_bytes sigb_signer_certs(const sigb_signer *signer);

/*
 * Pins the public key that signatures must verify against. Needed where
 * sigb_signer_spki() is empty, before the first signature; elsewhere a
 * comparison. sigb_builder_sign() calls it, in any thread; who pins a key by
 * this call does so before other threads use the signer.
 * SIGB_E_CERT_OTHER_KEY: the signer is known to hold another key.
 */
SIGB_CHECK sigb_rc sigb_signer_expect(sigb_signer *signer, sigb_bytes spki, sigb_diag *diag);

/*
 * The algorithm for a public key: P-256/384/521 give ES256/384/512; RSA from
 * 2048, 3072 and 4096 bits PS256/384/512; Ed25519 EdDSA. `wanted` other than
 * SIGB_ALG_NONE is checked against the key (SIGB_E_ALG_KEY) and the profile
 * (SIGB_E_PROFILE). SIGB_E_KEY_UNSUPPORTED, SIGB_E_WEAK_KEY.
 */
SIGB_CHECK sigb_rc sigb_alg_for_key(sigb_bytes spki, sigb_alg wanted, sigb_profile profile, sigb_alg *alg,
                                    sigb_diag *diag);

/*
 * Appends the raw COSE signature over `tbs` to `signature`. Length is always
 * checked, and the bytes are verified where the back end says it must
 * (SIGB_E_SIGNATURE_FAULT); otherwise they are as the back end made them. A
 * `signature` that has `failed` is refused before (SIGB_E_MEMORY).
 */
SIGB_CHECK sigb_rc sigb_signer_sign(sigb_signer *signer, sigb_alg alg, sigb_bytes tbs, sigb_buf *signature,
                                    sigb_diag *diag);

/* Releases the key, its sessions and its PIN. NULL is allowed. */
void sigb_signer_free(sigb_signer *signer);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
