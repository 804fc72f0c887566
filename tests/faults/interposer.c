/* Stands between a process and the file system, for the files of one folder.

   Loaded with LD_PRELOAD, it counts the calls of each kind, makes one of them (or all from one on)
   fail with an errno, and copies the folder before each call that changes something, as a process
   that is killed there would leave it. Python steers it through ctypes. Nothing happens before
   `watch` is called.

   A call for a file outside of the folder, or by a thread that copies, goes straight through. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { OPEN, WRITE, FSYNC, RENAME, UNLINK, FLOCK, CLOSE, KINDS };
static const char *NAMES[KINDS] = {"open", "write", "fsync", "rename", "unlink", "flock", "close"};

#define HANDLES 65536
#define FILES 4096

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER; /* one call at a time: copies are sharp */
static __thread int busy;

static char folder[PATH_MAX];
static size_t length;
static char *opened[HANDLES]; /* path of each open file of the folder */

static long counts[KINDS];
static int fail_kind = -1, fail_errno, fail_on;
static long fail_at;
static int half_done = -1; /* handle whose write was cut short, as where a disk becomes full */
static char hit[PATH_MAX];

static char copies[PATH_MAX];
static long copied;
static int power_cut;

/* What of each file is on the disk for certain: as much as it had at its last fsync. */
static struct { ino_t inode; off_t size; } kept[FILES];
static int keeps;

#define REAL(type, name, ...)                                                                      \
  static type (*real)(__VA_ARGS__);                                                                \
  if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

/* ---- which files ---- */

static int inside(const char *path) {
  return length && path && !strncmp(path, folder, length) &&
         (path[length] == '/' || path[length] == '\0');
}

static const char *path_at(int at, const char *path, char *room) {
  if (!path || path[0] == '/' || at < 0 || at >= HANDLES || !opened[at]) return path;
  snprintf(room, PATH_MAX, "%s/%s", opened[at], path);
  return room;
}

static const char *path_of(int handle) {
  return handle >= 0 && handle < HANDLES ? opened[handle] : NULL;
}

static void remember(int handle, const char *path) {
  if (handle < 0 || handle >= HANDLES) return;
  free(opened[handle]);
  opened[handle] = path ? strdup(path) : NULL;
}

/* ---- what is on the disk ---- */

static off_t *kept_size(ino_t inode) {
  for (int i = 0; i < keeps; i++)
    if (kept[i].inode == inode) return &kept[i].size;
  if (keeps == FILES) abort();
  kept[keeps].inode = inode;
  kept[keeps].size = 0;
  return &kept[keeps++].size;
}

static void keep_all_of(const char *path) {
  DIR *listed = opendir(path);
  struct dirent *entry;
  char name[PATH_MAX];
  struct stat found;
  if (!listed) return;
  while ((entry = readdir(listed))) {
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    if (snprintf(name, sizeof name, "%s/%s", path, entry->d_name) >= (int)sizeof name) abort();
    if (lstat(name, &found)) continue;
    if (S_ISDIR(found.st_mode)) keep_all_of(name);
    else *kept_size(found.st_ino) = found.st_size;
  }
  closedir(listed);
}

/* ---- copies ---- */

static void copy_file(const char *from, const char *to) {
  char room[65536];
  off_t most = sizeof room;
  struct stat found;
  int in = open(from, O_RDONLY);
  if (in < 0) return; /* gone meanwhile */
  int out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  if (out < 0 || fstat(in, &found)) abort();
  off_t left = power_cut ? *kept_size(found.st_ino) : found.st_size;
  ssize_t got;
  while (left > 0 && (got = read(in, room, left < most ? left : most)) > 0) {
    if (write(out, room, got) != got) abort();
    left -= got;
  }
  close(in);
  close(out);
}

static void copy_folder(const char *from, const char *to) {
  DIR *listed = opendir(from);
  struct dirent *entry;
  char old[PATH_MAX], new[PATH_MAX];
  struct stat found;
  if (mkdir(to, 0777)) abort();
  if (!listed) return; /* not made yet, or removed */
  while ((entry = readdir(listed))) {
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    if (snprintf(old, sizeof old, "%s/%s", from, entry->d_name) >= (int)sizeof old) abort();
    if (snprintf(new, sizeof new, "%s/%s", to, entry->d_name) >= (int)sizeof new) abort();
    if (lstat(old, &found)) continue;
    if (S_ISDIR(found.st_mode)) copy_folder(old, new);
    else copy_file(old, new);
  }
  closedir(listed);
}

static void copy_now(const char *call, const char *path, const char *moment) {
  char to[PATH_MAX];
  const char *name = strrchr(path, '/');
  if (!copies[0]) return;
  int size = snprintf(to, sizeof to, "%s/%05ld_%s_%s_%s", copies, copied++, moment, call,
                      name ? name + 1 : path);
  if (size >= (int)sizeof to) abort();
  int before = errno;
  copy_folder(folder, to);
  errno = before;
}

/* ---- around each call ---- */

static int enter(const char *path) {
  if (busy || !inside(path)) return 0;
  pthread_mutex_lock(&turn);
  busy = 1;
  return 1;
}

static void leave(void) {
  busy = 0;
  pthread_mutex_unlock(&turn);
}

/* Whether this call is one that fails; errno is set then. */
static int fails(int kind, const char *path) {
  long number = ++counts[kind];
  if (kind != fail_kind || number < fail_at || (number > fail_at && !fail_on)) return 0;
  if (!hit[0]) snprintf(hit, sizeof hit, "%s", path);
  errno = fail_errno;
  return 1;
}

static int opens(int at, const char *path, int flags, mode_t mode,
                 int (*real)(int, const char *, int, mode_t)) {
  char room[PATH_MAX];
  const char *whole = path_at(at, path, room);
  struct stat found;
  if (!enter(whole)) {
    int handle = real(at, path, flags, mode);
    if (handle >= 0 && !busy) remember(handle, NULL);
    return handle;
  }
  int there = !lstat(whole, &found);
  if ((flags & O_CREAT && !there) || flags & O_TRUNC) copy_now("open", whole, "before");
  int handle = -1;
  if (!fails(OPEN, whole)) {
    handle = real(at, path, flags, mode);
    if (handle >= 0) {
      remember(handle, whole);
      /* a file without a name (O_TMPFILE) is never copied */
      if (!fstat(handle, &found) && S_ISREG(found.st_mode) && (!there || flags & O_TRUNC))
        *kept_size(found.st_ino) = 0;
    }
  }
  leave();
  return handle;
}

static int real_openat(int at, const char *path, int flags, mode_t mode) {
  REAL(int, openat64, int, const char *, int, ...);
  return real(at, path, flags, mode);
}

#define MODE(flags)                                                                                \
  mode_t mode = 0;                                                                                 \
  if ((flags) & (O_CREAT | __O_TMPFILE)) {                                                         \
    va_list rest;                                                                                  \
    va_start(rest, flags);                                                                         \
    mode = va_arg(rest, mode_t);                                                                   \
    va_end(rest);                                                                                  \
  }

int open(const char *path, int flags, ...) {
  MODE(flags)
  return opens(AT_FDCWD, path, flags, mode, real_openat);
}

int open64(const char *path, int flags, ...) {
  MODE(flags)
  return opens(AT_FDCWD, path, flags, mode, real_openat);
}

int openat(int at, const char *path, int flags, ...) {
  MODE(flags)
  return opens(at, path, flags, mode, real_openat);
}

int openat64(int at, const char *path, int flags, ...) {
  MODE(flags)
  return opens(at, path, flags, mode, real_openat);
}

int __open_2(const char *path, int flags) {
  return opens(AT_FDCWD, path, flags, 0, real_openat);
}

int __open64_2(const char *path, int flags) {
  return opens(AT_FDCWD, path, flags, 0, real_openat);
}

ssize_t write(int handle, const void *data, size_t size) {
  REAL(ssize_t, write, int, const void *, size_t);
  const char *path = path_of(handle);
  if (!enter(path)) return real(handle, data, size);
  copy_now("write", path, "before");
  ssize_t done;
  if (half_done == handle) {
    half_done = -1;
    errno = fail_errno;
    done = -1;
  } else if (fails(WRITE, path)) {
    done = -1;
    if (fail_errno == ENOSPC && size > 1) { /* what still fits is written */
      half_done = handle;
      done = real(handle, data, size / 2);
    }
  } else if (copies[0] && size > 1) {
    done = real(handle, data, size / 2);
    if (done == (ssize_t)(size / 2)) {
      copy_now("write", path, "amid");
      ssize_t rest = real(handle, (const char *)data + done, size - done);
      if (rest > 0) done += rest;
    }
  } else {
    done = real(handle, data, size);
  }
  leave();
  return done;
}

static int cuts(int handle, off_t size, int (*real)(int, off_t)) {
  const char *path = path_of(handle);
  struct stat found;
  if (!enter(path)) return real(handle, size);
  copy_now("truncate", path, "before");
  int done = fails(WRITE, path) ? -1 : real(handle, size);
  if (!done && !fstat(handle, &found)) {
    off_t *known = kept_size(found.st_ino);
    if (size < *known) *known = size;
  }
  leave();
  return done;
}

int ftruncate(int handle, off_t size) {
  REAL(int, ftruncate, int, off_t);
  return cuts(handle, size, real);
}

int ftruncate64(int handle, off64_t size) {
  REAL(int, ftruncate64, int, off64_t);
  return cuts(handle, size, real);
}

int fsync(int handle) {
  REAL(int, fsync, int);
  const char *path = path_of(handle);
  struct stat found;
  if (!enter(path)) return real(handle);
  if (power_cut) copy_now("fsync", path, "before");
  int done = fails(FSYNC, path) ? -1 : 0; /* no need to wait for a real disk */
  if (!done && !fstat(handle, &found) && S_ISREG(found.st_mode))
    *kept_size(found.st_ino) = found.st_size;
  leave();
  return done;
}

int rename(const char *from, const char *to) {
  REAL(int, rename, const char *, const char *);
  if (!enter(to)) return real(from, to);
  copy_now("rename", to, "before");
  int done = fails(RENAME, to) ? -1 : real(from, to);
  leave();
  return done;
}

int unlink(const char *path) {
  REAL(int, unlink, const char *);
  if (!enter(path)) return real(path);
  copy_now("unlink", path, "before");
  int done = fails(UNLINK, path) ? -1 : real(path);
  leave();
  return done;
}

int flock(int handle, int how) {
  REAL(int, flock, int, int);
  const char *path = path_of(handle);
  if (!enter(path)) return real(handle, how);
  int done = fails(FLOCK, path) ? -1 : real(handle, how);
  leave();
  return done;
}

/* The handle is closed even where that fails, as Linux does it: close(2). */
int close(int handle) {
  REAL(int, close, int);
  const char *path = path_of(handle);
  if (!enter(path)) {
    if (path && !busy) remember(handle, NULL);
    return real(handle);
  }
  int bad = fails(CLOSE, path), answer = errno;
  remember(handle, NULL);
  int done = real(handle);
  if (bad) {
    errno = answer;
    done = -1;
  }
  leave();
  return done;
}

/* ---- what Python calls ---- */

/* Begins to count the calls for a folder, with nothing to fail and no copies; "" ends it. */
void interposer_watch(const char *path) {
  pthread_mutex_lock(&turn);
  busy = 1;
  snprintf(folder, sizeof folder, "%s", path);
  length = strlen(folder);
  memset(counts, 0, sizeof counts);
  fail_kind = half_done = -1;
  hit[0] = copies[0] = '\0';
  copied = keeps = power_cut = 0;
  if (length) keep_all_of(folder);
  busy = 0;
  pthread_mutex_unlock(&turn);
}

/* Lets a call of a kind fail, counted from 1; with `on`, all later ones of the kind, too. */
void interposer_fail(const char *kind, long number, int code, int on) {
  for (int i = 0; i < KINDS; i++)
    if (!strcmp(kind, NAMES[i])) fail_kind = i;
  fail_at = number;
  fail_errno = code;
  fail_on = on;
}

/* Copies the folder from now on; after a power cut, only what fsync has put on the disk is left. */
void interposer_copy(const char *to, int after_power_cut) {
  snprintf(copies, sizeof copies, "%s", to);
  power_cut = after_power_cut;
}

long interposer_count(const char *kind) {
  for (int i = 0; i < KINDS; i++)
    if (!strcmp(kind, NAMES[i])) return counts[i];
  return -1;
}

/* The file whose call failed first; "" if none did. */
const char *interposer_hit(void) { return hit; }
