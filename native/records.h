/*
 * A batch's records, as src/bytes/batch.ts lays them out: rows of 32-bit integers.
 *
 *  word   0      1      2       3     4      5      6    7   8 9 10 11
 *      +------+------+-------+-----+------+------+----+---+-----------+
 *      |offset|length|segment|flags|status|socket|port|tos|  address  |
 *      +------+------+-------+-----+------+------+----+---+-----------+
 */
#ifndef PODWIRE_RECORDS_H
#define PODWIRE_RECORDS_H

#include <stdint.h>

struct pw_record {
  int32_t offset;
  int32_t length;
  int32_t segment;
  int32_t flags;
  int32_t status;
  int32_t socket;
  int32_t port;
  int32_t tos;
  /* Host-order words, most significant first; IPv4 as ::ffff:a.b.c.d. */
  int32_t address[4];
};

enum { RECORD_WORDS = 12, RECORD_MORE = 1, RECORD_ALONE = 2 };

_Static_assert(sizeof(struct pw_record) == RECORD_WORDS * sizeof(int32_t), "a record is a row of the table");

#endif
