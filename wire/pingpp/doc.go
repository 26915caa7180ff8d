// Package pingpp describes how the Ping++ server API looks on the wire: its
// objects, ids, keys, signatures, channels and texts. It knows nothing of the
// rules of refunds, of storage or of HTTP routing.
//
// Amounts are int64 in the smallest unit of their currency (fen for cny); times
// are int64 Unix seconds. Ids in comments, such as P2.2-1, are those of the
// rules in docs/rules/pingpp.md. Java and C# clients hold amounts in signed 32
// bits and C# holds times there too; this package does not narrow them, the
// caller decides what it accepts.
package pingpp
