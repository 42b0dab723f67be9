/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the OpenSSL provider tells of itself to sigb_provider_check(), as provider
 * parameters (OSSL_PROVIDER_get_params) of these names. Never a PIN.
 */
#ifndef SIGB_PKCS11_ASKED_H
#define SIGB_PKCS11_ASKED_H

#define ASKED_NAME "sigbridge" /* the provider's own name begins so, under whatever identity it is loaded */
#define ASKED_MODULE                                                                                         \
    "sigbridge-module" /* UTF-8 pointer: path of the PKCS#11 module; "" where none is configured */
#define ASKED_INIT "sigbridge-init-args" /* UTF-8 pointer: what the module is initialised with, or "" */
#define ASKED_NAMES                                                                                          \
    "sigbridge-names" /* UTF-8 string: every name of openssl.cnf that is understood, a line each */
#define ASKED_NOTES "sigbridge-notes" /* UTF-8 string: "NAME: why it does nothing", a line each */

#endif
