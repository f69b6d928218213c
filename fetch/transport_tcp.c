#include "transport.h"
#include <errno.h>
int trove__tcp_open(const struct trove__connect *connect, struct trove__io *io,
                    struct trove__transport **ret, struct trove_error *err)
{
    (void)connect, (void)io, (void)ret;
    return trove_error_set(err, -ENOTSUP, "git:// is not there yet");
}
