/* The byte work for JavaScript: checks what it is given, then calls the pure functions. */
#include "alike.h"
#include "args.h"
#include "bytes.h"
#include "checksum.h"
#include "join.h"
#include "module.h"
#include "split.h"

napi_value js_sum(napi_env env, napi_callback_info info) {
  struct args args;
  struct bytes bytes;
  uint32_t offset, length, initial;
  if (!args_read(env, info, &args, 4) || !args_bytes(&args, 0, "bytes", &bytes) ||
      !args_u32(&args, 1, "offset", &offset) || !args_u32(&args, 2, "length", &length) ||
      !args_u32(&args, 3, "initial", &initial) || !args_range(env, bytes, offset, length))
    return NULL;
  return value_u32(env, pw_sum(bytes.at + offset, length, initial));
}

static bool overlap(uint64_t a, uint64_t a_length, uint64_t b, uint64_t b_length) {
  return a < b + b_length && b < a + a_length && b_length > 0;
}

napi_value js_split(napi_env env, napi_callback_info info) {
  struct args args;
  struct bytes bytes;
  struct pw_split split;
  uint32_t offset, prefix_offset, target, limit;
  if (!args_read(env, info, &args, 11) || !args_bytes(&args, 0, "bytes", &bytes) ||
      !args_u32(&args, 1, "offset", &offset) || !args_u32(&args, 2, "length", &split.length) ||
      !args_u32(&args, 3, "transport", &split.transport) || !args_u32(&args, 4, "headers", &split.headers) ||
      !args_bool(&args, 5, "udp", &split.udp) || !args_u32(&args, 6, "segment", &split.segment) ||
      !args_u32(&args, 7, "prefixOffset", &prefix_offset) ||
      !args_u32(&args, 8, "prefixLength", &split.prefix_length) || !args_u32(&args, 9, "target", &target) ||
      !args_u32(&args, 10, "limit", &limit) || !args_range(env, bytes, offset, split.length) ||
      !args_range(env, bytes, prefix_offset, split.prefix_length))
    return NULL;
  if (target > limit || limit > bytes.length) {
    args_refuse(env, "target and limit do not lie in order within the bytes");
    return NULL;
  }
  split.packet = bytes.at + offset;
  split.prefix = bytes.at + prefix_offset;
  const char *problem = pw_split_problem(&split);
  if (problem != NULL) {
    args_refuse(env, problem);
    return NULL;
  }
  uint64_t size = pw_split_size(&split);
  if (size > limit - target) return value_u32(env, 0);
  if (overlap(target, size, offset, split.length) || overlap(target, size, prefix_offset, split.prefix_length)) {
    args_refuse(env, "the frames would overwrite what they are made of");
    return NULL;
  }
  pw_split(&split, bytes.at + target);
  return value_u32(env, (uint32_t)size);
}

napi_value js_join(napi_env env, napi_callback_info info) {
  struct args args;
  struct bytes bytes;
  struct records packets, joined;
  uint32_t count;
  bool tcp, udp;
  if (!args_read(env, info, &args, 6) || !args_bytes(&args, 0, "bytes", &bytes) ||
      !args_records(&args, 1, "packets", &packets) || !args_u32(&args, 2, "count", &count) ||
      !args_records(&args, 3, "joined", &joined) || !args_bool(&args, 4, "tcp", &tcp) ||
      !args_bool(&args, 5, "udp", &udp))
    return NULL;
  if (count > packets.count || count > joined.count) {
    args_refuse(env, "count: more records than there are");
    return NULL;
  }
  if (packets.at < joined.at + count && joined.at < packets.at + count) {
    args_refuse(env, "joined overlaps packets");
    return NULL;
  }
  for (uint32_t i = 0; i < count; i++) {
    const struct pw_record *packet = &packets.at[i];
    if (packet->offset < 0 || packet->length < 0) {
      args_refuse(env, "a packet does not lie within the bytes");
      return NULL;
    }
    if (!args_range(env, bytes, (uint32_t)packet->offset, (uint32_t)packet->length)) return NULL;
    if (packet->offset < VIRTIO_HEADER) {
      args_refuse(env, "no room for a virtio header before a packet");
      return NULL;
    }
  }
  pw_join(bytes.at, packets.at, count, joined.at, tcp, udp);
  return value_u32(env, count);
}

napi_value js_alike(napi_env env, napi_callback_info info) {
  struct args args;
  struct bytes bytes, mask;
  uint32_t offset, step, count;
  if (!args_read(env, info, &args, 5) || !args_bytes(&args, 0, "bytes", &bytes) ||
      !args_u32(&args, 1, "offset", &offset) || !args_u32(&args, 2, "step", &step) ||
      !args_u32(&args, 3, "count", &count) || !args_bytes(&args, 4, "mask", &mask))
    return NULL;
  if (step < mask.length) {
    args_refuse(env, "step: less than the mask");
    return NULL;
  }
  if (offset > bytes.length || ((uint64_t)count + 1) * step > bytes.length - offset) {
    args_refuse(env, "the pieces do not lie within the bytes");
    return NULL;
  }
  return value_u32(env, pw_alike(bytes.at + offset, step, count, mask.at, mask.length));
}
