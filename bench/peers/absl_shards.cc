// SPDX-License-Identifier: MIT
/*
 * absl_shards.cc - absl's flat_hash_map in 64 shards, each behind a mutex of its own.
 *
 * Configuration  presized for the objects; the shard from the hash's upper bits, which absl uses least; each shard begins a line.
 *                Objects are read under the mutex, so what is removed is freed at once.
 */
#include <absl/container/flat_hash_map.h>
#include <mutex>

#include "bench/peers/cxx_peer.h"

struct absl_shards : cxx_peer {
    static constexpr std::size_t shard_count = 64;
    struct alignas(64) shard {
        std::mutex lock;
        absl::flat_hash_map<std::uint64_t, peer_object *, as_it_is> map;
    };
    static constexpr const char *name = "absl 64 shards";

    static void *open(std::size_t objects)
    {
        shard *shards = new shard[shard_count];

        for (std::size_t i = 0; i < shard_count; i++)
            shards[i].map.reserve(objects / shard_count + objects / shard_count / 8);
        return shards;
    }
    static shard &of(peer_lane *lane, std::uint64_t hash)
    {
        return static_cast<shard *>(lane->table)[hash >> 58];
    }
    static std::size_t find(peer_lane *lane, std::uint64_t hash, const trove_oid *id)
    {
        shard &its = of(lane, hash);
        std::lock_guard<std::mutex> held(its.lock);
        auto found = its.map.find(hash);

        return found != its.map.end() ? peer_size_if(found->second, id) : 0;
    }
    static bool insert(peer_lane *lane, std::uint64_t hash, peer_object *object)
    {
        shard &its = of(lane, hash);
        std::lock_guard<std::mutex> held(its.lock);

        return its.map.try_emplace(hash, object).second;
    }
    static peer_object *take(peer_lane *lane, std::uint64_t hash)
    {
        shard &its = of(lane, hash);
        std::lock_guard<std::mutex> held(its.lock);
        auto found = its.map.find(hash);
        peer_object *object = nullptr;

        if (found != its.map.end()) {
            object = found->second;
            its.map.erase(found);
        }
        return object;
    }
};

CXX_PEER(absl_shards, 41, PEER_GROWS | PEER_WRITERS, nullptr)
#include "bench/peer_loops.h"
CXX_PEER_DEFINE(absl_shards)
