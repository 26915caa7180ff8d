// Package sim has the whole service at work under simulated time and injected
// faults: its intake, engine, database, webhooks and API, with channels, receivers
// and merchants' programs that are played. Hours pass in seconds, so what takes
// long in the field is seen here: who waits for whom, and what becomes of a refund
// whose channel answers late, wrong or not at all.
//
// The service's own loops run as they do in production, because what is looked for
// lies between them. A Drive moves the clock of a service on whenever nothing is
// under way. Tests of fairness have all of it in a bubble of testing/synctest.
//
// One seed decides what is asked for, when, and how the world answers; which of two
// goroutines that are ready at the same instant goes first is not decided by it,
// and must not matter.
package sim
