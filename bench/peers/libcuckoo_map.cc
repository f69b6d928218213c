// SPDX-License-Identifier: MIT
/*
 * libcuckoo_map.cc - libcuckoo's cuckoohash_map.
 *
 * Configuration  presized for the objects; four slots a bucket, as it comes; objects are read under the buckets' locks
 *                (find_fn), so what is removed is freed at once.
 */
#include <libcuckoo/cuckoohash_map.hh>

#include "bench/peers/cxx_peer.h"

struct cuckoo : cxx_peer {
    using map = libcuckoo::cuckoohash_map<std::uint64_t, peer_object *, as_it_is>;
    static constexpr const char *name = "libcuckoo";

    static void *open(std::size_t objects)
    {
        return new map(objects > 0 ? objects : 64);
    }
    static map &of(peer_lane *lane)
    {
        return *static_cast<map *>(lane->table);
    }
    static std::size_t find(peer_lane *lane, std::uint64_t hash, const trove_oid *id)
    {
        std::size_t size = 0;

        of(lane).find_fn(hash, [&](peer_object *object) { size = peer_size_if(object, id); });
        return size;
    }
    static bool insert(peer_lane *lane, std::uint64_t hash, peer_object *object)
    {
        return of(lane).insert(hash, object);
    }
    static peer_object *take(peer_lane *lane, std::uint64_t hash)
    {
        peer_object *object = nullptr;

        of(lane).erase_fn(hash, [&](peer_object *found) {
            object = found;
            return true;
        });
        return object;
    }
};

CXX_PEER(cuckoo, 30, PEER_GROWS | PEER_WRITERS, nullptr)
#include "bench/peer_loops.h"
CXX_PEER_DEFINE(cuckoo)
