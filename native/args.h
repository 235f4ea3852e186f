/* Arguments from JavaScript: each reader checks its argument, throws, and returns false. */
#ifndef PODWIRE_ARGS_H
#define PODWIRE_ARGS_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "records.h"

enum { MAX_ARGS = 12 };

struct args {
  napi_env env;
  napi_value values[MAX_ARGS];
};

/* Memory of a typed array: the caller's, to be used until the call returns. */
struct bytes {
  uint8_t *at;
  size_t length;
};

struct records {
  struct pw_record *at;
  size_t count;
};

struct ints {
  int32_t *at;
  size_t count;
};

/* Reads exactly `count` arguments; fewer are a TypeError. */
bool args_read(napi_env env, napi_callback_info info, struct args *args, size_t count);

bool args_u32(const struct args *args, size_t index, const char *name, uint32_t *value);
bool args_i32(const struct args *args, size_t index, const char *name, int32_t *value);
bool args_bool(const struct args *args, size_t index, const char *name, bool *value);
/* A string of less than `size` bytes, with a zero behind it. */
bool args_string(const struct args *args, size_t index, const char *name, char *text, size_t size);
/* A Uint8Array (a Buffer is one). */
bool args_bytes(const struct args *args, size_t index, const char *name, struct bytes *bytes);
/* An Int32Array. */
bool args_ints(const struct args *args, size_t index, const char *name, struct ints *ints);
/* An Int32Array of whole records. */
bool args_records(const struct args *args, size_t index, const char *name, struct records *records);

/* Whether `length` bytes from `offset` lie within; throws a RangeError. */
bool args_range(napi_env env, struct bytes bytes, uint64_t offset, uint64_t length);

/* Throws a RangeError that names what was wanted. Always false. */
bool args_refuse(napi_env env, const char *what);

napi_value value_u32(napi_env env, uint32_t value);
napi_value value_bool(napi_env env, bool value);
napi_value value_undefined(napi_env env);

/* Throws an Error with code, errno and syscall, as Node's own have. Returns NULL. */
napi_value throw_errno(napi_env env, int error, const char *syscall);

#endif
