// SPDX-License-Identifier: MIT
/*
 * onetbb_map.cc - oneTBB's concurrent_hash_map.
 *
 * Configuration  presized for the objects; nodes come from the allocator that everybody uses; objects are read while the node's
 *                lock is held for reading (const_accessor), so what is removed is freed at once.
 */
#include <memory>
#include <oneapi/tbb/concurrent_hash_map.h>

#include "bench/peers/cxx_peer.h"

struct tbb_compare {
    std::size_t hash(std::uint64_t key) const
    {
        return key;
    }
    bool equal(std::uint64_t a, std::uint64_t b) const
    {
        return a == b;
    }
};

struct onetbb : cxx_peer {
    using map =
        tbb::concurrent_hash_map<std::uint64_t, peer_object *, tbb_compare,
                                 std::allocator<std::pair<const std::uint64_t, peer_object *>>>;
    static constexpr const char *name = "oneTBB";

    static void *open(std::size_t objects)
    {
        return objects > 0 ? new map(objects) : new map();
    }
    static map &of(peer_lane *lane)
    {
        return *static_cast<map *>(lane->table);
    }
    static std::size_t find(peer_lane *lane, std::uint64_t hash, const trove_oid *id)
    {
        map::const_accessor found;

        return of(lane).find(found, hash) ? peer_size_if(found->second, id) : 0;
    }
    static bool insert(peer_lane *lane, std::uint64_t hash, peer_object *object)
    {
        return of(lane).insert({hash, object});
    }
    static peer_object *take(peer_lane *lane, std::uint64_t hash)
    {
        map::accessor found;
        peer_object *object = nullptr;

        if (of(lane).find(found, hash)) {
            object = found->second;
            of(lane).erase(found);
        }
        return object;
    }
};

CXX_PEER(onetbb, 31, PEER_GROWS | PEER_WRITERS, nullptr)
#include "bench/peer_loops.h"
CXX_PEER_DEFINE(onetbb)
