# SPDX-License-Identifier: Apache-2.0
# Everything comes from the distribution; docs/decisions/ says why each is here.
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED COMPONENTS Crypto)
find_package(PkgConfig REQUIRED)
pkg_check_modules(P11KIT REQUIRED IMPORTED_TARGET p11-kit-1)
pkg_get_variable(P11KIT_PROXY p11-kit-1 proxy_module)
pkg_get_variable(P11KIT_FOLDER p11-kit-1 p11_module_path)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
if(SIGBRIDGE_TESTS)
    pkg_check_modules(CBOR REQUIRED IMPORTED_TARGET libcbor)
    pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
    pkg_check_modules(LIBP11 REQUIRED IMPORTED_TARGET libp11)
endif()
