// Package payin describes how the Payin acquiring API (SGate, formerly GCCPay)
// looks on the wire: its header signature, operations, ids, objects, amounts,
// errors, notifications and daily file. It knows nothing of the rules of
// refunds, of storage or of HTTP routing.
//
// Amounts are money.Minor in ISO 4217 minor units of their currency; on the
// wire they are decimal text in requests and JSON numbers in answers. Ids in
// comments, such as Y3.2-1, are those of the rules in docs/rules/payin.md;
// those that begin with Y7 are decisions of ours.
package payin
