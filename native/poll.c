/* Where a worker sleeps, and how another thread wakes it. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "args.h"
#include "module.h"

enum { MAX_FDS = 64, WORDS_PER_FD = 3 };

napi_value js_waker_open(napi_env env, napi_callback_info info) {
  (void)info;
  int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  return fd < 0 ? throw_errno(env, errno, "eventfd") : value_u32(env, (uint32_t)fd);
}

napi_value js_waker_ring(napi_env env, napi_callback_info info) {
  struct args args;
  int32_t fd;
  uint64_t one = 1;
  if (!args_read(env, info, &args, 1) || !args_i32(&args, 0, "fd", &fd)) return NULL;
  /* EAGAIN: it has been rung 2^64 - 2 times, so it is awake. */
  if (write(fd, &one, sizeof one) < 0 && errno != EAGAIN) return throw_errno(env, errno, "write to the waker");
  return value_undefined(env);
}

napi_value js_waker_drain(napi_env env, napi_callback_info info) {
  struct args args;
  int32_t fd;
  uint64_t rings;
  if (!args_read(env, info, &args, 1) || !args_i32(&args, 0, "fd", &fd)) return NULL;
  return value_bool(env, read(fd, &rings, sizeof rings) == sizeof rings);
}

napi_value js_poll(napi_env env, napi_callback_info info) {
  struct args args;
  struct ints fds;
  int32_t timeout_ms;
  struct pollfd polled[MAX_FDS];
  if (!args_read(env, info, &args, 2) || !args_ints(&args, 0, "fds", &fds) ||
      !args_i32(&args, 1, "timeoutMs", &timeout_ms))
    return NULL;
  size_t count = fds.count / WORDS_PER_FD;
  if (count > MAX_FDS || fds.count % WORDS_PER_FD != 0) {
    args_refuse(env, "fds: triples are wanted, at most 64");
    return NULL;
  }
  for (size_t i = 0; i < count; i++)
    polled[i] = (struct pollfd){.fd = fds.at[3 * i], .events = (short)fds.at[3 * i + 1]};
  int ready = poll(polled, count, timeout_ms);
  if (ready < 0 && errno != EINTR) return throw_errno(env, errno, "poll");
  for (size_t i = 0; i < count; i++) fds.at[3 * i + 2] = ready < 0 ? 0 : polled[i].revents;
  return value_u32(env, ready < 0 ? 0 : (uint32_t)ready);
}

napi_value js_close(napi_env env, napi_callback_info info) {
  struct args args;
  int32_t fd;
  if (!args_read(env, info, &args, 1) || !args_i32(&args, 0, "fd", &fd)) return NULL;
  if (close(fd) != 0 && errno != EINTR) return throw_errno(env, errno, "close");
  return value_undefined(env);
}
