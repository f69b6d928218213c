#!/bin/bash
# SPDX-License-Identifier: MIT
# install_test.sh BUILD ROOT - what somebody else gets: installs into an empty folder and looks at it from outside.
set -euo pipefail
build=$1 root=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

DESTDIR=$work cmake --install "$build" --prefix /usr/local >/dev/null
prefix=$work/usr/local
[ -x "$prefix/bin/trove" ] || fail "no program"
[ -f "$prefix/share/man/man1/trove.1" ] && [ -f "$prefix/share/man/man3/libtrove.3" ] || fail "no manual pages"
# The same straight into a folder: not a byte differs, so nothing installed knows where it was put.
cmake --install "$build" --prefix "$work/straight" >/dev/null
diff -r "$prefix" "$work/straight" >&2 || fail "what is installed depends on the prefix"
grep -rl "$work\|$root" "$prefix/lib/pkgconfig" "$prefix/include" && fail "a path of this machine is installed"
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig LD_LIBRARY_PATH=$prefix/lib

# --- the headers stand alone, in C and in C++
for header in "$prefix"/include/trove/*.h; do
    echo "#include <trove/$(basename "$header")>" | gcc -std=c11 -Wall -Wextra -pedantic -Werror -fsyntax-only \
        -I"$prefix/include" -x c - || fail "$header as C11"
    echo "#include <trove/$(basename "$header")>" | g++ -std=c++11 -Wall -Wextra -Werror -fsyntax-only \
        -I"$prefix/include" -x c++ - || fail "$header as C++"
done

# --- the shared libraries export what the headers declare, and depend on what they may
gcc -E -I"$prefix/include" -include trove/trove.h -x c /dev/null | tr '\n' ' ' |
    grep -oE 'visibility\("default"\)[^;]*' | grep -oE '\btrove_[a-z0-9_]+ *\(' | tr -d ' (' | sort -u >"$work/declared"
[ "$(wc -l <"$work/declared")" -gt 40 ] || fail "found too few declarations"
exports() { nm -D --defined-only "$1" | awk '{print $3}' | sort -u; }
needed() { readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'; }
exports "$prefix/lib/libtrove.so" >"$work/exported"
diff "$work/declared" "$work/exported" >&2 || fail "libtrove.so does not export exactly what the headers declare"
exports "$prefix/lib/libtrove-core.so" | comm -13 "$work/declared" - | grep . && fail "libtrove-core.so exports more"
for library in libtrove libtrove-core; do
    file=$prefix/lib/$library.so
    readelf -d "$file" | grep -q "SONAME.*\[$library.so.0\]" || fail "$library: SONAME"
    readelf -d "$file" | grep -q NODELETE || fail "$library: nodelete"
    readelf -d "$file" | grep -q BIND_NOW || fail "$library: now"
    readelf -lW "$file" | grep -q GNU_RELRO || fail "$library: relro"
    ldd -r "$file" 2>&1 | grep -E 'undefined|not found' && fail "$library: loose ends"
    ldd "$file" | grep jemalloc && fail "$library links jemalloc"
done
for library in libtrove libtrove-core; do
    nm --defined-only --extern-only "$prefix/lib/$library.a" 2>/dev/null | awk 'NF == 3 {print $3}' | sort -u >"$work/static"
    [ "$(wc -l <"$work/static")" -gt 40 ] || fail "$library.a: found too few names"
    comm -12 "$work/declared" "$work/static" | grep -q . || fail "$library.a has no public name"
    comm -13 "$work/declared" "$work/static" | grep -vE '^(trove__|_[.]stapsdt[.]base$)' && fail "$library.a has names that are neither public nor trove__"
done
needed "$prefix/lib/libtrove-core.so" | grep -vE '^(liburcu-(bp|common)\.so\.|libc\.so\.6|ld-linux)' &&
    fail "libtrove-core.so needs more than liburcu-bp and the C library"
tls=$(($(readelf -lW "$prefix/lib/libtrove.so" | awk '$1 == "TLS" {print $6}') + 0))
[ "$tls" -le 64 ] || fail "libtrove.so has $tls bytes of thread-local storage"

# --- programs from outside
repository=$work/repository
git init -q "$repository"
printf 'hello from far away\n' >"$repository/greeting"
git -C "$repository" add greeting
git -C "$repository" -c user.name=x -c user.email=x@example.com commit -q -m x
sed -n '/^```c$/,/^```$/p' "$root/README.md" | sed '/^```/d' >"$work/example.c"
[ "$(wc -l <"$work/example.c")" -ge 20 ] || fail "no example in README.md"
flags="-O2 -Wall -Wextra -Werror"

gcc $flags "$work/example.c" -o "$work/shared" $(pkg-config --cflags --libs trove)
gcc $flags "$root/tests/install/core_program.c" -o "$work/core-shared" $(pkg-config --cflags --libs trove-core)
# Where only the static libraries are, the linker takes these.
mkdir "$work/only-static"
cp -r "$prefix/include" "$prefix/lib" "$work/only-static/"
rm "$work"/only-static/lib/*.so*
static() { PKG_CONFIG_PATH=$work/only-static/lib/pkgconfig pkg-config --static --cflags --libs "$1"; }
gcc $flags "$work/example.c" -o "$work/static" $(static trove)
gcc $flags "$root/tests/install/core_program.c" -o "$work/core-static" $(static trove-core)
gcc $flags "$root/tests/install/dlopen_loop.c" -o "$work/dlopen-loop" -I"$prefix/include" -pthread -ldl
gcc $flags "$root/tests/install/urcu_host.c" -o "$work/urcu-host" -pthread $(pkg-config --cflags --libs trove-core liburcu-bp)
gcc $flags "$root/tests/install/dlopen_program.c" -o "$work/dlopen" -I"$prefix/include" -pthread -ldl

for way in shared static; do
    [ "$("$work/$way" "$repository" HEAD:greeting)" = "hello from far away" ] || fail "the README's example, $way"
    "$work/core-$way" || fail "libtrove-core, $way: $?"
done
needed "$work/static" | grep trove && fail "the static program needs a shared libtrove"
"$work/dlopen" "$prefix/lib/libtrove.so" "$repository" HEAD:greeting 'hello from far away
' || fail "dlopen and dlclose"
"$work/dlopen-loop" "$prefix/lib/libtrove-core.so" & # they wait for grace periods most of the time
"$work/dlopen-loop" "$prefix/lib/libtrove.so" || fail "libtrove loaded and unloaded many times"
wait $! || fail "libtrove-core loaded and unloaded many times"
for order in before after; do
    TROVE_NO_ATFORK=1 "$work/urcu-host" $order || fail "a host with handlers of liburcu-bp's, registered $order"
done
"$work/urcu-host" none || fail "a host that leaves its forks to trove"
[ "$(env -u LD_LIBRARY_PATH "$prefix/bin/trove" -C "$repository" grep -n hello)" = "HEAD:greeting:1:hello from far away" ] || fail "the program"
echo "installed: $(wc -l <"$work/exported") functions, $tls bytes of thread-local storage"
