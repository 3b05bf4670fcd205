/* Preloaded into the program: logs every sync to the file $SYNC_LOG, with what is there at that moment.
 *
 * A line has tab-separated fields: the call, the path, and the size of a file or the names in a folder, each name as
 * NAME:INODE. Calls for paths that contain $SYNC_FAILS fail like a broken disk. Calls for paths that contain
 * $SYNC_HANGS never return. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int logged(const char *call, int fd) {
    char link[64], path[4096];
    struct stat status;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0 || fstat(fd, &status) != 0) return 0;
    path[length] = 0;
    const char *fails = getenv("SYNC_FAILS"), *hangs = getenv("SYNC_HANGS");
    if (fails && strstr(path, fails)) {
        errno = EIO;
        return -1;
    }
    pthread_mutex_lock(&lock);
    FILE *log = fopen(getenv("SYNC_LOG"), "a");
    fprintf(log, "%s\t%s\t", call, path);
    if (S_ISDIR(status.st_mode)) {
        DIR *folder = fdopendir(openat(fd, ".", O_RDONLY | O_DIRECTORY));
        struct dirent *entry;
        while ((entry = readdir(folder)))
            if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
                fprintf(log, "%s:%lu ", entry->d_name, (unsigned long)entry->d_ino);
        closedir(folder);
    } else {
        fprintf(log, "%ld", (long)status.st_size);
    }
    fprintf(log, "\n");
    fclose(log);
    pthread_mutex_unlock(&lock);
    while (hangs && strstr(path, hangs)) pause();
    return 0;
}

static int run(const char *call, int fd) {
    int (*real)(int) = dlsym(RTLD_NEXT, call);
    return logged(call, fd) == 0 ? real(fd) : -1;
}

int fsync(int fd) { return run("fsync", fd); }

int fdatasync(int fd) { return run("fdatasync", fd); }
