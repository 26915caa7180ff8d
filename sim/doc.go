// Package sim has the whole service at work under simulated time and injected
// faults: its intake, engine, database, webhooks and API, with channels, receivers
// and merchants' programs that are played. Hours pass in seconds (testing/synctest),
// so what takes long in the field is seen here: who waits for whom.
//
// One seed decides what is asked for, when, and how long each part of the world
// takes to answer. The service's own loops run as they do in production, because
// what is looked for lies between them; which of two goroutines that are ready at
// the same instant goes first is not decided by the seed, and must not matter.
package sim
