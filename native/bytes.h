/* Big-endian fields at any alignment, and the headers that the byte work reads and writes. Diagrams: src/wire. */
#ifndef PODWIRE_BYTES_H
#define PODWIRE_BYTES_H

#include <stdint.h>
#include <string.h>

static inline uint16_t get16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }

static inline uint32_t get32(const uint8_t *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline void put16(uint8_t *at, uint32_t value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

static inline void put32(uint8_t *at, uint32_t value) {
  put16(at, value >> 16);
  put16(at + 2, value);
}

static inline void put_little16(uint8_t *at, uint32_t value) {
  at[0] = (uint8_t)value;
  at[1] = (uint8_t)(value >> 8);
}

enum { PROTOCOL_TCP = 6, PROTOCOL_UDP = 17 };

enum {
  IPV4_HEADER = 20,
  IPV4_TOS = 1,
  IPV4_TOTAL_LENGTH = 2,
  IPV4_ID = 4,
  IPV4_FRAGMENT = 6,
  IPV4_TTL = 8,
  IPV4_PROTOCOL = 9,
  IPV4_CHECKSUM = 10,
  IPV4_SOURCE = 12,
  IPV4_DF = 0x4000,
};

enum {
  IPV6_HEADER = 40,
  IPV6_PAYLOAD_LENGTH = 4,
  IPV6_NEXT_HEADER = 6,
  IPV6_HOP_LIMIT = 7,
  IPV6_SOURCE = 8,
};

enum {
  TCP_HEADER = 20,
  TCP_SEQUENCE = 4,
  TCP_ACKNOWLEDGEMENT = 8,
  TCP_DATA_OFFSET = 12,
  TCP_FLAGS = 13,
  TCP_WINDOW = 14,
  TCP_CHECKSUM = 16,
  TCP_URGENT = 18,
  TCP_FIN = 0x01,
  TCP_SYN = 0x02,
  TCP_RST = 0x04,
  TCP_PSH = 0x08,
  TCP_URG = 0x20,
  TCP_CWR = 0x80,
};

enum { UDP_HEADER = 8, UDP_LENGTH = 4, UDP_CHECKSUM = 6 };

/* struct virtio_net_hdr, little-endian fields. */
enum {
  VIRTIO_HEADER = 10,
  VIRTIO_FLAGS = 0,
  VIRTIO_GSO = 1,
  VIRTIO_HEADER_LENGTH = 2,
  VIRTIO_GSO_SIZE = 4,
  VIRTIO_SUM_START = 6,
  VIRTIO_SUM_OFFSET = 8,
  VIRTIO_NEEDS_CSUM = 1,
  GSO_TCPV4 = 1,
  GSO_TCPV6 = 4,
  GSO_UDP_L4 = 5,
  GSO_ECN = 0x80,
};

#endif
