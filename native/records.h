/* A batch's table of records, as src/bytes/batch.ts has it: a record is a row of RECORD 32-bit integers.
 *
 *  word   0      1      2       3     4      5      6    7   8 9 10 11
 *      +------+------+-------+-----+------+------+----+---+-----------+
 *      |offset|length|segment|flags|status|socket|port|tos|  address  |
 *      +------+------+-------+-----+------+------+----+---+-----------+
 */
#ifndef PODWIRE_RECORDS_H
#define PODWIRE_RECORDS_H

enum {
  OFFSET = 0,
  LENGTH = 1,
  SEGMENT = 2,
  FLAGS = 3,
  STATUS = 4,
  SOCKET = 5,
  PORT = 6,
  TOS = 7,
  ADDRESS = 8,
  RECORD = 12,
};

/* Flag: the packet goes on in the next record. */
enum { MORE = 1 };

/* Bytes of struct virtio_net_hdr before each packet of a device. */
enum { VIRTIO_HEADER = 10 };

#endif
