/* UDP sockets: many datagrams a call, joined and cut by the kernel (UDP_GRO, UDP_SEGMENT), DF always set. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "args.h"
#include "bytes.h"
#include "module.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#ifndef IP_MTU
#define IP_MTU 14
#endif
#ifndef IPV6_MTU
#define IPV6_MTU 24
#endif

enum {
  /* Messages in one recvmmsg or sendmmsg. */
  CHUNK = 64,
  /* Messages that are asked for first: what wakes a thread is mostly alone, and preparing for many costs microseconds. */
  FEW = 4,
  ADDRESS_BYTES = 16,
  /* A receive buffer for a socket whose filter drops everything: only the errors that ICMP reports wait there. */
  ERRORS_BUFFER = 64 << 10,
  /* Sends of one record: an error that ICMP left on the socket fails a send that has nothing to do with it. */
  SEND_TRIES = 3,
};

static const uint8_t V4_MAPPED[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

union address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

static bool is_v4(const uint8_t *address) { return memcmp(address, V4_MAPPED, sizeof V4_MAPPED) == 0; }

/* From 16 bytes in network order, IPv4 as ::ffff:a.b.c.d. Returns the length of the socket address. */
static socklen_t to_address(const uint8_t *bytes, uint16_t port, union address *address) {
  memset(address, 0, sizeof *address);
  if (is_v4(bytes)) {
    address->v4.sin_family = AF_INET;
    address->v4.sin_port = htons(port);
    memcpy(&address->v4.sin_addr, bytes + sizeof V4_MAPPED, 4);
    return sizeof address->v4;
  }
  address->v6.sin6_family = AF_INET6;
  address->v6.sin6_port = htons(port);
  memcpy(&address->v6.sin6_addr, bytes, ADDRESS_BYTES);
  return sizeof address->v6;
}

static socklen_t record_address(const struct pw_record *record, union address *address) {
  uint8_t bytes[ADDRESS_BYTES];
  for (int i = 0; i < 4; i++) put32(bytes + 4 * i, (uint32_t)record->address[i]);
  return to_address(bytes, (uint16_t)record->port, address);
}

static void set_record_address(struct pw_record *record, const union address *address) {
  if (address->any.sa_family == AF_INET) {
    record->address[0] = record->address[1] = 0;
    record->address[2] = 0xffff;
    record->address[3] = (int32_t)ntohl(address->v4.sin_addr.s_addr);
    record->port = ntohs(address->v4.sin_port);
    return;
  }
  for (int i = 0; i < 4; i++) record->address[i] = (int32_t)get32(address->v6.sin6_addr.s6_addr + 4 * i);
  record->port = ntohs(address->v6.sin6_port);
}

static int set_int(int fd, int level, int name, int value) { return setsockopt(fd, level, name, &value, sizeof value); }

/* More than the system's limit where this process may. */
static void set_buffer(int fd, int force, int plain, int size) {
  if (set_int(fd, SOL_SOCKET, force, size) != 0) set_int(fd, SOL_SOCKET, plain, size);
}

static int drop_everything(int fd) {
  struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
  struct sock_fprog program = {.len = 1, .filter = &none};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

struct options {
  struct bytes address;
  uint32_t port;
  uint32_t buffer;
  bool reuse_port;
  bool receive;
  bool gro;
  bool send_only;
};

/* Everything but the descriptor; returns the name of the call that failed, or NULL. */
static const char *set_up(int fd, const struct options *options, const union address *address, socklen_t length) {
  bool v6 = address->any.sa_family == AF_INET6;
  if (v6 && set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) return "IPV6_V6ONLY";
  /* PROBE: DF as with DO, but only the link's MTU makes the kernel refuse; what the path takes is the caller's to know. */
  if (v6 ? set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, options->send_only ? IPV6_PMTUDISC_PROBE : IPV6_PMTUDISC_DO)
         : set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, options->send_only ? IP_PMTUDISC_PROBE : IP_PMTUDISC_DO))
    return "IP_MTU_DISCOVER";
  if (options->reuse_port && set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1)) return "SO_REUSEPORT";
  if (options->send_only) {
    if (drop_everything(fd)) return "SO_ATTACH_FILTER";
    if (v6 ? set_int(fd, IPPROTO_IPV6, IPV6_RECVERR, 1) : set_int(fd, IPPROTO_IP, IP_RECVERR, 1)) return "IP_RECVERR";
    set_int(fd, SOL_SOCKET, SO_RCVBUF, ERRORS_BUFFER);
  } else {
    set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, (int)options->buffer);
  }
  set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, (int)options->buffer);
  /* Linux 5.0; without it datagrams come one by one. */
  if (options->gro) set_int(fd, IPPROTO_UDP, UDP_GRO, 1);
  if (options->receive) {
    if (v6 ? set_int(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1) : set_int(fd, IPPROTO_IP, IP_RECVTOS, 1)) return "IP_RECVTOS";
  }
  return bind(fd, &address->any, length) == 0 ? NULL : "bind";
}

static bool read_options(napi_env env, napi_value object, struct options *options) {
  static const char *names[] = {"address", "port", "reusePort", "receive", "gro", "sendOnly", "buffer"};
  struct args args = {.env = env};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (napi_get_named_property(env, object, names[i], &args.values[i]) != napi_ok) {
      napi_throw_type_error(env, NULL, "options: an object is wanted");
      return false;
    }
  if (!args_bytes(&args, 0, names[0], &options->address) || !args_u32(&args, 1, names[1], &options->port) ||
      !args_bool(&args, 2, names[2], &options->reuse_port) || !args_bool(&args, 3, names[3], &options->receive) ||
      !args_bool(&args, 4, names[4], &options->gro) || !args_bool(&args, 5, names[5], &options->send_only) ||
      !args_u32(&args, 6, names[6], &options->buffer))
    return false;
  if (options->address.length != ADDRESS_BYTES) return args_refuse(env, "address: 16 bytes are wanted");
  if (options->port > UINT16_MAX) return args_refuse(env, "port: 0 to 65535 is wanted");
  if (options->buffer > INT32_MAX / 2) return args_refuse(env, "buffer: less than 1 GiB is wanted");
  return true;
}

napi_value js_udp_open(napi_env env, napi_callback_info info) {
  struct args args;
  struct options options;
  if (!args_read(env, info, &args, 1) || !read_options(env, args.values[0], &options)) return NULL;
  union address address;
  socklen_t length = to_address(options.address.at, (uint16_t)options.port, &address);
  int fd = socket(address.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return throw_errno(env, errno, "socket");
  const char *failed = set_up(fd, &options, &address, length);
  if (failed != NULL) {
    int error = errno;
    close(fd);
    return throw_errno(env, error, failed);
  }
  return value_u32(env, (uint32_t)fd);
}

napi_value js_udp_port(napi_env env, napi_callback_info info) {
  struct args args;
  int32_t fd;
  union address address;
  socklen_t length = sizeof address;
  if (!args_read(env, info, &args, 1) || !args_i32(&args, 0, "fd", &fd)) return NULL;
  if (getsockname(fd, &address.any, &length) != 0) return throw_errno(env, errno, "getsockname");
  return value_u32(env, ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port));
}

napi_value js_udp_drops(napi_env env, napi_callback_info info) {
  struct args args;
  int32_t fd;
  uint32_t memory[SK_MEMINFO_VARS] = {0};
  socklen_t length = sizeof memory;
  if (!args_read(env, info, &args, 1) || !args_i32(&args, 0, "fd", &fd)) return NULL;
  if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &length) != 0) return throw_errno(env, errno, "SO_MEMINFO");
  return value_u32(env, memory[SK_MEMINFO_DROPS]);
}

struct received_control {
  _Alignas(struct cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(int)) * 2];
};

/* What the kernel says beside the datagram: the size of those it joined, and the TOS. */
static void read_control(struct msghdr *header, struct pw_record *record) {
  for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control != NULL; control = CMSG_NXTHDR(header, control)) {
    const uint8_t *data = CMSG_DATA(control);
    if (control->cmsg_level == IPPROTO_UDP && control->cmsg_type == UDP_GRO) {
      int segment;
      memcpy(&segment, data, sizeof segment);
      if (segment > 0 && segment < record->length) record->segment = segment;
    } else if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_TOS) {
      record->tos = data[0];
    } else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_TCLASS) {
      int class;
      memcpy(&class, data, sizeof class);
      record->tos = class & 0xff;
    }
  }
}

napi_value js_udp_receive(napi_env env, napi_callback_info info) {
  struct args args;
  int32_t fd;
  struct bytes bytes;
  struct records records;
  uint32_t cursor, slot, first, max;
  if (!args_read(env, info, &args, 7) || !args_i32(&args, 0, "fd", &fd) || !args_bytes(&args, 1, "bytes", &bytes) ||
      !args_u32(&args, 2, "cursor", &cursor) || !args_u32(&args, 3, "slot", &slot) ||
      !args_records(&args, 4, "records", &records) || !args_u32(&args, 5, "first", &first) ||
      !args_u32(&args, 6, "max", &max) || !args_range(env, bytes, cursor, (uint64_t)slot * max))
    return NULL;
  if (first > records.count || max > records.count - first || (uint64_t)cursor + (uint64_t)slot * max > INT32_MAX) {
    args_refuse(env, "first and max: more records than there are");
    return NULL;
  }

  uint32_t filled = 0;
  while (filled < max) {
    struct mmsghdr messages[CHUNK];
    struct iovec vectors[CHUNK];
    union address senders[CHUNK];
    struct received_control controls[CHUNK];
    uint32_t chunk = filled == 0 ? FEW : CHUNK;
    uint32_t wanted = max - filled < chunk ? max - filled : chunk;
    for (uint32_t i = 0; i < wanted; i++) {
      vectors[i] = (struct iovec){bytes.at + cursor + (size_t)(filled + i) * slot, slot};
      messages[i].msg_len = 0;
      messages[i].msg_hdr = (struct msghdr){
          .msg_name = &senders[i],
          .msg_namelen = sizeof senders[i],
          .msg_iov = &vectors[i],
          .msg_iovlen = 1,
          .msg_control = controls[i].bytes,
          .msg_controllen = sizeof controls[i].bytes,
      };
    }
    int count = recvmmsg(fd, messages, wanted, MSG_DONTWAIT, NULL);
    if (count <= 0) {
      if (count < 0 && (errno == EBADF || errno == ENOTSOCK) && filled == 0) return throw_errno(env, errno, "recvmmsg");
      break;
    }
    for (int i = 0; i < count; i++) {
      struct msghdr *header = &messages[i].msg_hdr;
      struct pw_record *record = &records.at[first + filled + (uint32_t)i];
      bool truncated = (header->msg_flags & MSG_TRUNC) != 0;
      *record = (struct pw_record){
          .offset = (int32_t)(cursor + (filled + (uint32_t)i) * slot),
          .length = truncated ? 0 : (int32_t)messages[i].msg_len,
          .status = truncated ? EMSGSIZE : 0,
      };
      set_record_address(record, &senders[i]);
      read_control(header, record);
    }
    filled += (uint32_t)count;
    if ((uint32_t)count < wanted) break;
  }
  return value_u32(env, filled);
}

struct error_control {
  _Alignas(struct cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(struct sock_extended_err) + sizeof(union address))];
};

/* What the kernel says of an error: who noticed (origin), its errno, ICMP type and code, and for "too big" the MTU. */
static void read_error(struct msghdr *header, struct pw_record *record) {
  for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control != NULL; control = CMSG_NXTHDR(header, control)) {
    if (!(control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_RECVERR) &&
        !(control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_RECVERR))
      continue;
    struct sock_extended_err error;
    memcpy(&error, CMSG_DATA(control), sizeof error);
    record->segment = error.ee_info > INT32_MAX ? 0 : (int32_t)error.ee_info;
    record->flags = error.ee_origin;
    record->status = (int32_t)error.ee_errno;
    record->socket = error.ee_type << 8 | error.ee_code;
  }
}

napi_value js_udp_errors(napi_env env, napi_callback_info info) {
  struct args args;
  int32_t fd;
  struct bytes bytes;
  struct records records;
  uint32_t slot, max;
  if (!args_read(env, info, &args, 5) || !args_i32(&args, 0, "fd", &fd) || !args_bytes(&args, 1, "bytes", &bytes) ||
      !args_u32(&args, 2, "slot", &slot) || !args_records(&args, 3, "records", &records) ||
      !args_u32(&args, 4, "max", &max) || !args_range(env, bytes, 0, (uint64_t)slot * max))
    return NULL;
  if (max > records.count || (uint64_t)slot * max > INT32_MAX) {
    args_refuse(env, "max: more records than there are");
    return NULL;
  }

  uint32_t filled = 0;
  while (filled < max) {
    union address destination = {0};
    struct error_control control;
    struct iovec vector = {bytes.at + (size_t)filled * slot, slot};
    struct msghdr header = {
        .msg_name = &destination,
        .msg_namelen = sizeof destination,
        .msg_iov = &vector,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes,
    };
    ssize_t length = recvmsg(fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT);
    if (length < 0) {
      if ((errno == EBADF || errno == ENOTSOCK) && filled == 0) return throw_errno(env, errno, "recvmsg");
      break;
    }
    struct pw_record *record = &records.at[filled];
    *record = (struct pw_record){.offset = (int32_t)(filled * slot), .length = (int32_t)length};
    set_record_address(record, &destination);
    read_error(&header, record);
    filled++;
  }
  return value_u32(env, filled);
}

struct sent_control {
  _Alignas(struct cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(uint16_t)) + CMSG_SPACE(sizeof(int))];
};

/* Adds a control message behind those that are there. */
static void add_control(struct mmsghdr *message, struct sent_control *control, int level, int type, const void *data,
                        size_t size) {
  struct msghdr *header = &message->msg_hdr;
  struct cmsghdr *added = (struct cmsghdr *)(void *)(control->bytes + header->msg_controllen);
  header->msg_control = control->bytes;
  header->msg_controllen += CMSG_SPACE(size);
  added->cmsg_level = level;
  added->cmsg_type = type;
  added->cmsg_len = CMSG_LEN(size);
  memcpy(CMSG_DATA(added), data, size);
}

static void fill_message(struct mmsghdr *message, struct iovec *vector, union address *to, struct sent_control *control,
                         uint8_t *bytes, const struct pw_record *record) {
  *vector = (struct iovec){bytes + record->offset, (size_t)record->length};
  message->msg_len = 0;
  message->msg_hdr = (struct msghdr){
      .msg_name = to,
      .msg_namelen = record_address(record, to),
      .msg_iov = vector,
      .msg_iovlen = 1,
  };
  uint16_t segment = record->segment < record->length ? (uint16_t)record->segment : 0;
  int tos = record->tos;
  bool v4 = to->any.sa_family == AF_INET;
  if (segment != 0) add_control(message, control, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment);
  if (tos != 0) add_control(message, control, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_TOS : IPV6_TCLASS, &tos, sizeof tos);
}

/* An error that nobody has read yet ends the first poll at once: then the rest of the time is slept. */
static bool wait_for_room(int fd, int wait_ms) {
  struct pollfd full = {.fd = fd, .events = POLLOUT};
  if (poll(&full, 1, wait_ms) <= 0) return false;
  if ((full.revents & POLLOUT) == 0) poll(NULL, 0, wait_ms);
  return true;
}

/* Sends records of one socket, up to CHUNK. A refused one is marked and passed over. Returns how many were sent. */
static uint32_t send_chunk(int fd, uint8_t *bytes, struct pw_record *records, uint32_t count, int *wait_ms) {
  struct mmsghdr messages[CHUNK];
  struct iovec vectors[CHUNK];
  union address addresses[CHUNK];
  struct sent_control controls[CHUNK];
  memset(controls, 0, count * sizeof controls[0]);
  for (uint32_t i = 0; i < count; i++) {
    fill_message(&messages[i], &vectors[i], &addresses[i], &controls[i], bytes, &records[i]);
    records[i].status = 0;
  }

  uint32_t sent = 0;
  int tries = 0;
  for (uint32_t at = 0; at < count;) {
    int done = sendmmsg(fd, messages + at, count - at, MSG_DONTWAIT);
    if (done > 0) {
      at += (uint32_t)done;
      sent += (uint32_t)done;
      tries = 0;
      continue;
    }
    if (done < 0 && errno == EINTR) continue;
    if (done < 0 && errno == EAGAIN && *wait_ms > 0) {
      bool room = wait_for_room(fd, *wait_ms);
      *wait_ms = 0;
      if (room) continue;
      errno = EAGAIN;
    }
    /* The failed send took the error off the socket: what is left fails again. A full queue is no such error. */
    if (done < 0 && errno != EAGAIN && errno != ENOBUFS && ++tries < SEND_TRIES) continue;
    records[at++].status = done < 0 ? errno : EIO;
    tries = 0;
  }
  return sent;
}

napi_value js_udp_send(napi_env env, napi_callback_info info) {
  struct args args;
  struct ints fds;
  struct bytes bytes;
  struct records records;
  uint32_t count;
  int32_t wait_ms;
  if (!args_read(env, info, &args, 5) || !args_ints(&args, 0, "fds", &fds) || !args_bytes(&args, 1, "bytes", &bytes) ||
      !args_records(&args, 2, "records", &records) || !args_u32(&args, 3, "count", &count) ||
      !args_i32(&args, 4, "waitMs", &wait_ms))
    return NULL;
  if (count > records.count || fds.count == 0) {
    args_refuse(env, "count: more records than there are, or no socket");
    return NULL;
  }
  for (uint32_t i = 0; i < count; i++) {
    const struct pw_record *record = &records.at[i];
    if (record->offset < 0 || record->length < 0 || record->segment < 0 || record->segment > UINT16_MAX ||
        record->tos < 0 || record->tos > UINT8_MAX || record->socket < 0 || record->port < 0 || record->port > UINT16_MAX) {
      args_refuse(env, "a record's offset, length, segment, TOS, socket or port is out of range");
      return NULL;
    }
    if (!args_range(env, bytes, (uint32_t)record->offset, (uint32_t)record->length)) return NULL;
  }

  uint32_t sent = 0;
  for (uint32_t first = 0, length; first < count; first += length) {
    size_t socket = (size_t)records.at[first].socket % fds.count;
    for (length = 1; first + length < count && length < CHUNK; length++)
      if ((size_t)records.at[first + length].socket % fds.count != socket) break;
    sent += send_chunk(fds.at[socket], bytes.at, &records.at[first], length, &wait_ms);
  }
  return value_u32(env, sent);
}

napi_value js_path_mtu(napi_env env, napi_callback_info info) {
  struct args args;
  struct bytes source, destination;
  if (!args_read(env, info, &args, 2) || !args_bytes(&args, 0, "source", &source) ||
      !args_bytes(&args, 1, "destination", &destination))
    return NULL;
  if (source.length != ADDRESS_BYTES || destination.length != ADDRESS_BYTES) {
    args_refuse(env, "source and destination: 16 bytes are wanted");
    return NULL;
  }
  union address from, to;
  socklen_t from_length = to_address(source.at, 0, &from);
  socklen_t to_length = to_address(destination.at, 9, &to);
  bool v4 = to.any.sa_family == AF_INET;
  int mtu = 0;
  socklen_t size = sizeof mtu;
  int fd = socket(to.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return throw_errno(env, errno, "socket");
  /* A connected socket knows its route, and the route what ICMP has told of the path. No packet is sent. */
  int failed = bind(fd, &from.any, from_length) || connect(fd, &to.any, to_length) ||
               getsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_MTU : IPV6_MTU, &mtu, &size);
  close(fd);
  return value_u32(env, failed || mtu < 0 ? 0 : (uint32_t)mtu);
}
