# SPDX-License-Identifier: Apache-2.0
# What a build can be asked for, and the flags that every file of ours is compiled with.
option(SIGBRIDGE_TESTS "Build the tests" ON)
option(SIGBRIDGE_WERROR "Treat warnings as errors" OFF)
option(SIGBRIDGE_COVERAGE "Count lines and branches" OFF)
option(SIGBRIDGE_FUZZ "Build the libFuzzer programs (clang only)" OFF)
set(SIGBRIDGE_SANITIZE "" CACHE STRING "Sanitizers, for example address,undefined")

add_library(sigb_flags INTERFACE)
target_compile_definitions(sigb_flags INTERFACE _GNU_SOURCE)
if(NOT SIGBRIDGE_SANITIZE AND NOT SIGBRIDGE_COVERAGE)
    target_compile_definitions(sigb_flags INTERFACE $<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=2>)
endif()
target_compile_options(sigb_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
    -Wold-style-definition -Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wvla -Wformat=2 -Wswitch-enum
    -Wnull-dereference -fstack-protector-strong -fno-common)
target_link_options(sigb_flags INTERFACE -Wl,-z,relro,-z,now)
if(SIGBRIDGE_WERROR)
    target_compile_options(sigb_flags INTERFACE -Werror)
endif()
if(SIGBRIDGE_SANITIZE)
    target_compile_options(sigb_flags INTERFACE -fsanitize=${SIGBRIDGE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(sigb_flags INTERFACE -fsanitize=${SIGBRIDGE_SANITIZE})
endif()
if(SIGBRIDGE_COVERAGE)
    target_compile_options(sigb_flags INTERFACE --coverage -fprofile-update=atomic -O0) # threads count too
    target_link_options(sigb_flags INTERFACE --coverage)
endif()
if(SIGBRIDGE_FUZZ)
    target_compile_options(sigb_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
