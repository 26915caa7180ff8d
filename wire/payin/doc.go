// Package payin describes how the Payin acquiring API (SGate, formerly GCCPay)
// looks on the wire: its header signature, operations, ids, objects, amounts,
// errors, notifications and daily file. It knows nothing of the rules of
// refunds, of storage or of HTTP routing.
//
// Amounts are money.Minor in ISO 4217 minor units of their currency; on the
// wire they are decimal text in requests and JSON numbers in answers. Sections
// named in comments are those of the project's contract page
// protocols/payin.md. What the published page of refunds and the sibling pages
// of its set print is marked so; everything else is our own decision there.
package payin
