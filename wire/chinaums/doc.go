// Package chinaums describes how ChinaUMS (net-pay) looks on the wire to a
// merchant: both generations of its requests, the header that signs those of the
// open platform, the signature that stands in a message itself, as in the older
// requests and in every notification, and what answers and notifications say. It
// knows nothing of the rules of refunds or of HTTP routing.
//
// Amounts are int64 fen, written as text and read as numbers or text. Times are
// in Beijing. Ids in comments are those of the rules in docs/rules/wallet.md.
package chinaums
