#include "join.h"

#include <stddef.h>
#include <string.h>

#include "bytes.h"
#include "checksum.h"

/*
 *  packets   A0   B0   A1   A2   C0   B1
 *  records   A0+payload A1+payload A2   B0+payload B1   C0
 */

enum {
  /* Packets looked at together: as many as one writev can take, so that no superpacket has more records. */
  RUN = 1024,
  /* Superpackets that can still grow; the kernel's GRO keeps as many. */
  OPEN = 64,
  /* The longest superpacket, bytes with its IP header. */
  LONGEST = 65535,
  /* Datagrams of a UDP superpacket, as many as the kernel's own GRO joins: more than 128 it drops when it cuts them. */
  MOST_DATAGRAMS = 64,
  /* TCP flags that end a superpacket: they may stand on its last packet. */
  TCP_ENDS = TCP_FIN | TCP_PSH,
};

enum found { NOT_IP, NO_FLOW, FLOW };

/* The packet in hand. */
struct packet {
  uint8_t *at;
  uint32_t length;
  uint32_t version;
  uint32_t protocol;
  uint32_t transport;
  uint32_t headers;
  uint32_t payload;
  /* Mix of both addresses: unequal means other addresses. */
  uint32_t pair;
  uint32_t ports;
  uint8_t flags;
  bool joinable;
};

/* A superpacket that can still grow. */
struct open {
  uint8_t *at;
  uint32_t bytes;
  uint32_t version;
  uint32_t protocol;
  uint32_t pair;
  uint32_t ports;
  uint32_t headers;
  uint32_t payload;
  uint32_t first;
  uint32_t latest;
  uint32_t packets;
  uint32_t first_bytes;
  uint8_t latest_flags;
};

struct run {
  struct open open[OPEN];
  uint32_t open_count;
  bool tcp;
  bool udp;
  /* For each packet: the packet that continues it, or -1; and the bytes of headers to leave out. */
  int16_t next[RUN];
  uint8_t skip[RUN];
};

static uint32_t mix_addresses(const uint8_t *ip, uint32_t version) {
  const uint8_t *at = ip + (version == 4 ? IPV4_SOURCE : IPV6_SOURCE);
  const uint8_t *end = at + (version == 4 ? 8 : 32);
  uint32_t mix = version;
  for (; at < end; at += 4) mix = (mix ^ get32(at)) * 0x9e3779b1u;
  return mix;
}

static enum found parse(const struct run *run, uint8_t *at, uint32_t length, struct packet *packet) {
  uint32_t version = length > 0 ? at[0] >> 4 : 0;
  uint32_t ip_header = version == 4 ? IPV4_HEADER : IPV6_HEADER;
  if ((version != 4 && version != 6) || length < ip_header) return NOT_IP;
  const uint8_t *transport = at + ip_header;
  uint32_t rest = length - ip_header;
  packet->at = at;
  packet->length = length;
  packet->version = version;
  packet->transport = ip_header;
  packet->pair = mix_addresses(at, version);
  if (version == 4) {
    if (at[0] != 0x45 || (get16(at + IPV4_FRAGMENT) & ~IPV4_DF) != 0 || get16(at + IPV4_TOTAL_LENGTH) != length)
      return NO_FLOW;
    packet->protocol = at[IPV4_PROTOCOL];
  } else {
    if (get16(at + IPV6_PAYLOAD_LENGTH) != rest) return NO_FLOW;
    packet->protocol = at[IPV6_NEXT_HEADER];
  }

  if (packet->protocol == PROTOCOL_TCP) {
    if (rest < TCP_HEADER) return NO_FLOW;
    uint32_t header = (uint32_t)(transport[TCP_DATA_OFFSET] >> 4) * 4;
    if (header < TCP_HEADER || header > rest) return NO_FLOW;
    packet->headers = ip_header + header;
    packet->flags = transport[TCP_FLAGS];
    packet->joinable = run->tcp && (packet->flags & (TCP_SYN | TCP_RST | TCP_URG)) == 0;
  } else if (packet->protocol == PROTOCOL_UDP) {
    if (rest < UDP_HEADER || get16(transport + UDP_LENGTH) != rest) return NO_FLOW;
    packet->headers = ip_header + UDP_HEADER;
    packet->flags = 0;
    packet->joinable = run->udp && get16(transport + UDP_CHECKSUM) != 0;
  } else {
    return NO_FLOW;
  }
  packet->payload = length - packet->headers;
  if (packet->payload == 0) packet->joinable = false;
  packet->ports = get32(transport);
  return FLOW;
}

static bool same_addresses(const struct packet *packet, const struct open *open) {
  if (open->pair != packet->pair || open->version != packet->version) return false;
  return packet->version == 4 ? memcmp(packet->at + IPV4_SOURCE, open->at + IPV4_SOURCE, 8) == 0
                              : memcmp(packet->at + IPV6_SOURCE, open->at + IPV6_SOURCE, 32) == 0;
}

static struct open *find(struct run *run, const struct packet *packet) {
  for (uint32_t i = 0; i < run->open_count; i++) {
    struct open *open = &run->open[i];
    if (open->ports == packet->ports && open->protocol == packet->protocol && same_addresses(packet, open)) return open;
  }
  return NULL;
}

/* Sum of the pseudo-header (RFC 9293 §3.1, RFC 8200 §8.1). */
static uint32_t pseudo_header_sum(const uint8_t *ip, uint32_t version, uint32_t protocol, uint32_t length) {
  uint32_t addresses = version == 4 ? pw_sum(ip + IPV4_SOURCE, 8, 0) : pw_sum(ip + IPV6_SOURCE, 32, 0);
  return addresses + protocol + length;
}

/* Whether the checksums of a packet of the flow in hand are right. */
static bool intact(const struct packet *flow, const uint8_t *at, uint32_t length) {
  if (flow->version == 4 && pw_sum(at, IPV4_HEADER, 0) != 0xffff) return false;
  uint32_t transport_length = length - flow->transport;
  uint32_t pseudo = pseudo_header_sum(at, flow->version, flow->protocol, transport_length);
  return pw_sum(at + flow->transport, transport_length, pseudo) == 0xffff;
}

static bool continues_tcp(const struct packet *packet, const struct open *open) {
  const uint8_t *tcp = packet->at + packet->transport;
  const uint8_t *first = open->at + packet->transport;
  if (packet->headers != open->headers) return false;
  /* A split leaves CWR to the first packet alone. */
  if ((packet->flags & ~TCP_ENDS) != (first[TCP_FLAGS] & ~TCP_CWR)) return false;
  uint32_t sent = open->bytes - packet->headers;
  return get32(tcp + TCP_SEQUENCE) == get32(first + TCP_SEQUENCE) + sent &&
         get32(tcp + TCP_ACKNOWLEDGEMENT) == get32(first + TCP_ACKNOWLEDGEMENT) &&
         tcp[TCP_DATA_OFFSET] == first[TCP_DATA_OFFSET] && get16(tcp + TCP_WINDOW) == get16(first + TCP_WINDOW) &&
         get16(tcp + TCP_URGENT) == get16(first + TCP_URGENT) &&
         memcmp(tcp + TCP_HEADER, first + TCP_HEADER, packet->headers - packet->transport - TCP_HEADER) == 0;
}

/* Whether a split of the superpacket with this packet at its end would give this very packet. */
static bool continues(const struct packet *packet, const struct open *open) {
  const uint8_t *at = packet->at;
  const uint8_t *first = open->at;
  if (packet->payload > open->payload || open->bytes + packet->payload > LONGEST) return false;
  if (packet->protocol == PROTOCOL_UDP && open->packets >= MOST_DATAGRAMS) return false;
  if (packet->version == 4) {
    uint16_t fragment = get16(first + IPV4_FRAGMENT);
    if (at[IPV4_TOS] != first[IPV4_TOS] || at[IPV4_TTL] != first[IPV4_TTL]) return false;
    if (get16(at + IPV4_FRAGMENT) != fragment) return false;
    uint16_t id = (uint16_t)(get16(first + IPV4_ID) + open->packets);
    if ((fragment & IPV4_DF) == 0 && get16(at + IPV4_ID) != id) return false;
  } else {
    /* Version, traffic class and flow label are the first word. */
    if (get32(at) != get32(first) || at[IPV6_HOP_LIMIT] != first[IPV6_HOP_LIMIT]) return false;
  }
  if (packet->protocol == PROTOCOL_TCP && !continues_tcp(packet, open)) return false;

  /* The costly part comes last, and for the first packet only when a second one fits. */
  if (open->packets == 1 && !intact(packet, first, open->first_bytes)) return false;
  return intact(packet, at, packet->length);
}

/* The headers of the first packet now speak for all of the superpacket. */
static void write_headers(const struct open *open) {
  uint8_t *at = open->at;
  uint32_t ip_header = open->version == 4 ? IPV4_HEADER : IPV6_HEADER;
  uint32_t transport_length = open->bytes - ip_header;
  uint8_t *transport = at + ip_header;
  if (open->version == 4) {
    put16(at + IPV4_TOTAL_LENGTH, open->bytes);
    put16(at + IPV4_CHECKSUM, 0);
    put16(at + IPV4_CHECKSUM, (uint16_t)~pw_sum(at, IPV4_HEADER, 0));
  } else {
    put16(at + IPV6_PAYLOAD_LENGTH, transport_length);
  }
  uint32_t gso = GSO_UDP_L4;
  uint32_t checksum = UDP_CHECKSUM;
  if (open->protocol == PROTOCOL_TCP) {
    gso = open->version == 4 ? GSO_TCPV4 : GSO_TCPV6;
    checksum = TCP_CHECKSUM;
    if ((transport[TCP_FLAGS] & TCP_CWR) != 0) gso |= GSO_ECN;
    transport[TCP_FLAGS] |= open->latest_flags & TCP_ENDS;
  } else {
    put16(transport + UDP_LENGTH, transport_length);
  }
  put16(transport + checksum, pw_fold(pseudo_header_sum(at, open->version, open->protocol, transport_length)));

  uint8_t *virtio = at - VIRTIO_HEADER;
  virtio[VIRTIO_FLAGS] = VIRTIO_NEEDS_CSUM;
  virtio[VIRTIO_GSO] = (uint8_t)gso;
  put_little16(virtio + VIRTIO_HEADER_LENGTH, open->headers);
  put_little16(virtio + VIRTIO_GSO_SIZE, open->payload);
  put_little16(virtio + VIRTIO_SUM_START, ip_header);
  put_little16(virtio + VIRTIO_SUM_OFFSET, checksum);
}

/* Closes a superpacket. The last one takes the freed place. */
static void finish(struct run *run, struct open *open) {
  if (open->packets > 1) write_headers(open);
  struct open *last = &run->open[--run->open_count];
  if (open != last) *open = *last;
}

static void begin(struct run *run, const struct packet *packet, uint32_t index) {
  if (run->open_count == OPEN) {
    struct open *oldest = &run->open[0];
    for (uint32_t i = 1; i < OPEN; i++)
      if (run->open[i].first < oldest->first) oldest = &run->open[i];
    finish(run, oldest);
  }
  run->open[run->open_count++] = (struct open){
      .at = packet->at,
      .bytes = packet->length,
      .version = packet->version,
      .protocol = packet->protocol,
      .pair = packet->pair,
      .ports = packet->ports,
      .headers = packet->headers,
      .payload = packet->payload,
      .first = index,
      .latest = index,
      .packets = 1,
      .first_bytes = packet->length,
  };
}

static void append(struct run *run, struct open *open, const struct packet *packet, uint32_t index) {
  run->next[open->latest] = (int16_t)index;
  run->skip[index] = (uint8_t)packet->headers;
  open->latest = index;
  open->latest_flags = packet->flags;
  open->bytes += packet->payload;
  open->packets++;
}

/* Gives the packet its place: in an open superpacket, as a new one, or alone. */
static void place(struct run *run, uint8_t *at, uint32_t length, uint32_t index, bool alone) {
  struct packet packet;
  if (!alone) memset(at - VIRTIO_HEADER, 0, VIRTIO_HEADER);
  run->next[index] = -1;
  run->skip[index] = 0;
  enum found found = parse(run, at, length, &packet);
  if (found == NOT_IP) return;
  if (found == NO_FLOW || alone) {
    for (uint32_t i = run->open_count; i-- > 0;)
      if (same_addresses(&packet, &run->open[i])) finish(run, &run->open[i]);
    return;
  }
  struct open *open = find(run, &packet);
  if (open != NULL) {
    if (packet.joinable && continues(&packet, open)) {
      append(run, open, &packet, index);
      if (packet.payload < open->payload || (packet.flags & TCP_ENDS) != 0) finish(run, open);
      return;
    }
    finish(run, open);
  }
  if (packet.joinable && (packet.flags & TCP_ENDS) == 0) begin(run, &packet, index);
}

/* Each packet that is no continuation, and behind it what continues it. */
static void emit(const struct run *run, const struct pw_record *packets, struct pw_record *joined, uint32_t count) {
  for (uint32_t first = 0; first < count; first++) {
    if (run->skip[first] != 0) continue;
    for (int32_t i = (int32_t)first; i >= 0; i = run->next[i]) {
      *joined++ = (struct pw_record){
          .offset = packets[i].offset + run->skip[i],
          .length = packets[i].length - run->skip[i],
          .flags = run->next[i] >= 0 ? RECORD_MORE : 0,
      };
    }
  }
}

void pw_join(uint8_t *bytes, const struct pw_record *packets, uint32_t count, struct pw_record *joined, bool tcp,
             bool udp) {
  struct run run;
  run.tcp = tcp;
  run.udp = udp;
  for (uint32_t start = 0; start < count; start += RUN) {
    uint32_t length = count - start < RUN ? count - start : RUN;
    run.open_count = 0;
    for (uint32_t i = 0; i < length; i++) {
      const struct pw_record *packet = &packets[start + i];
      place(&run, bytes + packet->offset, (uint32_t)packet->length, i, (packet->flags & RECORD_ALONE) != 0);
    }
    while (run.open_count > 0) finish(&run, &run.open[0]);
    emit(&run, packets + start, joined + start, length);
  }
}
