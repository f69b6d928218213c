// SPDX-License-Identifier: MIT
/*
 * cxx_peer.h - what the peers in C++ share: they map the keyed hash, 64 bits, to the object, whose id is compared then.
 *
 * That is their smallest and fastest form: 16 bytes an entry, and nothing is hashed twice. Objects with the same 64 bits of
 * hash would not be told apart.
 *
 * A peer derives a struct from cxx_peer and defines in it what differs, then says CXX_PEER(). Those whose lookups read the
 * object under a lock free what they remove at once. For the others it is freed when the measurement is over, after the time
 * was taken, so that reclamation costs them nothing.
 */
#ifndef TROVE_BENCH_CXX_PEER_H
#define TROVE_BENCH_CXX_PEER_H

#include <functional>

#include "bench/peers.h"

/* It is a hash already. */
struct as_it_is {
    using is_avalanching = void; /* for boost: do not mix it again */
    std::size_t operator()(std::uint64_t key) const
    {
        return key;
    }
};

/* What most have in common. */
struct cxx_peer {
    static constexpr bool frees_at_once = true;
    static void section_begin(peer_lane *)
    {
    }
    static void section_end(peer_lane *)
    {
    }
    static void enter(peer_lane *)
    {
    }
    static void leave(peer_lane *lane)
    {
        peer_leave_freeing(lane);
    }
};

/* PEER is the derived struct: open(objects), find(lane, hash, id) which returns the size or 0, insert(lane, hash, object)
 * which returns whether it was new, and take(lane, hash) which returns what it removed, or nullptr. */
template <class PEER> void cxx_add(peer_lane *lane, std::uint64_t n)
{
    peer_object *object = peer_object_new(n);

    if (!PEER::insert(lane, peer_hash(object->id), object))
        peer_die(PEER::name, "it was there already");
}

template <class PEER> void cxx_replace(peer_lane *lane, std::uint64_t old, std::uint64_t n)
{
    const trove_oid id = bench_id(old);
    peer_object *object = PEER::take(lane, peer_hash(id.bytes));

    if (object == nullptr)
        peer_die(PEER::name, "it was not there");
    if (PEER::frees_at_once)
        free(object);
    else
        peer_garbage_add(&lane->garbage, object);
    cxx_add<PEER>(lane, n);
}

/* BATCH: a function, or nullptr. */
#define CXX_PEER(PEER, RANK, TRAITS, BATCH)                                                        \
    static inline std::size_t find_size(peer_lane *lane, const trove_oid *id)                      \
    {                                                                                              \
        return PEER::find(lane, peer_hash(id->bytes), id);                                         \
    }                                                                                              \
    static inline void section_begin(peer_lane *lane)                                              \
    {                                                                                              \
        PEER::section_begin(lane);                                                                 \
    }                                                                                              \
    static inline void section_end(peer_lane *lane)                                                \
    {                                                                                              \
        PEER::section_end(lane);                                                                   \
    }                                                                                              \
    static void replace_one(peer_lane *lane, std::uint64_t old, std::uint64_t n)                   \
    {                                                                                              \
        cxx_replace<PEER>(lane, old, n);                                                           \
    }                                                                                              \
    extern struct peer PEER##_peer;                                                                \
    PEER_REGISTER(PEER##_peer)                                                                     \
    static constexpr unsigned PEER##_traits =                                                      \
        (TRAITS) | (PEER::frees_at_once ? unsigned(PEER_RECLAIMS) : 0u);                           \
    static constexpr int PEER##_rank = RANK;                                                       \
    static constexpr decltype(peer::batch) PEER##_batch = BATCH;

/* After peer_loops.h was included. */
#define CXX_PEER_DEFINE(PEER)                                                                      \
    struct peer PEER##_peer = {                                                                    \
        PEER::name,  PEER##_traits, PEER##_rank,   nullptr,       PEER::open,                      \
        PEER::enter, PEER::leave,   cxx_add<PEER>, replace_one,   nullptr,                         \
        nullptr,     nullptr,       nullptr,       loop_sections, loop_calls,                      \
        loop_chain,  PEER##_batch,  loop_mix,      nullptr};

#endif
