// SPDX-License-Identifier: MIT
/*
 * tracer.c - see tracer.h. The library's text and names; the subject's start; a victim step by step.
 */
#include "tracer.h"
#include "support.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIBRARY "libtrove-core"

static void must(bool good, const char *what)
{
    if (!good)
        fail_msg("%s: %s", what, strerror(errno));
}

/* --- the library's text and names --------------------------------------------------------------------------------- */

/* The functions of the image, relative to the segment that holds the text. */
static void read_functions(struct subject *subject)
{
    const Elf64_Ehdr *header = subject->image;
    const Elf64_Phdr *segments = (const void *)((char *)subject->image + header->e_phoff);
    const Elf64_Shdr *sections = (const void *)((char *)subject->image + header->e_shoff);
    const Elf64_Shdr *table = NULL;
    uint64_t text = 0;

    for (unsigned i = 0; i < header->e_phnum; i++)
        if (segments[i].p_type == PT_LOAD && (segments[i].p_flags & PF_X) != 0)
            text = segments[i].p_vaddr & ~(uint64_t)4095;
    for (unsigned i = 0; i < header->e_shnum; i++)
        if (sections[i].sh_type == SHT_SYMTAB)
            table = &sections[i];
    must(table != NULL, "the library was stripped of its symbols");
    subject->functions = calloc(table->sh_size / sizeof(Elf64_Sym), sizeof(*subject->functions));
    for (size_t i = 0; i < table->sh_size / sizeof(Elf64_Sym); i++) {
        const char *names = (char *)subject->image + sections[table->sh_link].sh_offset;
        const Elf64_Sym *symbol =
            (const Elf64_Sym *)((char *)subject->image + table->sh_offset) + i;

        if (ELF64_ST_TYPE(symbol->st_info) != STT_FUNC || symbol->st_size == 0)
            continue;
        subject->functions[subject->function_count++] =
            (struct function){symbol->st_value - text, symbol->st_value - text + symbol->st_size,
                              names + symbol->st_name};
    }
}

static void map_image(struct subject *subject, const char *path)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    must(fd >= 0 && fstat(fd, &info) == 0, path);
    subject->image_bytes = (size_t)info.st_size;
    subject->image = mmap(NULL, subject->image_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    must(subject->image != MAP_FAILED, path);
    close(fd);
    read_functions(subject);
}

static void add_text(struct subject *subject, uint64_t begin, uint64_t end, const char *file)
{
    struct text *text = &subject->texts[subject->text_count];
    const char *slash = strrchr(file, '/');

    if (subject->text_count == TEXTS_MAX)
        return;
    text->begin = begin;
    text->end = end;
    snprintf(text->name, sizeof(text->name), "%.60s", slash != NULL ? slash + 1 : file);
    subject->text_count++;
}

static void find_texts(struct subject *subject)
{
    char path[64], line[512], file[400];
    FILE *maps;

    snprintf(path, sizeof(path), "/proc/%d/maps", subject->pid);
    maps = fopen(path, "re");
    must(maps != NULL, path);
    while (fgets(line, sizeof(line), maps) != NULL) {
        unsigned long begin, end;

        if (sscanf(line, "%lx-%lx r-xp %*s %*s %*s %399s", &begin, &end, file) != 3)
            continue;
        add_text(subject, begin, end, file);
        if (strstr(file, LIBRARY) == NULL)
            continue;
        subject->text_begin = begin;
        subject->text_end = end;
        map_image(subject, file);
    }
    fclose(maps);
    must(subject->text_begin != 0, "the subject has not loaded " LIBRARY);
}

struct text *subject_text_at(struct subject *subject, uint64_t at)
{
    for (unsigned i = 0; i < subject->text_count; i++)
        if (at >= subject->texts[i].begin && at < subject->texts[i].end)
            return &subject->texts[i];
    return NULL;
}

const struct function *subject_function_at(const struct subject *subject, uint64_t at)
{
    uint64_t offset = at - subject->text_begin;

    for (size_t i = 0; i < subject->function_count; i++)
        if (offset >= subject->functions[i].begin && offset < subject->functions[i].end)
            return &subject->functions[i];
    return NULL;
}

/* Is SYMBOL what the compiler has made of NAME? It may add a suffix, but .cold is only what is hardly ever executed. */
static bool is_of(const char *symbol, const char *name)
{
    size_t length = strlen(name);

    return strncmp(symbol, name, length) == 0 &&
           (symbol[length] == '\0' || symbol[length] == '.') && strstr(symbol, ".cold") == NULL;
}

const struct function *subject_function_named(const struct subject *subject, const char *name)
{
    for (size_t i = 0; i < subject->function_count; i++)
        if (is_of(subject->functions[i].name, name))
            return &subject->functions[i];
    return NULL;
}

/* --- the subject -------------------------------------------------------------------------------------------------- */

struct room *room_create(int *ret_fd)
{
    int fd = memfd_create("room", MFD_CLOEXEC);
    struct room *room;

    must(fd >= 0 && ftruncate(fd, sizeof(*room)) == 0, "shared memory");
    room = mmap(NULL, sizeof(*room), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    must(room != MAP_FAILED, "shared memory");
    *ret_fd = fd;
    return room;
}

static void run_program(const char *program, int fd)
{
    char path[1024];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    char *slash;

    if (length <= 0)
        _exit(127);
    path[length] = '\0';
    slash = strrchr(path, '/');
    snprintf(slash + 1, sizeof(path) - (size_t)(slash + 1 - path), "%s", program);
    if (fd == ROOM_FD)
        fcntl(fd, F_SETFD, 0);
    else
        dup2(fd, ROOM_FD);
    execl(path, path, (char *)NULL);
    _exit(127);
}

static void wait_until_ready(struct subject *subject, unsigned threads)
{
    struct timespec second = {.tv_sec = 1};
    unsigned seen;

    while ((seen = atomic_load(&subject->room->ready)) < threads) {
        syscall(SYS_futex, &subject->room->ready, FUTEX_WAIT, seen, &second, NULL, 0);
        must(waitpid(subject->pid, NULL, WNOHANG) == 0, "the subject has ended early");
    }
}

void subject_start(struct subject *subject, const char *program, struct room *room, int fd,
                   struct victim *ret_actor)
{
    memset(subject, 0, sizeof(*subject));
    subject->room = room;
    subject->fd = fd;
    subject->pid = fork();
    if (subject->pid == 0)
        run_program(program, fd);
    must(subject->pid > 0, "fork");
    wait_until_ready(subject, 1 + ROOM_OTHERS + room->waiter);
    find_texts(subject);
    victim_hold(ret_actor, room->actor);
    atomic_store(&room->attached, 1);
    syscall(SYS_futex, &room->attached, FUTEX_WAKE, 1, NULL, NULL, 0);
    if (victim_run(ret_actor) != STOP_GATE)
        fail_msg("the actor does not come to its gate");
}

void subject_kill(struct subject *subject)
{
    kill(subject->pid, SIGKILL);
    while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR)
        ; /* threads that are held have ends of their own */
    munmap(subject->image, subject->image_bytes);
    free(subject->functions);
    munmap(subject->room, sizeof(*subject->room));
    close(subject->fd);
    subject->pid = 0;
}

/* --- a victim ----------------------------------------------------------------------------------------------------- */

static void read_place(struct victim *victim)
{
    errno = 0;
    victim->at = (uint64_t)ptrace(PTRACE_PEEKUSER, victim->tid,
                                  offsetof(struct user_regs_struct, rip), NULL);
    must(errno == 0, "reading a thread's registers");
}

void victim_hold(struct victim *victim, pid_t tid)
{
    int status;

    memset(victim, 0, sizeof(*victim));
    victim->tid = tid;
    if (ptrace(PTRACE_SEIZE, tid, NULL, PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE) < 0)
        fail_msg("ptrace is not allowed here (%s), so this test cannot say anything: allow it (a "
                 "container: --cap-add=SYS_PTRACE, or a seccomp profile that lets it pass)",
                 strerror(errno));
    must(ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) == 0, "stopping a thread");
    must(waitpid(tid, &status, __WALL) == tid && WIFSTOPPED(status), "stopping a thread");
    read_place(victim);
}

void victim_let_go(struct victim *victim)
{
    must(ptrace(PTRACE_DETACH, victim->tid, NULL, NULL) == 0, "letting a thread go");
}

/* What the stop that STATUS tells of means; a signal that is not the tracer's ends the test. */
static enum stop understand(struct victim *victim, int status)
{
    unsigned long message = 0;

    if (!WIFSTOPPED(status))
        return STOP_ENDED;
    if (status >> 16 == PTRACE_EVENT_CLONE) {
        ptrace(PTRACE_GETEVENTMSG, victim->tid, NULL, &message);
        victim->child = (pid_t)message;
        must(waitpid(victim->child, &status, __WALL) == victim->child, "a thread's birth");
        read_place(victim);
        return STOP_BIRTH;
    }
    read_place(victim);
    if (status >> 16 != 0)
        return STOP_STEP;
    if (WSTOPSIG(status) != SIGTRAP)
        fail_msg("the subject got signal %d at %#lx", WSTOPSIG(status), victim->at);
    return STOP_STEP;
}

/* Somebody stops the whole process, from a terminal or a script, or lets it go on: no business of the thread's, and not given
 * to it. */
static bool is_job_control(int status)
{
    if (!WIFSTOPPED(status))
        return false;
    if (status >> 16 == PTRACE_EVENT_STOP)
        return true;
    switch (status >> 16 == 0 ? WSTOPSIG(status) : 0) {
    case SIGSTOP:
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
    case SIGCONT:
        return true;
    default:
        return false;
    }
}

static enum stop resume(struct victim *victim, int how)
{
    int status;

    do {
        must(ptrace(how, victim->tid, NULL, NULL) == 0, "resuming a thread");
        must(waitpid(victim->tid, &status, __WALL) == victim->tid, "waiting for a thread");
    } while (is_job_control(status));
    return understand(victim, status);
}

enum stop victim_step(struct victim *victim)
{
    enum stop stop = resume(victim, PTRACE_SINGLESTEP);

    return stop == STOP_STEP && victim->at == victim->gate ? STOP_GATE : stop;
}

enum stop victim_run(struct victim *victim)
{
    enum stop stop = resume(victim, PTRACE_CONT);

    if (stop != STOP_STEP)
        return stop;
    if (victim->gate == 0)
        victim->gate = victim->at; /* the first trap there is */
    return victim->at == victim->gate ? STOP_GATE : STOP_STEP;
}

static void set_debug_register(struct victim *victim, unsigned n, uint64_t value)
{
    must(ptrace(PTRACE_POKEUSER, victim->tid,
                offsetof(struct user, u_debugreg) + n * sizeof(uint64_t), value) == 0,
         "setting a debug register");
}

enum stop victim_run_to(struct victim *victim, uint64_t address)
{
    enum stop stop;

    set_debug_register(victim, 0, address);
    set_debug_register(victim, 7, 1);
    stop = resume(victim, PTRACE_CONT);
    set_debug_register(victim, 7, 0);
    return stop == STOP_STEP && victim->at == victim->gate ? STOP_GATE : stop;
}

void victim_set_off_to(struct victim *victim, uint64_t address)
{
    set_debug_register(victim, 0, address);
    set_debug_register(victim, 7, 1);
    must(ptrace(PTRACE_CONT, victim->tid, NULL, NULL) == 0, "resuming a thread");
}

bool victim_has_stopped(struct victim *victim, enum stop *ret_stop)
{
    int status;
    pid_t stopped = waitpid(victim->tid, &status, __WALL | WNOHANG);

    must(stopped >= 0, "looking at a thread");
    if (stopped == 0)
        return false;
    *ret_stop = understand(victim, status);
    set_debug_register(victim, 7, 0);
    return true;
}

bool victim_is_at_syscall(const struct victim *victim)
{
    errno = 0;
    return ((unsigned long)ptrace(PTRACE_PEEKTEXT, victim->tid, victim->at, NULL) & 0xffff) ==
               0x050f &&
           errno == 0;
}

bool victim_is_about_to_sleep(const struct victim *victim)
{
    struct user_regs_struct registers;

    if (!victim_is_at_syscall(victim) || ptrace(PTRACE_GETREGS, victim->tid, NULL, &registers) < 0)
        return false;
    return registers.rax == SYS_futex && (registers.rsi & FUTEX_CMD_MASK) != FUTEX_WAKE;
}
