/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/provider.h"

const OSSL_ALGORITHM PROV_DECODERS[] = {{NULL, NULL, NULL, NULL}};
