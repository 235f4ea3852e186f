/** The schema of gossip. Generated from proto/gossip.proto by `npm run proto`: change it there. */
import type { INamespace } from 'protobufjs/light.js';

export const DESCRIPTOR: INamespace = {
  nested: {
    podwire: {
      nested: {
        gossip: {
          nested: {
            Statement: {
              fields: {
                node: { type: 'string', id: 1 },
                incarnation: { type: 'uint32', id: 2 },
                publicKey: { type: 'bytes', id: 3 },
                underlay: { type: 'bytes', id: 4 },
                gossipPort: { type: 'uint32', id: 5 },
                vxlanPort: { type: 'uint32', id: 6 },
                mac: { type: 'bytes', id: 7 },
                podCidr: { rule: 'repeated', type: 'Prefix', id: 8 },
                epoch: { type: 'uint32', id: 9 },
                keys: { rule: 'repeated', type: 'fixed32', id: 10 },
                features: { type: 'uint32', id: 11 },
                otherUnderlay: { type: 'bytes', id: 12 },
              },
            },
            Prefix: { fields: { address: { type: 'bytes', id: 1 }, length: { type: 'uint32', id: 2 } } },
            SignedStatement: { fields: { statement: { type: 'bytes', id: 1 }, signature: { type: 'bytes', id: 2 } } },
            Packet: {
              oneofs: { probe: { oneof: ['ping', 'pingRequest', 'ack', 'nack'] } },
              fields: {
                version: { type: 'uint32', id: 1 },
                from: { type: 'string', id: 2 },
                ping: { type: 'Ping', id: 3 },
                pingRequest: { type: 'Ping', id: 4 },
                ack: { type: 'Answer', id: 5 },
                nack: { type: 'Answer', id: 6 },
                updates: { rule: 'repeated', type: 'Update', id: 7 },
              },
            },
            Ping: { fields: { seq: { type: 'uint32', id: 1 }, target: { type: 'string', id: 2 } } },
            Answer: { fields: { seq: { type: 'uint32', id: 1 } } },
            Update: {
              oneofs: { kind: { oneof: ['alive', 'suspect', 'dead', 'left'] } },
              fields: {
                alive: { type: 'SignedStatement', id: 1 },
                suspect: { type: 'Accusation', id: 2 },
                dead: { type: 'Accusation', id: 3 },
                left: { type: 'Departure', id: 4 },
              },
            },
            Accusation: {
              fields: {
                node: { type: 'string', id: 1 },
                incarnation: { type: 'uint32', id: 2 },
                from: { type: 'string', id: 3 },
              },
            },
            Departure: { fields: { node: { type: 'string', id: 1 }, incarnation: { type: 'uint32', id: 2 } } },
            StreamMessage: {
              oneofs: { kind: { oneof: ['state', 'ping', 'ack'] } },
              fields: {
                version: { type: 'uint32', id: 1 },
                state: { type: 'State', id: 2 },
                ping: { type: 'Ping', id: 3 },
                ack: { type: 'Answer', id: 4 },
              },
            },
            State: {
              fields: {
                from: { type: 'string', id: 1 },
                records: { rule: 'repeated', type: 'Record', id: 2 },
                last: { type: 'bool', id: 3 },
              },
            },
            Record: {
              fields: {
                statement: { type: 'SignedStatement', id: 1 },
                state: { type: 'MemberState', id: 2 },
                incarnation: { type: 'uint32', id: 3 },
                ageMs: { type: 'uint32', id: 4 },
              },
            },
            MemberState: { values: { ALIVE: 0, SUSPECT: 1, DEAD: 2, LEFT: 3 } },
          },
        },
      },
    },
  },
};
