// SPDX-License-Identifier: MIT
/*
 * absl_locked.cc - absl's flat_hash_map behind one lock for readers and writers.
 *
 * Configuration  presized for the objects. A read section is the lock, held for reading: what is removed is freed at once.
 */
#include <absl/container/flat_hash_map.h>
#include <mutex>
#include <shared_mutex>

#include "bench/peers/cxx_peer.h"

struct absl_locked : cxx_peer {
    struct table {
        std::shared_mutex lock;
        absl::flat_hash_map<std::uint64_t, peer_object *, as_it_is> map;
    };
    static constexpr const char *name = "absl locked";

    static void *open(std::size_t objects)
    {
        table *made = new table;

        made->map.reserve(objects);
        return made;
    }
    static table &of(peer_lane *lane)
    {
        return *static_cast<table *>(lane->table);
    }
    static void section_begin(peer_lane *lane)
    {
        of(lane).lock.lock_shared();
    }
    static void section_end(peer_lane *lane)
    {
        of(lane).lock.unlock_shared();
    }
    static std::size_t find(peer_lane *lane, std::uint64_t hash, const trove_oid *id)
    {
        auto found = of(lane).map.find(hash);

        return found != of(lane).map.end() ? peer_size_if(found->second, id) : 0;
    }
    static bool insert(peer_lane *lane, std::uint64_t hash, peer_object *object)
    {
        std::unique_lock<std::shared_mutex> held(of(lane).lock);

        return of(lane).map.try_emplace(hash, object).second;
    }
    static peer_object *take(peer_lane *lane, std::uint64_t hash)
    {
        std::unique_lock<std::shared_mutex> held(of(lane).lock);
        auto found = of(lane).map.find(hash);
        peer_object *object = nullptr;

        if (found != of(lane).map.end()) {
            object = found->second;
            of(lane).map.erase(found);
        }
        return object;
    }
};

CXX_PEER(absl_locked, 40, PEER_SECTIONS | PEER_GROWS | PEER_WRITERS, nullptr)
#include "bench/peer_loops.h"
CXX_PEER_DEFINE(absl_locked)
