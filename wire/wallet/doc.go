// Package wallet describes how the wallet API (yunchaoplus, 2021) looks on the
// wire: its sealed envelope, replies, objects of both generations, error codes,
// webhooks and paging. It knows nothing of the rules of refunds, of storage or
// of HTTP routing.
//
// Amounts are int64 in the minor unit of their currency; times are int64 Unix
// seconds. Sections named in comments are those of the project's contract page
// protocols/wallet.md, which tells what the published page says, what its
// sibling pages say, and what we decided.
package wallet
