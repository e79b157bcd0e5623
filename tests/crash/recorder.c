/* Preloaded into a process, records what it writes to one file, so that a loss of power can be simulated.
 *
 * RECORDED_FILE names the file, RECORD_LOG the log, RECORD_MARKS a file whose writes are recorded as marks.
 * A record is: kind (1 byte: 'w' write, 'd' write that is durable when it returns, 's' sync, 't' truncate, 'm' mark),
 * offset and length (8 bytes each, native order), then the bytes written.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static ssize_t (*real_write)(int, const void *, size_t);

static int is_file(int fd, const char *variable) {
    char link[64], path[PATH_MAX];
    const char *wanted = getenv(variable);
    if (!wanted) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strcmp(path, wanted) == 0;
}

static void record(char kind, int64_t offset, const struct iovec *parts, int count) {
    static int log = -1;
    int64_t head[2] = {offset, 0};
    if (!real_write) real_write = dlsym(RTLD_NEXT, "write");
    for (int i = 0; i < count; i++) head[1] += parts[i].iov_len;
    pthread_mutex_lock(&lock);
    if (log < 0) log = open(getenv("RECORD_LOG"), O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (real_write(log, &kind, 1) != 1 || real_write(log, head, sizeof head) != sizeof head) abort();
    for (int i = 0; i < count; i++)
        if (real_write(log, parts[i].iov_base, parts[i].iov_len) != (ssize_t)parts[i].iov_len) abort();
    pthread_mutex_unlock(&lock);
}

static void record_write(int fd, int64_t offset, const struct iovec *parts, int count) {
    if (is_file(fd, "RECORDED_FILE")) record(fcntl(fd, F_GETFL) & O_DSYNC ? 'd' : 'w', offset, parts, count);
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
    REAL(pwrite);
    ssize_t done = real(fd, data, size, offset);
    struct iovec part = {(void *)data, done > 0 ? done : 0};
    if (done > 0) record_write(fd, offset, &part, 1);
    return done;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    REAL(pwrite64);
    ssize_t done = real(fd, data, size, offset);
    struct iovec part = {(void *)data, done > 0 ? done : 0};
    if (done > 0) record_write(fd, offset, &part, 1);
    return done;
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    REAL(pwritev);
    ssize_t done = real(fd, parts, count, offset);
    if (done > 0) record_write(fd, offset, parts, count);
    return done;
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
    REAL(pwritev64);
    ssize_t done = real(fd, parts, count, offset);
    if (done > 0) record_write(fd, offset, parts, count);
    return done;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    off_t offset = lseek(fd, 0, SEEK_CUR);
    ssize_t done = real(fd, parts, count);
    if (done > 0) record_write(fd, offset, parts, count);
    return done;
}

ssize_t write(int fd, const void *data, size_t size) {
    REAL(write);
    off_t offset = lseek(fd, 0, SEEK_CUR);
    ssize_t done = real(fd, data, size);
    struct iovec part = {(void *)data, done > 0 ? done : 0};
    if (done > 0 && is_file(fd, "RECORD_MARKS")) record('m', 0, &part, 1);
    else if (done > 0) record_write(fd, offset, &part, 1);
    return done;
}

int fdatasync(int fd) {
    REAL(fdatasync);
    int done = real(fd);
    if (done == 0 && is_file(fd, "RECORDED_FILE")) record('s', 0, NULL, 0);
    return done;
}

int fsync(int fd) {
    REAL(fsync);
    int done = real(fd);
    if (done == 0 && is_file(fd, "RECORDED_FILE")) record('s', 0, NULL, 0);
    return done;
}

int ftruncate(int fd, off_t size) {
    REAL(ftruncate);
    int done = real(fd, size);
    if (done == 0 && is_file(fd, "RECORDED_FILE")) record('t', size, NULL, 0);
    return done;
}
