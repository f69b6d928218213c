# trove_library(NAME OBJECTS object-libraries... LIBRARIES libraries... REQUIRES pkg-config-modules... [LINKS -l...])
#
# LINKS is for what a static trove needs whose own .pc file asks for the world when it is asked about static linking.
# Makes NAME (shared) and NAME-static from the same objects, and installs both with NAME.pc.
set(trove_exports ${CMAKE_SOURCE_DIR}/cmake/exports.map)

function(trove_library name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "OBJECTS;LIBRARIES;REQUIRES;LINKS")
    list(TRANSFORM arg_OBJECTS REPLACE "(.+)" "$<TARGET_OBJECTS:\\1>")

    add_library(${name} SHARED ${arg_OBJECTS})
    add_library(${name}-static STATIC ${arg_OBJECTS})
    set_target_properties(${name} PROPERTIES
        VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR} LINK_DEPENDS ${trove_exports})
    set_target_properties(${name}-static PROPERTIES OUTPUT_NAME ${name})
    # nodelete: threads and fork handlers may outlive dlclose(), so the code stays.
    target_link_options(${name} PRIVATE -Wl,--version-script=${trove_exports} -Wl,-z,nodelete -Wl,-z,relro,-z,now
        -Wl,--as-needed)
    foreach(target ${name} ${name}-static)
        target_link_libraries(${target} PUBLIC trove-flags ${arg_LIBRARIES} Threads::Threads ${CMAKE_DL_LIBS})
    endforeach()

    string(REPLACE ";" ", " requires "${arg_REQUIRES}")
    string(REPLACE ";" " " links "${arg_LINKS}")
    # The file tells its own place, so that an installed tree can be moved.
    file(RELATIVE_PATH pc_up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
    string(REGEX REPLACE "/$" "" pc_up "${pc_up}")
    configure_file(${CMAKE_SOURCE_DIR}/cmake/library.pc.in ${name}.pc @ONLY)
    install(TARGETS ${name} ${name}-static
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()

install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/trove DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES ${CMAKE_SOURCE_DIR}/man/libtrove.3 DESTINATION ${CMAKE_INSTALL_MANDIR}/man3)
install(FILES ${CMAKE_SOURCE_DIR}/man/trove.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
