#include "split.h"

#include <string.h>

#include "checksum.h"
#include "headers.h"

static int version_of(const struct split *split) { return split->length > 0 ? split->packet[0] >> 4 : 0; }

static size_t frames_of(const struct split *split) {
  size_t payload = split->length - split->headers;
  return payload == 0 ? 1 : (payload + split->segment - 1) / split->segment;
}

const char *split_check(const struct split *split) {
  int version = version_of(split);
  if (version != 4 && version != 6) return "neither an IPv4 nor an IPv6 packet";
  size_t ip_header = version == 4 ? IPV4_HEADER : IPV6_HEADER;
  size_t least = split->transport + (split->udp ? UDP_HEADER : TCP_HEADER);
  if (split->transport < ip_header || split->headers < least || split->headers > split->length ||
      ((split->transport | split->headers) & 3) != 0) {
    return "transport and headers are not where a packet of this length can have them";
  }
  size_t payload = split->length - split->headers;
  size_t largest = split->headers + (payload < split->segment ? payload : split->segment);
  if (largest - (version == 6 ? IPV6_HEADER : 0) > MAX_IP_LENGTH) return "a frame does not fit an IP length field";
  return NULL;
}

size_t split_size(const struct split *split) {
  return split->length - split->headers + frames_of(split) * (split->prefix_length + split->headers);
}

/* Sum of an IPv4 header without total length, identification and checksum. */
static uint64_t fixed_ipv4(const uint8_t *ip, size_t length) {
  return (uint64_t)get16(ip) + checksum_sum(ip + 6, 4) + checksum_sum(ip + IPV4_SOURCE, length - IPV4_SOURCE);
}

/* Sum of pseudo-header and UDP header without both lengths and the checksum. */
static uint64_t fixed_udp(const uint8_t *udp, size_t length) {
  return (uint64_t)UDP + checksum_sum(udp, 4) + checksum_sum(udp + UDP_HEADER, length - UDP_HEADER);
}

/* Sum of pseudo-header and TCP header without length, sequence number, flags and checksum. */
static uint64_t fixed_tcp(const uint8_t *tcp, size_t length) {
  return (uint64_t)TCP + checksum_sum(tcp, TCP_SEQUENCE) + checksum_sum(tcp + TCP_ACKNOWLEDGEMENT, 4) +
         ((uint32_t)tcp[TCP_DATA_OFFSET] << 8) + get16(tcp + TCP_WINDOW) +
         checksum_sum(tcp + TCP_URGENT, length - TCP_URGENT);
}

void split_write(const struct split *split, uint8_t *target) {
  const uint8_t *packet = split->packet;
  const uint8_t *transport = packet + split->transport;
  const int version = version_of(split);
  const size_t headers = split->headers;
  const size_t payload = split->length - headers;
  const size_t frames = frames_of(split);

  /* What the checksums of all frames have in common is summed once. */
  const size_t transport_header = headers - split->transport;
  const uint64_t ip_sum = version == 4 ? fixed_ipv4(packet, split->transport) : 0;
  const uint64_t transport_sum =
      checksum_addresses(packet, version) +
      (split->udp ? fixed_udp(transport, transport_header) : fixed_tcp(transport, transport_header));
  const uint32_t identification = get16(packet + IPV4_ID);
  const uint32_t sequence = get32(transport + TCP_SEQUENCE);

  size_t done = 0;
  for (size_t i = 0; i < frames; i++, done += split->segment) {
    const bool last = i + 1 == frames;
    const size_t data = last ? payload - done : split->segment;
    memcpy(target, split->prefix, split->prefix_length);
    target += split->prefix_length;
    memcpy(target, packet, headers);
    const uint64_t data_sum = checksum_copy(target + headers, packet + headers + done, data);

    const uint32_t ip_length = (uint32_t)(headers + data);
    if (version == 4) {
      const uint16_t id = (uint16_t)(identification + i);
      put16(target + IPV4_TOTAL_LENGTH, ip_length);
      put16(target + IPV4_ID, id);
      put16(target + IPV4_CHECKSUM, ~checksum_fold(ip_sum + ip_length + id));
    } else {
      put16(target + IPV6_PAYLOAD_LENGTH, ip_length - IPV6_HEADER);
    }

    uint8_t *header = target + split->transport;
    const uint32_t transport_length = ip_length - (uint32_t)split->transport;
    uint64_t sum = transport_sum + transport_length + data_sum;
    if (split->udp) {
      /* The length counts twice: in the header and in the pseudo-header. A sum of 0 would mean "none" (RFC 768). */
      const uint16_t checksum = (uint16_t)~checksum_fold(sum + transport_length);
      put16(header + UDP_LENGTH, transport_length);
      put16(header + UDP_CHECKSUM, checksum == 0 ? 0xffff : checksum);
    } else {
      const uint32_t frame_sequence = sequence + (uint32_t)done;
      uint8_t flags = transport[TCP_FLAGS];
      if (i > 0) flags &= (uint8_t)~TCP_CWR;
      if (!last) flags &= (uint8_t) ~(TCP_FIN | TCP_PSH);
      put32(header + TCP_SEQUENCE, frame_sequence);
      header[TCP_FLAGS] = flags;
      put16(header + TCP_CHECKSUM, ~checksum_fold(sum + flags + frame_sequence));
    }
    target += ip_length;
  }
}
