/* What each file of the addon exports to JavaScript. The signatures are in src/os/addon.ts. */
#ifndef PODWIRE_MODULE_H
#define PODWIRE_MODULE_H

#include <node_api.h>

napi_value js_sum(napi_env env, napi_callback_info info);
napi_value js_split(napi_env env, napi_callback_info info);
napi_value js_join(napi_env env, napi_callback_info info);
napi_value js_alike(napi_env env, napi_callback_info info);

napi_value js_tun_open(napi_env env, napi_callback_info info);
napi_value js_tun_offload(napi_env env, napi_callback_info info);
napi_value js_tun_read(napi_env env, napi_callback_info info);
napi_value js_tun_write(napi_env env, napi_callback_info info);

napi_value js_udp_open(napi_env env, napi_callback_info info);
napi_value js_udp_port(napi_env env, napi_callback_info info);
napi_value js_udp_drops(napi_env env, napi_callback_info info);
napi_value js_udp_receive(napi_env env, napi_callback_info info);
napi_value js_udp_errors(napi_env env, napi_callback_info info);
napi_value js_udp_send(napi_env env, napi_callback_info info);
napi_value js_path_mtu(napi_env env, napi_callback_info info);

napi_value js_waker_open(napi_env env, napi_callback_info info);
napi_value js_waker_ring(napi_env env, napi_callback_info info);
napi_value js_waker_drain(napi_env env, napi_callback_info info);
napi_value js_poll(napi_env env, napi_callback_info info);

napi_value js_close(napi_env env, napi_callback_info info);
napi_value js_notify(napi_env env, napi_callback_info info);
napi_value js_keep_capabilities(napi_env env, napi_callback_info info);
napi_value js_descriptor_of(napi_env env, napi_callback_info info);
napi_value js_lock(napi_env env, napi_callback_info info);

#endif
