/* What starting a program needs of glibc and Swift's own C library module leaves out because it wants
   _GNU_SOURCE. */
#ifndef KN_PROCESSES_SHIM_H
#define KN_PROCESSES_SHIM_H

#include <fcntl.h>
#include <spawn.h>

extern int pipe2(int ends[2], int flags);
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int first);

/* Both ends are closed in every program that is started, also by other threads at this very moment. */
static inline int kn_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

static inline int kn_close_from(posix_spawn_file_actions_t *actions, int first) {
    return posix_spawn_file_actions_addclosefrom_np(actions, first);
}

#endif
