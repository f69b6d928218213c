// SPDX-License-Identifier: MIT
/*
 * boost_flat.cc - boost's concurrent_flat_map (1.83 or later).
 *
 * Configuration  presized for the objects; it is told that the keys are hashes. Objects are read while their group is held for
 *                reading (cvisit), so what is removed is freed at once. From 1.86 on there is bulk visiting, used for batches; it
 *                does not say which key it found, so there the ids are not compared: less work than everybody else has.
 */
#include <boost/unordered/concurrent_flat_map.hpp>
#include <boost/version.hpp>

#include "bench/peers/cxx_peer.h"

struct boost_flat : cxx_peer {
    using map = boost::concurrent_flat_map<std::uint64_t, peer_object *, as_it_is>;
    static constexpr const char *name = "boost";

    static void *open(std::size_t objects)
    {
        return new map(objects);
    }
    static map &of(peer_lane *lane)
    {
        return *static_cast<map *>(lane->table);
    }
    static std::size_t find(peer_lane *lane, std::uint64_t hash, const trove_oid *id)
    {
        std::size_t size = 0;

        of(lane).cvisit(hash, [&](const auto &entry) { size = peer_size_if(entry.second, id); });
        return size;
    }
    static bool insert(peer_lane *lane, std::uint64_t hash, peer_object *object)
    {
        return of(lane).emplace(hash, object);
    }
    static peer_object *take(peer_lane *lane, std::uint64_t hash)
    {
        peer_object *object = nullptr;

        of(lane).erase_if(hash, [&](const auto &entry) {
            object = entry.second;
            return true;
        });
        return object;
    }
};

#if BOOST_VERSION >= 108600
static std::uint64_t bulk(peer_lane *lane, const trove_oid *ids, std::size_t count, unsigned width)
{
    boost_flat::map &map = boost_flat::of(lane);
    std::uint64_t keys[PEER_SECTION], sum = 0;

    for (std::size_t i = 0; i < count; i += width) {
        for (unsigned j = 0; j < width; j++)
            keys[j] = peer_hash(ids[i + j].bytes);
        map.cvisit(keys, keys + width, [&](const auto &entry) { sum += entry.second->size; });
    }
    return sum;
}
#else
static constexpr decltype(peer::batch) bulk = nullptr;
#endif

CXX_PEER(boost_flat, 52, PEER_GROWS | PEER_WRITERS | PEER_LARGE, bulk)
#include "bench/peer_loops.h"
CXX_PEER_DEFINE(boost_flat)
