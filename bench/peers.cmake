# bench-peers: everything that the lookup and insert families measure, one file of bench/peers/ each, if its library is here.
#
# Those in C and those of Debian come from packages (scripts/install-packages --bench). TROVE_PEERS is a folder of the user with
# what Debian does not have, each as its authors' own build leaves it; any may be missing:
#     CLHT/        include/, external/include/ with utils.h and ssmem.h, libclht.a (built as clht_lb_res), external/lib/libssmem.a
#     growt/       allocator/, data-structures/, utils/ (its submodule)
#     parlayhash/  include/
#     boost/       boost/: the headers of 1.83 or later
set(TROVE_PEERS "" CACHE PATH "A folder with CLHT, growt, parlayhash and boost for the benches")

add_library(bench-peers-c OBJECT peers.c peers/peer_trove.c peers/hardware.c peers/libgit2_cache.c
    peers/cds_lfht_memb.c peers/cds_lfht_qsbr.c peers/cds_lfht_bp.c peers/ck_hs_peer.c peers/ck_ht_peer.c peers/ck_rhs_peer.c)
target_link_libraries(bench-peers-c PRIVATE trove-static PkgConfig::URCU_CDS PkgConfig::URCU_MEMB PkgConfig::URCU_QSBR
    PkgConfig::CK)
# The peers hash and compare with what trove's readers use here; all of them get these instructions.
target_compile_options(bench-peers-c PRIVATE ${TROVE_AVX2_OPTIONS})

add_library(bench-peers INTERFACE)
target_sources(bench-peers INTERFACE $<TARGET_OBJECTS:bench-peers-c>)
target_link_libraries(bench-peers INTERFACE trove-static PkgConfig::URCU_CDS PkgConfig::URCU_MEMB PkgConfig::URCU_QSBR
    PkgConfig::CK PkgConfig::JEMALLOC)

include(CheckLanguage)
check_language(CXX)
if(CMAKE_CXX_COMPILER)
    enable_language(CXX)
    find_package(TBB QUIET)
    find_package(absl QUIET)
    find_path(CUCKOO_INCLUDE libcuckoo/cuckoohash_map.hh)
endif()

# bench_peer(FILE FOLDERS... LIBRARIES): FILE is in bench/peers/; the folders are searched for headers.
function(bench_peer file)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "FOLDERS;LIBRARIES")
    string(MAKE_C_IDENTIFIER bench-peer-${file} target)
    add_library(${target} OBJECT peers/${file})
    target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/include)
    target_include_directories(${target} SYSTEM PRIVATE ${arg_FOLDERS})
    target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
    # Its authors' headers decide what warnings are worth.
    target_compile_options(${target} PRIVATE -O3 ${TROVE_AVX2_OPTIONS} $<$<COMPILE_LANGUAGE:CXX>:-std=c++17 -mcx16>)
    target_link_libraries(${target} PRIVATE ${arg_LIBRARIES})
    target_sources(bench-peers INTERFACE $<TARGET_OBJECTS:${target}>)
    target_link_libraries(bench-peers INTERFACE ${arg_LIBRARIES})
endfunction()

if(CMAKE_CXX_COMPILER AND CUCKOO_INCLUDE)
    bench_peer(libcuckoo_map.cc)
endif()
if(CMAKE_CXX_COMPILER AND TBB_FOUND)
    bench_peer(onetbb_map.cc LIBRARIES TBB::tbb)
endif()
if(CMAKE_CXX_COMPILER AND absl_FOUND)
    bench_peer(absl_locked.cc LIBRARIES absl::flat_hash_map)
    bench_peer(absl_shards.cc LIBRARIES absl::flat_hash_map)
endif()
if(TROVE_PEERS AND EXISTS ${TROVE_PEERS}/CLHT/libclht.a)
    bench_peer(clht_table.c FOLDERS ${TROVE_PEERS}/CLHT/include ${TROVE_PEERS}/CLHT/external/include
        LIBRARIES ${TROVE_PEERS}/CLHT/libclht.a ${TROVE_PEERS}/CLHT/external/lib/libssmem.a)
endif()
if(CMAKE_CXX_COMPILER AND TROVE_PEERS AND EXISTS ${TROVE_PEERS}/growt/data-structures)
    bench_peer(growt_table.cc FOLDERS ${TROVE_PEERS}/growt)
endif()
if(CMAKE_CXX_COMPILER AND TROVE_PEERS AND EXISTS ${TROVE_PEERS}/parlayhash/include/parlay_hash)
    bench_peer(parlay_map.cc FOLDERS ${TROVE_PEERS}/parlayhash/include)
endif()
if(CMAKE_CXX_COMPILER AND TROVE_PEERS AND EXISTS ${TROVE_PEERS}/boost/boost/unordered/concurrent_flat_map.hpp)
    bench_peer(boost_flat.cc FOLDERS ${TROVE_PEERS}/boost)
endif()
