// SPDX-License-Identifier: MIT
/*
 * temp_file.c - temporary files without a name.
 */
#include "fetch/temp_file.h"
#include "fetch/forking.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *directory(void)
{
    const char *named = secure_getenv("TMPDIR");

    return named != NULL && named[0] == '/' ? named : "/tmp";
}

static int open_and_unlink(const char *folder)
{
    char path[4096];
    int fd;

    if ((size_t)snprintf(path, sizeof(path), "%s/trove-XXXXXX", folder) >= sizeof(path))
        return -ENAMETOOLONG;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    unlink(path);
    return fd;
}

int trove__temp_file_open(int *ret_fd, struct trove_error *err)
{
    const char *folder = directory();
    int fd = open(folder, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0)
        fd = errno == EMFILE || errno == ENFILE ? -errno : open_and_unlink(folder);
    if (fd < 0)
        return trove_error_set(
            err, fd, "cannot make a temporary file in %s: %s (TMPDIR names another folder)", folder,
            trove_strerror(fd));
    *ret_fd = trove__fd_own(fd);
    return 0;
}

void trove__temp_file_close(int *fd)
{
    trove__fd_close(fd);
}

static int failed(int code, const char *what, struct trove_error *err)
{
    return trove_error_set(err, code, "cannot %s the temporary file in %s: %s%s", what, directory(),
                           trove_strerror(code),
                           code == -ENOSPC ? " (TMPDIR names another folder)" : "");
}

int trove__temp_file_write(int fd, uint64_t offset, const void *bytes, size_t size,
                           struct trove_error *err)
{
    while (size > 0) {
        ssize_t n = pwrite(fd, bytes, size, (off_t)offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return failed(n < 0 ? -errno : -ENOSPC, "write to", err);
        bytes = (const char *)bytes + n;
        size -= (size_t)n;
        offset += (uint64_t)n;
    }
    return 0;
}

int trove__temp_file_read(int fd, uint64_t offset, void *bytes, size_t size,
                          struct trove_error *err)
{
    while (size > 0) {
        ssize_t n = pread(fd, bytes, size, (off_t)offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return failed(n < 0 ? -errno : -EIO, "read", err);
        bytes = (char *)bytes + n;
        size -= (size_t)n;
        offset += (uint64_t)n;
    }
    return 0;
}

int trove__temp_file_extend(int fd, uint64_t size, struct trove_error *err)
{
    int r;

    do {
        r = posix_fallocate(fd, 0, (off_t)size);
    } while (r == EINTR);
    return r == 0 ? 0 : failed(-r, "extend", err);
}
