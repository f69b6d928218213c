// SPDX-License-Identifier: MIT
/*
 * growt_table.cc - growt, the growing variant that marks what it migrates (uaGrow), with deletion.
 *
 * Configuration  presized for the objects; slots of 16 bytes (its simple ones, not the complex ones for large keys). Keys have 63
 *                bits, one is the mark. Each thread has a handle.
 * Reclamation    of tables only; of objects none, and a slot is never used again before the table is migrated.
 */
#include "allocator/alignedallocator.hpp"
#include "data-structures/hash_table_mods.hpp"
#include "data-structures/table_config.hpp"

#include "bench/peers/cxx_peer.h"

/* It takes the bucket from the upper bits: the mark's place must not be one of them. */
struct shifted {
    std::size_t operator()(std::uint64_t key) const
    {
        return key << 1;
    }
};

struct growt_table : cxx_peer {
    using map =
        growt::table_config<std::uint64_t, std::uint64_t, shifted, growt::AlignedAllocator<>,
                            hmod::growable, hmod::deletion>::table_type;
    using handle = map::handle_type;
    static constexpr const char *name = "growt";
    static constexpr bool frees_at_once = false;

    static void *open(std::size_t objects)
    {
        return new map(objects > 0 ? objects : 64);
    }
    static void enter(peer_lane *lane)
    {
        lane->own = new handle(*static_cast<map *>(lane->table));
    }
    static void leave(peer_lane *lane)
    {
        delete static_cast<handle *>(lane->own);
        peer_leave_freeing(lane);
    }
    static handle &of(peer_lane *lane)
    {
        return *static_cast<handle *>(lane->own);
    }
    static std::uint64_t key_of(std::uint64_t hash)
    {
        return hash & ~(std::uint64_t(1) << 63);
    }
    static peer_object *object_of(std::uint64_t word)
    {
        return reinterpret_cast<peer_object *>(word);
    }
    static std::size_t find(peer_lane *lane, std::uint64_t hash, const trove_oid *id)
    {
        auto found = of(lane).find(key_of(hash));

        return found != of(lane).end() ? peer_size_if(object_of((*found).second), id) : 0;
    }
    static bool insert(peer_lane *lane, std::uint64_t hash, peer_object *object)
    {
        return of(lane).insert(key_of(hash), reinterpret_cast<std::uint64_t>(object)).second;
    }
    static peer_object *take(peer_lane *lane, std::uint64_t hash)
    {
        for (int tries = 0; tries < 100; tries++) { /* it may be migrating */
            auto found = of(lane).find(key_of(hash));

            if (found == of(lane).end())
                break;
            peer_object *object = object_of((*found).second);
            if (of(lane).erase(key_of(hash)) == 1)
                return object;
        }
        return nullptr;
    }
};

CXX_PEER(growt_table, 50, PEER_GROWS | PEER_WRITERS, nullptr)
#include "bench/peer_loops.h"
CXX_PEER_DEFINE(growt_table)
