# SPDX-License-Identifier: Apache-2.0
# The pkg-config file finds its prefix from where it lies, so `cmake --install build --prefix ANY` works.
file(RELATIVE_PATH SIGBRIDGE_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" SIGBRIDGE_PC_PREFIX "${SIGBRIDGE_PC_PREFIX}")
configure_file(${CMAKE_SOURCE_DIR}/cmake/sigbridge.pc.in ${CMAKE_BINARY_DIR}/sigbridge.pc @ONLY)
install(TARGETS sigbridge sigbridge-cli)
install(TARGETS provider DESTINATION ${CMAKE_INSTALL_LIBDIR}/ossl-modules) # where distributions keep OpenSSL's
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/sigbridge DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.h)
install(FILES ${CMAKE_BINARY_DIR}/sigbridge.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(GLOB man1 CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/docs/man/*.1)
file(GLOB man3 CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/docs/man/*.3)
file(GLOB man7 CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/docs/man/*.7)
install(FILES ${man1} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${man3} DESTINATION ${CMAKE_INSTALL_MANDIR}/man3)
install(FILES ${man7} DESTINATION ${CMAKE_INSTALL_MANDIR}/man7)
if(EXISTS ${CMAKE_SOURCE_DIR}/completions)
    install(DIRECTORY ${CMAKE_SOURCE_DIR}/completions/ DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
endif()
