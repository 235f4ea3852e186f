/* Registers the addon's functions, once for each thread that loads it: nothing here is shared. */
#include "module.h"

#ifndef PODWIRE_VERSION
#error "PODWIRE_VERSION is package.json's version"
#endif

NAPI_MODULE_INIT() {
  static const struct {
    const char *name;
    napi_callback call;
  } functions[] = {
      {"sum", js_sum},
      {"split", js_split},
      {"join", js_join},
      {"alike", js_alike},
      {"tunOpen", js_tun_open},
      {"tunOffload", js_tun_offload},
      {"tunRead", js_tun_read},
      {"tunWrite", js_tun_write},
      {"udpOpen", js_udp_open},
      {"udpPort", js_udp_port},
      {"udpDrops", js_udp_drops},
      {"udpReceive", js_udp_receive},
      {"udpErrors", js_udp_errors},
      {"udpSend", js_udp_send},
      {"pathMtu", js_path_mtu},
      {"wakerOpen", js_waker_open},
      {"wakerRing", js_waker_ring},
      {"wakerDrain", js_waker_drain},
      {"poll", js_poll},
      {"close", js_close},
      {"notify", js_notify},
      {"keepCapabilities", js_keep_capabilities},
      {"descriptorOf", js_descriptor_of},
      {"lock", js_lock},
  };
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
    napi_value function;
    if (napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].call, NULL, &function) != napi_ok ||
        napi_set_named_property(env, exports, functions[i].name, function) != napi_ok)
      return NULL;
  }
  napi_value version;
  if (napi_create_string_utf8(env, PODWIRE_VERSION, NAPI_AUTO_LENGTH, &version) != napi_ok ||
      napi_set_named_property(env, exports, "version", version) != napi_ok)
    return NULL;
  return exports;
}
