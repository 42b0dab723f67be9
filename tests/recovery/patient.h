/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SoftHSM breaks off (SIGSEGV) when one thread closes all sessions or finalises
 * it while another is within a call, and when two are within one session, as
 * happens after a C_Finalize by somebody else: a handle from before it then
 * names a session that another thread has opened since. The bare module does
 * both, with no code of ours around it. So that what the library does is tested,
 * and not that, a module is made patient: the first calls wait until nobody is
 * within another one, and a session takes one call at a time.
 */
#ifndef SIGB_TESTS_RECOVERY_PATIENT_H
#define SIGB_TESTS_RECOVERY_PATIENT_H

#include <p11-kit/pkcs11.h>

/* Changes the module's own table, so for all its users; before any of them begins. */
void patient_make(CK_FUNCTION_LIST *calls);

#endif
