#include "split.h"

#include "bytes.h"
#include "checksum.h"

/*
 *  packet  | headers | payload                                   |
 *  frames  | prefix | headers | payload 0 | prefix | headers | payload 1 | ... the last may be shorter
 */

static uint32_t version_of(const struct pw_split *split) { return split->length > 0 ? split->packet[0] >> 4 : 0; }

static uint32_t min32(uint32_t a, uint32_t b) { return a < b ? a : b; }

static uint32_t frames_of(const struct pw_split *split) {
  uint32_t payload = split->length - split->headers;
  return payload == 0 ? 1 : (payload + split->segment - 1) / split->segment;
}

const char *pw_split_problem(const struct pw_split *split) {
  uint32_t version = version_of(split);
  uint32_t ip_header = version == 4 ? IPV4_HEADER : IPV6_HEADER;
  uint32_t transport_header = split->udp ? UDP_HEADER : TCP_HEADER;
  if (split->segment < 1 || split->segment > 0xffff) return "segment: 1 to 65535 is wanted";
  if ((version != 4 && version != 6) || split->transport < ip_header ||
      (uint64_t)split->headers < (uint64_t)split->transport + transport_header || split->headers > split->length ||
      ((split->transport | split->headers) & 3) != 0)
    return "no TCP or UDP packet has its headers so";
  uint32_t largest = split->headers + min32(split->segment, split->length - split->headers);
  if (largest - (version == 6 ? IPV6_HEADER : 0) > 0xffff) return "a frame does not fit an IP length field";
  return NULL;
}

uint64_t pw_split_size(const struct pw_split *split) {
  uint64_t each = (uint64_t)split->prefix_length + split->headers;
  return split->length - split->headers + frames_of(split) * each;
}

static uint64_t address_sum(const uint8_t *ip, uint32_t version) {
  return version == 4 ? pw_sum(ip + IPV4_SOURCE, 8, 0) : pw_sum(ip + IPV6_SOURCE, 32, 0);
}

/* Sum of an IPv4 header without total length, identification and checksum. */
static uint64_t fixed_ipv4_sum(const uint8_t *ip, uint32_t header) {
  return (uint64_t)get16(ip) + pw_sum(ip + IPV4_FRAGMENT, 4, 0) + pw_sum(ip + IPV4_SOURCE, header - IPV4_SOURCE, 0);
}

/* Sum of pseudo-header and UDP header without both lengths and the checksum. */
static uint64_t fixed_udp_sum(const uint8_t *ip, uint32_t version, const uint8_t *udp, uint32_t header) {
  return address_sum(ip, version) + PROTOCOL_UDP + pw_sum(udp, 4, 0) + pw_sum(udp + UDP_HEADER, header - UDP_HEADER, 0);
}

/* Sum of pseudo-header and TCP header without length, sequence number, flags and checksum. */
static uint64_t fixed_tcp_sum(const uint8_t *ip, uint32_t version, const uint8_t *tcp, uint32_t header) {
  return address_sum(ip, version) + PROTOCOL_TCP + pw_sum(tcp, TCP_SEQUENCE, 0) +
         pw_sum(tcp + TCP_ACKNOWLEDGEMENT, 4, 0) + ((uint64_t)tcp[TCP_DATA_OFFSET] << 8) + get16(tcp + TCP_WINDOW) +
         pw_sum(tcp + TCP_URGENT, header - TCP_URGENT, 0);
}

void pw_split(const struct pw_split *split, uint8_t *at) {
  const uint8_t *packet = split->packet;
  const uint8_t *packet_transport = packet + split->transport;
  uint32_t version = version_of(split);
  uint32_t headers = split->headers;
  uint32_t payload = split->length - headers;
  uint32_t frames = frames_of(split);

  /* What the checksums of all frames have in common is summed once. */
  uint64_t ip_sum = version == 4 ? fixed_ipv4_sum(packet, split->transport) : 0;
  uint64_t transport_sum = split->udp ? fixed_udp_sum(packet, version, packet_transport, headers - split->transport)
                                      : fixed_tcp_sum(packet, version, packet_transport, headers - split->transport);
  uint32_t identification = get16(packet + IPV4_ID);
  uint32_t sequence = split->udp ? 0 : get32(packet_transport + TCP_SEQUENCE);
  uint8_t flags = split->udp ? 0 : packet_transport[TCP_FLAGS];

  for (uint32_t i = 0, done = 0; i < frames; i++, done += split->segment) {
    uint32_t data = min32(split->segment, payload - done);
    memcpy(at, split->prefix, split->prefix_length);
    at += split->prefix_length;
    memcpy(at, packet, headers);
    uint64_t data_sum = pw_copy(at + headers, packet + headers + done, data);

    uint32_t ip_length = headers + data;
    if (version == 4) {
      uint32_t id = (identification + i) & 0xffff;
      put16(at + IPV4_TOTAL_LENGTH, ip_length);
      put16(at + IPV4_ID, id);
      put16(at + IPV4_CHECKSUM, (uint16_t)~pw_fold(ip_sum + ip_length + id));
    } else {
      put16(at + IPV6_PAYLOAD_LENGTH, ip_length - IPV6_HEADER);
    }

    uint8_t *header = at + split->transport;
    uint32_t transport_length = ip_length - split->transport;
    uint64_t sum = transport_sum + transport_length + data_sum;
    if (split->udp) {
      /* Its length counts twice: in the header and in the pseudo-header. A sum of 0 would mean "none" (RFC 768). */
      uint16_t checksum = (uint16_t)~pw_fold(sum + transport_length);
      put16(header + UDP_LENGTH, transport_length);
      put16(header + UDP_CHECKSUM, checksum == 0 ? 0xffff : checksum);
    } else {
      uint32_t frame_sequence = sequence + done;
      uint8_t frame_flags = flags;
      if (i > 0) frame_flags &= (uint8_t)~TCP_CWR;
      if (i < frames - 1) frame_flags &= (uint8_t)~(TCP_FIN | TCP_PSH);
      put32(header + TCP_SEQUENCE, frame_sequence);
      header[TCP_FLAGS] = frame_flags;
      sum += frame_flags + (uint64_t)(frame_sequence & 0xffff) + (frame_sequence >> 16);
      put16(header + TCP_CHECKSUM, (uint16_t)~pw_fold(sum));
    }
    at += ip_length;
  }
}
