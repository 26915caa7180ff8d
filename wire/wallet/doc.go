// Package wallet describes how the wallet API (yunchaoplus, 2021) looks on the
// wire: its sealed envelope, replies, objects of both generations, error codes,
// webhooks and paging. It knows nothing of the rules of refunds, of storage or
// of HTTP routing.
//
// Amounts are int64 in the minor unit of their currency; times are int64 Unix
// seconds. Ids in comments, such as L2.2-1, are those of the rules in
// docs/rules/wallet.md; those that begin with L6 are decisions of ours.
package wallet
