// SPDX-License-Identifier: MIT
/*
 * parlay_map.cc - parlayhash's parlay_unordered_map.
 *
 * Configuration  presized for twice the objects (what its authors call parlay_hash_2x, the faster one); entries in the buckets.
 * Reclamation    its own for its buckets; of objects none.
 */
#include <parlay_hash/unordered_map.h>

#include "bench/peers/cxx_peer.h"

struct parlay_map : cxx_peer {
    using map = parlay::parlay_unordered_map<std::uint64_t, peer_object *, as_it_is>;
    static constexpr const char *name = "parlayhash";
    static constexpr bool frees_at_once = false;

    static void *open(std::size_t objects)
    {
        return new map(objects > 0 ? long(objects * 2) : 64);
    }
    static map &of(peer_lane *lane)
    {
        return *static_cast<map *>(lane->table);
    }
    static std::size_t find(peer_lane *lane, std::uint64_t hash, const trove_oid *id)
    {
        auto size =
            of(lane).Find(hash, [&](const auto &entry) { return peer_size_if(entry.second, id); });

        return size.has_value() ? *size : 0;
    }
    static bool insert(peer_lane *lane, std::uint64_t hash, peer_object *object)
    {
        return !of(lane).Insert(hash, object).has_value();
    }
    static peer_object *take(peer_lane *lane, std::uint64_t hash)
    {
        auto removed = of(lane).Remove(hash);

        return removed.has_value() ? *removed : nullptr;
    }
};

CXX_PEER(parlay_map, 53, PEER_GROWS | PEER_WRITERS, nullptr)
#include "bench/peer_loops.h"
CXX_PEER_DEFINE(parlay_map)
