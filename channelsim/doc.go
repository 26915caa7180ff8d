// Package channelsim is the server side of the channels where money moves: books of
// payments and refunds, a clock that can be moved, notices that are sent until they
// are taken, and the faults that real channels have. `refundry channel-sim` serves it,
// and merchants run it in their own tests.
//
// The package shares no code with the connectors in channel/... or with the protocols
// in wire/... that they use: what both took from one place would be wrong on both
// sides, and no test would see it. internal/tidy checks the imports.
//
// # How to write a side
//
// A channel is a Side, in a folder of its own below this one, written from the
// channel's documents with the standard library (wire/pemkey, wire/form,
// wire/exactjson and money may be used). It holds what only that channel does: paths,
// signatures, the form of requests and answers, its windows and counts, and when two
// requests are the same one. The Simulator does the rest:
//
//  1. It reads the request and calls Authenticate, without a lock. An answer returned
//     there is sent as it is.
//  2. It calls Serve with the books locked. Serve finds out what is asked for, reads
//     it, and calls Call.Begin with the step and the refund's number (or the payment's,
//     or the bill's day). Where Begin returns an answer, Serve returns it: a fault has
//     taken the call's place. Begin comes after the check of the form and before
//     anything is looked at in the books.
//  3. Serve looks at the books (Call.Books), refuses what the channel refuses, and calls
//     Books.Create for a new refund, which keeps the rule that no more is given back
//     than was paid. A repeated submit finds its refund by Books.Refund, a query by
//     Call.Refund.
//  4. Whatever it answers of a refund is rendered from Call.View, of a payment from
//     Call.Amount, and a bill from Call.BillRows: there the faults wrong_amount, reorder
//     and lying_bill change what is shown.
//  5. The Simulator calls Sign for every answer of Serve, without a lock.
//
// When a refund's state changes, the Simulator calls Notice for each attempt to tell the
// merchant, and Accepted with what was answered.
package channelsim
