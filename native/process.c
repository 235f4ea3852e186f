/* What a daemon owes its machine: word to the service manager, and no more privileges than it needs. */
#include <errno.h>
#include <linux/capability.h>
#include <stddef.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "args.h"
#include "module.h"

/* The same numbers on every machine; older headers do not have them. */
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

enum { CAPABILITIES = 64, MAX_MESSAGE = 1024 };

napi_value js_notify(napi_env env, napi_callback_info info) {
  struct args args;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  char message[MAX_MESSAGE];
  if (!args_read(env, info, &args, 2) ||
      !args_string(&args, 0, "path", address.sun_path, sizeof address.sun_path) ||
      !args_string(&args, 1, "message", message, sizeof message))
    return NULL;
  socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(address.sun_path));
  if (address.sun_path[0] == '@') address.sun_path[0] = 0;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return throw_errno(env, errno, "socket");
  ssize_t sent = sendto(fd, message, strlen(message), MSG_NOSIGNAL, (struct sockaddr *)&address, length);
  int error = errno;
  close(fd);
  return sent < 0 ? throw_errno(env, error, "sendto") : value_undefined(env);
}

napi_value js_keep_capabilities(napi_env env, napi_callback_info info) {
  struct args args;
  uint64_t mask;
  bool lossless;
  if (!args_read(env, info, &args, 1)) return NULL;
  if (napi_get_value_bigint_uint64(env, args.values[0], &mask, &lossless) != napi_ok || !lossless) {
    napi_throw_type_error(env, NULL, "mask: a BigInt of 64 bits is wanted");
    return NULL;
  }
  /* The bounding set first: dropping from it takes a capability. Without that one, what is left still shrinks below. */
  for (int capability = 0; capability < CAPABILITIES; capability++)
    if ((mask >> capability & 1) == 0 && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 && errno == EINVAL) break;

  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2] = {0};
  if (syscall(SYS_capget, &header, data) != 0) return throw_errno(env, errno, "capget");
  for (int half = 0; half < 2; half++) {
    uint32_t kept = (uint32_t)(mask >> (32 * half));
    data[half].permitted &= kept;
    data[half].effective &= kept;
    data[half].inheritable &= kept;
  }
  if (syscall(SYS_capset, &header, data) != 0) return throw_errno(env, errno, "capset");
  return value_undefined(env);
}

napi_value js_descriptor_of(napi_env env, napi_callback_info info) {
  struct args args;
  int32_t pid, theirs;
  if (!args_read(env, info, &args, 2) || !args_i32(&args, 0, "pid", &pid) || !args_i32(&args, 1, "fd", &theirs))
    return NULL;
  int process = (int)syscall(SYS_pidfd_open, pid, 0);
  if (process < 0) return throw_errno(env, errno, "pidfd_open");
  int fd = (int)syscall(SYS_pidfd_getfd, process, theirs, 0);
  int error = errno;
  close(process);
  return fd < 0 ? throw_errno(env, error, "pidfd_getfd") : value_u32(env, (uint32_t)fd);
}

napi_value js_lock(napi_env env, napi_callback_info info) {
  struct args args;
  int32_t fd;
  if (!args_read(env, info, &args, 1) || !args_i32(&args, 0, "fd", &fd)) return NULL;
  int failed = flock(fd, LOCK_EX | LOCK_NB);
  if (failed && errno != EWOULDBLOCK) return throw_errno(env, errno, "flock");
  return value_bool(env, !failed);
}
