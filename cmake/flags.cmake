# trove-flags: what every target is compiled and linked with.
add_library(trove-flags INTERFACE)
target_include_directories(trove-flags INTERFACE ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR})
target_compile_definitions(trove-flags INTERFACE _GNU_SOURCE $<$<BOOL:${TROVE_DEBUG}>:TROVE_DEBUG=1>
    $<$<BOOL:${TROVE_TRACE_POINTS}>:TROVE_TRACE_POINTS=1>)
target_compile_options(trove-flags INTERFACE
    -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wvla
    $<$<BOOL:${TROVE_WERROR}>:-Werror>
    # Thread-local words are found without a call, also in the shared libraries.
    -ftls-model=initial-exec)

if(TROVE_SANITIZE)
    target_compile_options(trove-flags INTERFACE -fsanitize=${TROVE_SANITIZE} -fno-omit-frame-pointer
        $<$<BOOL:${TROVE_FUZZ}>:-fsanitize=fuzzer-no-link> -fno-sanitize-recover=all)
    target_link_options(trove-flags INTERFACE -fsanitize=${TROVE_SANITIZE})
    if(TROVE_SANITIZE MATCHES "thread")
        # ThreadSanitizer sees neither membarrier nor fences: read sections get the back end that it can see.
        target_compile_definitions(trove-flags INTERFACE TROVE_RCU_VISIBLE=1)
    endif()
endif()

# What a reader of core/ may use beyond the processor that everything else is compiled for.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    set(TROVE_AVX2_OPTIONS -mavx2 -maes -mbmi -mbmi2)
    set(TROVE_AVX512_OPTIONS ${TROVE_AVX2_OPTIONS} -mavx512bw -mavx512vl)
endif()
