#include "args.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool args_read(napi_env env, napi_callback_info info, struct args *args, size_t count) {
  size_t given = count;
  args->env = env;
  if (napi_get_cb_info(env, info, &given, args->values, NULL, NULL) != napi_ok) return false;
  if (given >= count) return true;
  char message[64];
  snprintf(message, sizeof message, "%zu arguments are wanted", count);
  napi_throw_type_error(env, NULL, message);
  return false;
}

static bool wants(const struct args *args, const char *name, const char *what) {
  char message[128];
  snprintf(message, sizeof message, "%s: %s is wanted", name, what);
  napi_throw_type_error(args->env, NULL, message);
  return false;
}

bool args_refuse(napi_env env, const char *what) {
  napi_throw_range_error(env, NULL, what);
  return false;
}

bool args_u32(const struct args *args, size_t index, const char *name, uint32_t *value) {
  double number;
  if (napi_get_value_double(args->env, args->values[index], &number) != napi_ok) return wants(args, name, "a number");
  if (number >= 0 && number <= UINT32_MAX && number == (double)(uint32_t)number) {
    *value = (uint32_t)number;
    return true;
  }
  char message[128];
  snprintf(message, sizeof message, "%s: an integer from 0 to 4294967295 is wanted, not %g", name, number);
  return args_refuse(args->env, message);
}

bool args_i32(const struct args *args, size_t index, const char *name, int32_t *value) {
  double number;
  if (napi_get_value_double(args->env, args->values[index], &number) != napi_ok) return wants(args, name, "a number");
  if (number >= INT32_MIN && number <= INT32_MAX && number == (double)(int32_t)number) {
    *value = (int32_t)number;
    return true;
  }
  char message[128];
  snprintf(message, sizeof message, "%s: an integer of 32 bits is wanted, not %g", name, number);
  return args_refuse(args->env, message);
}

bool args_bool(const struct args *args, size_t index, const char *name, bool *value) {
  if (napi_get_value_bool(args->env, args->values[index], value) == napi_ok) return true;
  return wants(args, name, "a boolean");
}

bool args_string(const struct args *args, size_t index, const char *name, char *text, size_t size) {
  size_t length;
  if (napi_get_value_string_utf8(args->env, args->values[index], NULL, 0, &length) != napi_ok)
    return wants(args, name, "a string");
  if (length >= size) {
    char message[128];
    snprintf(message, sizeof message, "%s: longer than %zu bytes", name, size - 1);
    return args_refuse(args->env, message);
  }
  return napi_get_value_string_utf8(args->env, args->values[index], text, size, &length) == napi_ok;
}

static bool typed_array(const struct args *args, size_t index, napi_typedarray_type wanted, void **at, size_t *length) {
  napi_typedarray_type type;
  bool is_typed = false;
  if (napi_is_typedarray(args->env, args->values[index], &is_typed) != napi_ok || !is_typed) return false;
  napi_status status = napi_get_typedarray_info(args->env, args->values[index], &type, length, at, NULL, NULL);
  return status == napi_ok && type == wanted;
}

bool args_bytes(const struct args *args, size_t index, const char *name, struct bytes *bytes) {
  void *at;
  if (!typed_array(args, index, napi_uint8_array, &at, &bytes->length)) return wants(args, name, "a Uint8Array");
  bytes->at = at;
  return true;
}

bool args_ints(const struct args *args, size_t index, const char *name, struct ints *ints) {
  void *at;
  if (!typed_array(args, index, napi_int32_array, &at, &ints->count)) return wants(args, name, "an Int32Array");
  ints->at = at;
  return true;
}

bool args_records(const struct args *args, size_t index, const char *name, struct records *records) {
  struct ints ints;
  if (!args_ints(args, index, name, &ints)) return false;
  records->at = (struct pw_record *)ints.at;
  records->count = ints.count / RECORD_WORDS;
  return true;
}

bool args_range(napi_env env, struct bytes bytes, uint64_t offset, uint64_t length) {
  if (offset <= bytes.length && length <= bytes.length - offset) return true;
  char message[128];
  snprintf(message, sizeof message, "%llu bytes from %llu do not lie within %zu bytes", (unsigned long long)length,
           (unsigned long long)offset, bytes.length);
  return args_refuse(env, message);
}

napi_value value_u32(napi_env env, uint32_t value) {
  napi_value result = NULL;
  napi_create_uint32(env, value, &result);
  return result;
}

napi_value value_bool(napi_env env, bool value) {
  napi_value result = NULL;
  napi_get_boolean(env, value, &result);
  return result;
}

napi_value value_undefined(napi_env env) {
  napi_value result = NULL;
  napi_get_undefined(env, &result);
  return result;
}

static void set_property(napi_env env, napi_value object, const char *name, napi_value value) {
  napi_set_named_property(env, object, name, value);
}

/* The names that callers tell apart; strerrorname_np is not in every C library. */
static const char *errno_name(int error) {
#define NAME(symbol) \
  case symbol:       \
    return #symbol;
  switch (error) {
    NAME(EACCES) NAME(EADDRINUSE) NAME(EADDRNOTAVAIL) NAME(EAFNOSUPPORT) NAME(EAGAIN) NAME(EBADF) NAME(EBADFD)
    NAME(EBUSY) NAME(ECONNREFUSED) NAME(EINVAL) NAME(EIO) NAME(EMFILE) NAME(EMSGSIZE) NAME(ENETUNREACH) NAME(ENFILE)
    NAME(ENOBUFS) NAME(ENODEV) NAME(ENOTSOCK) NAME(EHOSTUNREACH) NAME(ENETDOWN) NAME(ENXIO) NAME(ENOENT) NAME(ENOMEM) NAME(ENOPROTOOPT) NAME(ENOTTY) NAME(ENOSYS) NAME(EOPNOTSUPP) NAME(EPERM) NAME(ESRCH)
    default:
      return "UNKNOWN";
  }
#undef NAME
}

napi_value throw_errno(napi_env env, int error, const char *syscall) {
  char text[160];
  const char *name = errno_name(error);
  napi_value message, code, number, call, object;
  snprintf(text, sizeof text, "%s: %s", syscall, strerror(error));
  if (napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &message) != napi_ok) return NULL;
  if (napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &code) != napi_ok) return NULL;
  if (napi_create_error(env, code, message, &object) != napi_ok) return NULL;
  if (napi_create_int32(env, error, &number) == napi_ok) set_property(env, object, "errno", number);
  if (napi_create_string_utf8(env, syscall, NAPI_AUTO_LENGTH, &call) == napi_ok)
    set_property(env, object, "syscall", call);
  napi_throw(env, object);
  return NULL;
}
