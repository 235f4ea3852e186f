/* TUN queues: packets with their virtio header, straight between the kernel and the caller's arena. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "args.h"
#include "bytes.h"
#include "module.h"

enum {
  /* The longest IP packet; room for one must be there before it is read. */
  LONGEST = 65535,
  /* Slices of a packet in one writev (UIO_MAXIOV); the virtio header shares the first. */
  MAX_SLICES = 1024,
};

napi_value js_tun_open(napi_env env, napi_callback_info info) {
  struct args args;
  struct ifreq request = {0};
  bool multi_queue, exclusive;
  if (!args_read(env, info, &args, 3) || !args_string(&args, 0, "name", request.ifr_name, IFNAMSIZ) ||
      !args_bool(&args, 1, "multiQueue", &multi_queue) || !args_bool(&args, 2, "exclusive", &exclusive))
    return NULL;

  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return throw_errno(env, errno, "open /dev/net/tun");
  unsigned flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
  if (multi_queue) flags |= IFF_MULTI_QUEUE;
  if (exclusive) flags |= IFF_TUN_EXCL;
  request.ifr_flags = (short)flags;
  int header = VIRTIO_HEADER, little_endian = 1;
  const char *call = "TUNSETIFF";
  int failed = ioctl(fd, TUNSETIFF, &request);
  if (!failed) {
    call = "TUNSETVNETHDRSZ";
    failed = ioctl(fd, TUNSETVNETHDRSZ, &header);
  }
  if (!failed) {
    call = "TUNSETVNETLE";
    failed = ioctl(fd, TUNSETVNETLE, &little_endian);
  }
  if (failed) {
    int error = errno;
    close(fd);
    return throw_errno(env, error, call);
  }
  return value_u32(env, (uint32_t)fd);
}

napi_value js_tun_offload(napi_env env, napi_callback_info info) {
  struct args args;
  int32_t fd;
  uint32_t mask;
  if (!args_read(env, info, &args, 2) || !args_i32(&args, 0, "fd", &fd) || !args_u32(&args, 1, "mask", &mask))
    return NULL;
  return value_u32(env, ioctl(fd, TUNSETOFFLOAD, (unsigned long)mask) == 0 ? 0 : (uint32_t)errno);
}

napi_value js_tun_read(napi_env env, napi_callback_info info) {
  struct args args;
  int32_t fd;
  struct bytes bytes;
  struct records records;
  uint32_t headroom, cursor, end, first;
  if (!args_read(env, info, &args, 7) || !args_i32(&args, 0, "fd", &fd) || !args_bytes(&args, 1, "bytes", &bytes) ||
      !args_u32(&args, 2, "headroom", &headroom) || !args_u32(&args, 3, "cursor", &cursor) ||
      !args_u32(&args, 4, "end", &end) || !args_records(&args, 5, "records", &records) ||
      !args_u32(&args, 6, "first", &first))
    return NULL;
  if (headroom < VIRTIO_HEADER || cursor > end || end > bytes.length || end > INT32_MAX || first > records.count) {
    args_refuse(env, "headroom, cursor, end or first are out of range");
    return NULL;
  }

  uint32_t packets = 0;
  uint64_t at = cursor;
  while (first + packets < records.count && at + headroom + LONGEST <= end) {
    uint8_t *packet = bytes.at + at + headroom;
    ssize_t size = read(fd, packet - VIRTIO_HEADER, VIRTIO_HEADER + LONGEST);
    if (size < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EIO || packets > 0) break;
      return throw_errno(env, errno, "read from the device");
    }
    if (size < VIRTIO_HEADER) break;
    records.at[first + packets++] = (struct pw_record){
        .offset = (int32_t)(at + headroom),
        .length = (int32_t)size - VIRTIO_HEADER,
    };
    at = (at + headroom + (uint32_t)size - VIRTIO_HEADER + 3) & ~3ull;
  }
  return value_u32(env, packets);
}

/* Writes the packet that begins at `record`; 0 or an errno. */
static int write_packet(int fd, uint8_t *bytes, const struct pw_record *record, uint32_t slices) {
  struct iovec vector[MAX_SLICES];
  if (slices > MAX_SLICES) return EMSGSIZE;
  for (uint32_t i = 0; i < slices; i++) {
    uint32_t before = i == 0 ? VIRTIO_HEADER : 0;
    vector[i].iov_base = bytes + record[i].offset - before;
    vector[i].iov_len = (size_t)record[i].length + before;
  }
  ssize_t size;
  do size = writev(fd, vector, (int)slices);
  while (size < 0 && errno == EINTR);
  return size < 0 ? errno : 0;
}

napi_value js_tun_write(napi_env env, napi_callback_info info) {
  struct args args;
  int32_t fd;
  struct bytes bytes;
  struct records records;
  uint32_t count;
  if (!args_read(env, info, &args, 4) || !args_i32(&args, 0, "fd", &fd) || !args_bytes(&args, 1, "bytes", &bytes) ||
      !args_records(&args, 2, "records", &records) || !args_u32(&args, 3, "count", &count))
    return NULL;
  if (count > records.count || (count > 0 && (records.at[count - 1].flags & RECORD_MORE) != 0)) {
    args_refuse(env, "count: more records than there are, or the last packet goes on behind them");
    return NULL;
  }
  bool starts = true;
  for (uint32_t i = 0; i < count; i++) {
    const struct pw_record *record = &records.at[i];
    if (record->offset < (starts ? VIRTIO_HEADER : 0) || record->length < 0) {
      args_refuse(env, "a packet or the virtio header before it does not lie within the bytes");
      return NULL;
    }
    if (!args_range(env, bytes, (uint32_t)record->offset, (uint32_t)record->length)) return NULL;
    starts = (record->flags & RECORD_MORE) == 0;
  }

  uint32_t taken = 0;
  for (uint32_t first = 0; first < count;) {
    uint32_t slices = 1;
    while ((records.at[first + slices - 1].flags & RECORD_MORE) != 0) slices++;
    records.at[first].status = write_packet(fd, bytes.at, &records.at[first], slices);
    if (records.at[first].status == 0) taken++;
    first += slices;
  }
  return value_u32(env, taken);
}
